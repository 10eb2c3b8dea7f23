"""Somebody answers for a reviewer until a date. Both names stay with each answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.reviewing.models import Delegation
from recert.foundation.actor import Actor, Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, NotAllowed, NotFound
from recert.people import self_assignment
from recert.people.models import AssignedBy, Person
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST = timedelta(days=92)


class NoSuchDelegation(NotFound):
    """There is no delegation of this number."""


def delegate(
    act: Act,
    principal: Person,
    stand_in: Person,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
) -> Delegation:
    """Lets somebody answer for a reviewer, who or an officer may say so. Items move with
    the worker's next run, and come back at the end."""
    _check_who(principal, act.actor)
    if not reason.strip():
        raise BadInput("Say why somebody else answers.")
    if principal.id == stand_in.id or not stand_in.active:
        raise BadInput(f"{stand_in.name} cannot stand in: choose somebody else who is here.")
    if ends_at <= max(starts_at, act.now) or ends_at - starts_at > LONGEST:
        raise BadInput("A delegation has an end in the future, at most 92 days after its start.")
    overlapping = select(Delegation.id).where(
        Delegation.from_id == principal.id,
        Delegation.ended_at.is_(None),
        Delegation.starts_at < ends_at,
        Delegation.ends_at > starts_at,
    )
    if act.session.scalar(overlapping) is not None:
        raise BadInput(f"Somebody answers for {principal.name} in that time already. End it first.")
    made = Delegation(
        from_id=principal.id,
        to_id=stand_in.id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip(),
        made_by=act.actor.name,
        made_at=act.now,
    )
    act.session.add(made)
    act.session.flush()
    if act.actor.person_id != principal.id:  # nobody asks those who ask for it themselves
        own = [(stand_in.id, made.id, f"stands in for {principal.name}")]
        self_assignment.note(act, AssignedBy.DELEGATION, own)
    details = {
        "from": principal.email,
        "to": stand_in.email,
        "starts": starts_at.isoformat(),
        "ends": ends_at.isoformat(),
        "reason": made.reason,
    }
    act.record(Action.DELEGATION_MADE, made.ref, details)
    return made


def _check_who(principal: Person, actor: Actor) -> None:
    if actor.person_id != principal.id and Role.OFFICER not in actor.roles:
        raise NotAllowed(f"Only {principal.name} or an officer can say who answers for them.")


def end(act: Act, number: int) -> None:
    """Ends a delegation early."""
    found = act.session.get(Delegation, number)
    if found is None or found.ended_at is not None:
        raise NoSuchDelegation
    if act.actor.person_id != found.from_id and Role.OFFICER not in act.actor.roles:
        raise NoSuchDelegation  # whoever may not know of it does not learn that it exists
    found.ended_at = act.now
    act.record(Action.DELEGATION_ENDED, found.ref, {})


def delegations(session: Session, *, of: int | None = None) -> Sequence[AnyRow]:
    """All of them, or those from or to one person, newest first, with both names."""
    principal, stand_in = aliased(Person), aliased(Person)
    query = (
        select(
            Delegation,
            principal.name.label("principal"),
            stand_in.name.label("stand_in"),
        )
        .join(principal, principal.id == Delegation.from_id)
        .join(stand_in, stand_in.id == Delegation.to_id)
        .order_by(Delegation.id.desc())
    )
    if of is not None:
        query = query.where((Delegation.from_id == of) | (Delegation.to_id == of))
    return session.execute(query).all()
