"""Access that is left out of campaigns: with a reason, a second person and an end date.

The register is one for all campaigns. What was excluded from a campaign is frozen with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, or_, select, update
from sqlalchemy.orm import Session

from recert.campaigns.setup.models import Exclusion
from recert.campaigns.setup.scope import in_folder
from recert.foundation.actor import Actor, Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.foundation.separation import Party, Step
from recert.inventory.models import Account, Grant, Server
from recert.inventory.service import clean_path
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST = timedelta(days=366)


class NoSuchExclusion(NotFound):
    """There is no exclusion of this number. `recert campaign exclusions` shows them."""


def ask(
    act: Act, server: Server, account: str, folder: str, reason: str, ends_at: datetime
) -> Exclusion:
    """Asks to leave out an account (empty: everybody's access) in a folder and below. It counts
    once a second person has approved it."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why this access shall not be reviewed.")
    if not act.now < ends_at <= act.now + LONGEST:
        raise BadInput("An exclusion ends within a year: choose a date in the future.")
    path = clean_path(folder or "/")
    if not account.strip() and path == "/":
        raise BadInput("This would leave out the whole server. Name an account or a folder.")
    made = Exclusion(
        server_id=server.id,
        account=account.strip(),
        folder=path,
        reason=reason.strip(),
        ends_at=ends_at,
        asked_by=act.actor.name,
        asked_at=act.now,
    )
    act.session.add(made)
    act.session.flush()
    separation.note(act, made.ref, Step.ASKED_EXCLUSION)
    details = {
        "server": server.name,
        "account": made.account,
        "folder": path,
        "reason": made.reason,
        "ends": ends_at.isoformat(),
    }
    act.record(Action.EXCLUSION_ASKED, made.ref, details)
    return made


def approve(act: Act, exclusion: Exclusion) -> None:
    """The second person agrees: not who asked, nor whose account it is."""
    act.actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    if exclusion.ended_at or exclusion.ends_at <= act.now:
        raise BadInput("This exclusion is over. Ask for a new one.")
    step, holder = Step.APPROVED_EXCLUSION, _holder(act.session, exclusion)
    separation.check_and_note(act, step, exclusion.ref, also=holder)
    here = (Exclusion.id == exclusion.id, Exclusion.approved_at.is_(None))
    moved = act.session.execute(
        update(Exclusion).where(*here).values(approved_by=act.actor.name, approved_at=act.now)
    )
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    act.record(Action.EXCLUSION_APPROVED, exclusion.ref, {})


def may_approve(session: Session, exclusion: Exclusion, actor: Actor) -> bool:
    """Whether this person may be the second one."""
    holder = _holder(session, exclusion)
    return separation.may(session, Step.APPROVED_EXCLUSION, exclusion.ref, actor, holder)


def _holder(session: Session, exclusion: Exclusion) -> list[tuple[Step, Party]]:
    if not exclusion.account:
        return []
    here = (Account.server_id == exclusion.server_id, Account.name == exclusion.account)
    return separation.persons(Step.HOLDS, *session.scalars(select(Account.person_id).where(*here)))


def end(act: Act, exclusion: Exclusion) -> None:
    """Takes it back. Campaigns from now on ask about this access again."""
    act.actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    here = (Exclusion.id == exclusion.id, Exclusion.ended_at.is_(None))
    moved = act.session.execute(
        update(Exclusion).where(*here).values(ended_by=act.actor.name, ended_at=act.now)
    )
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    act.record(Action.EXCLUSION_ENDED, exclusion.ref, {})


def exclusion_by_id(session: Session, number: int) -> Exclusion:
    """NoSuchExclusion when there is none."""
    found = session.get(Exclusion, number)
    if found is None:
        raise NoSuchExclusion
    return found


def in_force(session: Session, server_id: int, *, now: datetime) -> Sequence[Exclusion]:
    """Those that count at this moment on one server."""
    here = (
        Exclusion.server_id == server_id,
        Exclusion.approved_at.is_not(None),
        Exclusion.ended_at.is_(None),
        Exclusion.ends_at > now,
    )
    return session.scalars(select(Exclusion).where(*here).order_by(Exclusion.id)).all()


def register(session: Session) -> Sequence[AnyRow]:
    """All of them with their server, the ones that end first on top."""
    query = select(Exclusion, Server.name.label("server")).join(
        Server, Server.id == Exclusion.server_id
    )
    return session.execute(query.order_by(Exclusion.ends_at.desc(), Exclusion.id)).all()


def covers(exclusion: Exclusion) -> ColumnElement[bool]:
    """The condition that a grant, joined to folder and account, is left out by it."""
    mine = [in_folder(exclusion.folder), Grant.server_id == exclusion.server_id]
    if exclusion.account:
        mine.append(Account.name == exclusion.account)
    return and_(*mine)


def covered(exclusions: Sequence[Exclusion]) -> ColumnElement[bool]:
    """The condition that any of them leaves a grant out."""
    return or_(false(), *map(covers, exclusions))
