"""The register of emergency ("break-glass") accounts: they are not dormant although nobody uses
them, and each use is reviewed afterwards."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from recert.foundation.actor import Role
from recert.foundation.db import AnyRow, one_at_a_time
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.inventory.models import Account, EmergencyAccount, Server
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST_REASON = 1000


class NoSuchEmergencyAccount(NotFound):
    """There is no emergency account of this number. `recert emergency list` shows them."""


def mark(act: Act, server: Server, account: str, reason: str) -> EmergencyAccount:
    """Says that an account of a server is one for emergencies, and why there must be one."""
    act.actor.require(Role.ADMINISTRATOR)
    name, why = account.strip(), reason.strip()
    if not why or len(why) > LONGEST_REASON:
        raise BadInput(f"Say in up to {LONGEST_REASON} characters what the account is kept for.")
    one_at_a_time(act.session, "mark emergency account")
    known = (Account.server_id == server.id, Account.name == name)
    there = select(Account.id).where(*known, Account.gone_snapshot_id.is_(None))
    if act.session.scalar(there) is None:
        raise BadInput(f"The last snapshot of {server.name} has no account {name!r}.")
    same = (EmergencyAccount.server_id == server.id, EmergencyAccount.name == name)
    if act.session.scalar(
        select(EmergencyAccount.id).where(*same, EmergencyAccount.ended_at.is_(None))
    ):
        raise BadInput(f"{name} on {server.name} is an emergency account already.")
    marked = EmergencyAccount(
        server_id=server.id, name=name, reason=why, marked_by=act.actor.name, marked_at=act.now
    )
    act.session.add(marked)
    act.session.flush()
    details = {"server": server.name, "account": name, "reason": why}
    act.record(Action.EMERGENCY_ACCOUNT_MARKED, marked.ref, details)
    return marked


def end(act: Act, number: int) -> None:
    """The account is one like others again. MovedMeanwhile when somebody was faster."""
    act.actor.require(Role.ADMINISTRATOR)
    marked = act.session.get(EmergencyAccount, number)
    if marked is None:
        raise NoSuchEmergencyAccount(f"Asked for: {number}.")
    if marked.ended_at:
        raise MovedMeanwhile(f"It was ended by {marked.ended_by} already.")
    marked.ended_at, marked.ended_by = act.now, act.actor.name
    details = {"account": marked.name}
    act.record(Action.EMERGENCY_ACCOUNT_ENDED, marked.ref, details)


def register(session: Session) -> Sequence[AnyRow]:
    """All of them, those that count first, with the server's name and the live account's number."""
    live = (
        (Account.server_id == EmergencyAccount.server_id)
        & (Account.name == EmergencyAccount.name)
        & Account.gone_snapshot_id.is_(None)
    )
    query = (
        select(EmergencyAccount, Server.name.label("server"), Account.id.label("account_id"))
        .join(Server, Server.id == EmergencyAccount.server_id)
        .outerjoin(Account, live)
        .order_by(EmergencyAccount.ended_at.is_not(None), Server.name, EmergencyAccount.name)
    )
    return session.execute(query).all()


def is_emergency() -> ColumnElement[bool]:
    """The condition that an account of a statement is marked."""
    return exists(select(EmergencyAccount.id).where(*_same()).correlate(Account))


def reason_column() -> ColumnElement[str]:
    """Why the account of a row is one, for a statement over many: NULL when it is not."""
    return select(EmergencyAccount.reason).where(*_same()).correlate(Account).scalar_subquery()


def _same_account() -> ColumnElement[bool]:
    same = EmergencyAccount.server_id == Account.server_id
    return same & (EmergencyAccount.name == Account.name)


def _same() -> tuple[ColumnElement[bool], ...]:
    return (_same_account(), EmergencyAccount.ended_at.is_(None))
