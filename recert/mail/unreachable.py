"""Undeliverable addresses: recorded when a server reports them, deleted when mail arrives."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.actor import system
from recert.mail.models import MessageState, OutboxMessage, Undeliverable
from recert.trail.actions import Action

QUIET = timedelta(days=1)  # so long no bounce: the mail has arrived
ACTOR = system("undeliverable mail")


def note(session: Session, address: str, reason: str, message_id: str, *, now: datetime) -> None:
    """Records that a mail server refused this address permanently."""
    row = session.get(Undeliverable, address)
    if row is not None:
        row.reason, row.message_id, row.at = reason, message_id, now
        return
    session.add(Undeliverable(address=address, reason=reason, message_id=message_id, at=now))
    details = {"reason": reason, "message_id": message_id}
    subject = f"address:{address}"
    trail.append(session, Action.ADDRESS_UNREACHABLE, subject, details, actor=ACTOR, at=now)


def bounced(session: Session, message_id: str, reason: str, *, now: datetime) -> None:
    """Records that an accepted mail bounced permanently. The first report counts."""
    is_that_mail = (OutboxMessage.message_id == message_id, OutboxMessage.bounced_at.is_(None))
    topic = session.scalar(
        update(OutboxMessage)
        .where(*is_that_mail)
        .values(bounced_at=now, bounce=reason)
        .returning(OutboxMessage.topic)
    )
    if topic is not None:
        details = {"reason": reason, "message_id": message_id}
        trail.append(session, Action.MAIL_BOUNCED, topic, details, actor=ACTOR, at=now)


def reached(session: Session, address: str, *, now: datetime) -> bool:
    """Deletes the mark of an address that mail reached; True when there was one."""
    gone = session.execute(delete(Undeliverable).where(Undeliverable.address == address))
    if not getattr(gone, "rowcount", 0):
        return False
    trail.append(session, Action.ADDRESS_REACHED, f"address:{address}", {}, actor=ACTOR, at=now)
    return True


def forget_reached(session: Session, *, now: datetime) -> int:
    """Addresses to which a later mail went a day ago and did not come back; how many."""
    later = (
        select(Undeliverable.address)
        .join(OutboxMessage, OutboxMessage.to_address == Undeliverable.address)
        .where(
            OutboxMessage.state == MessageState.SENT,
            OutboxMessage.sent_at > Undeliverable.at,
            OutboxMessage.sent_at <= now - QUIET,
        )
        .distinct()
    )
    return sum(reached(session, address, now=now) for address in session.scalars(later).all())


def not_notified(session: Session) -> Sequence[Undeliverable]:
    """The addresses of which nobody was notified yet, locked for update."""
    query = select(Undeliverable).where(Undeliverable.notified_at.is_(None))
    return session.scalars(query.order_by(Undeliverable.at).with_for_update()).all()
