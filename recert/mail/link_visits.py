"""The access log of links in mails, and the signs in it that a program uses a link."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from recert.mail.bot_detection import BURSTS
from recert.mail.models import LinkVisit, MailToken, VisitKind

KEPT_FOR = timedelta(days=1)
LONGEST_AGENT = 300


@dataclass(frozen=True)
class Caller:
    """Where a request came from."""

    address: str
    agent: str

    @classmethod
    def of(cls, address: str | None, agent: str | None) -> "Caller":
        """What is known of it, cut to a decent length."""
        return cls(address or "", (agent or "")[:LONGEST_AGENT])


def note(
    session: Session, token: MailToken, act: VisitKind, caller: Caller, *, now: datetime
) -> None:
    """Writes one visit down and forgets those of the days before."""
    session.execute(delete(LinkVisit).where(LinkVisit.at < now - KEPT_FOR))
    session.add(
        LinkVisit(
            token_id=token.id,
            holder=token.holder,
            act=act,
            address=caller.address,
            agent=caller.agent,
            at=now,
        )
    )
    session.flush()


def opened_at(session: Session, token: MailToken, caller: Caller) -> datetime | None:
    """When the link was last opened: by this caller, or else by anybody."""
    opened = (LinkVisit.token_id == token.id, LinkVisit.act == VisitKind.OPEN)
    same = (LinkVisit.address == caller.address, LinkVisit.agent == caller.agent)
    newest = select(func.max(LinkVisit.at))
    return session.scalar(newest.where(*opened, *same)) or session.scalar(newest.where(*opened))


def asked_head(session: Session, token: MailToken, caller: Caller) -> bool:
    """Whether the same program tested the link before opening it. Browsers never do."""
    is_head_of_link = (LinkVisit.token_id == token.id, LinkVisit.act == VisitKind.HEAD)
    same = (LinkVisit.address == caller.address, LinkVisit.agent == caller.agent)
    return session.scalar(select(LinkVisit.id).where(*is_head_of_link, *same).limit(1)) is not None


def busiest(
    session: Session, token: MailToken, caller: Caller, *, now: datetime
) -> dict[timedelta, int]:
    """For each window the most links of the same holder that were touched from the same address
    at once: around now, and around the times when this program opened this one. A scanner may
    share its address with the people behind it."""
    mine = (LinkVisit.holder == token.holder, LinkVisit.address == caller.address)
    same = (LinkVisit.token_id == token.id, LinkVisit.agent == caller.agent)
    own = select(LinkVisit.at).where(*mine, *same)
    moments = {now, *session.scalars(own)}
    return {
        window: max(_touched(session, mine, moment, window) for moment in moments)
        for window, _ in BURSTS
    }


def _touched(
    session: Session, mine: tuple[ColumnElement[bool], ...], moment: datetime, window: timedelta
) -> int:
    """The most links within a window that ends or begins at this moment."""
    sides = ((moment - window, moment), (moment, moment + window))
    counted = select(func.count(LinkVisit.token_id.distinct())).where(*mine)
    return max(
        session.scalar(counted.where(LinkVisit.at >= since, LinkVisit.at <= until)) or 0
        for since, until in sides
    )
