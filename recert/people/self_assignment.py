"""Changes by which somebody became a reviewer by their own doing. Recorded where owners, managers
and stand-ins are changed; another officer agrees before that person decides anything of it."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert.foundation.actor import Actor, Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.foundation.separation import Step
from recert.people import separation
from recert.people.models import AssignedBy, Person, SelfAssignment, User
from recert.people.queries import can_sign_in
from recert.trail.act import Act
from recert.trail.actions import Action

MOST_TEXT = 1000
STAFF = {Role.OFFICER.value, Role.ADMINISTRATOR.value}


class NoSuchAssignment(NotFound):
    """There is no such line. `recert owners self-assigned` shows them."""


def may_be(session: Session, actor: Actor) -> set[int]:
    """The persons that an actor may be. An operator who did not say for whom they type may be any
    officer or administrator."""
    party = separation.party_of(session, actor)
    if party.person_id is not None:
        return {party.person_id}
    if not party.is_unnamed_operator:
        return set()
    users = session.scalars(select(User).where(can_sign_in(), User.person_id.is_not(None)))
    return {user.person_id for user in users if user.person_id and STAFF & set(user.roles)}


def refuse_own(session: Session, person: Person, actor: Actor) -> None:
    """Raises BadInput when the actor is, or may be, the person who shall get something to
    review."""
    if person.id in may_be(session, actor):
        raise BadInput(
            "Nobody gives items to themselves. Choose somebody else, or on the command line say "
            "who you are: recert --as EMAIL ..."
        )


def note(act: Act, kind: AssignedBy, assigned: Iterable[tuple[int, int, str]]) -> int:
    """Records those of some (person, changed row, text) by which the actor may have made
    themselves a reviewer; how many."""
    own = may_be(act.session, act.actor)
    found = [one for one in assigned if one[0] in own]
    if not found:
        return 0
    waiting = set(
        act.session.execute(
            select(SelfAssignment.person_id, SelfAssignment.ref_id).where(
                SelfAssignment.kind == kind,
                SelfAssignment.person_id.in_(own),
                SelfAssignment.agreed_at.is_(None),
            )
        )
    )
    new = [
        SelfAssignment(
            person_id=person_id,
            kind=kind,
            ref_id=ref_id,
            what=what,
            made_by=act.actor.name,
            made_at=act.now,
        )
        for person_id, ref_id, what in found
        if (person_id, ref_id) not in waiting
    ]
    act.session.add_all(new)
    act.session.flush()
    for one in new:
        separation.note(act, one.ref, Step.ROUTED_TO_SELF)
    return len(new)


def agree(act: Act, number: int, reason: str) -> None:
    """Another officer agrees that this person reviews what they brought to themselves."""
    found = act.session.get(SelfAssignment, number)
    if found is None:
        raise NoSuchAssignment
    if not 0 < len(reason.strip()) <= MOST_TEXT:
        raise BadInput(f"Say why, in at most {MOST_TEXT} characters.")
    separation.check_and_note(
        act,
        Step.AGREED_ROUTING,
        found.ref,
        also=separation.persons(Step.ROUTED_TO_SELF, found.person_id),
    )
    here = (SelfAssignment.id == number, SelfAssignment.agreed_at.is_(None))
    values = {"agreed_by": act.actor.name, "agreed_at": act.now, "reason": reason.strip()}
    moved = act.session.execute(update(SelfAssignment).where(*here).values(**values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    person = act.session.get_one(Person, found.person_id)
    details = {"person": person.email, "what": found.what, "reason": reason.strip()}
    act.record(Action.SELF_ASSIGNMENT_AGREED, found.ref, details)


def waiting(session: Session) -> Sequence[AnyRow]:
    """What no other officer has agreed to yet, oldest first, with the person."""
    query = (
        select(SelfAssignment, Person.name.label("person"), Person.email)
        .join(Person, Person.id == SelfAssignment.person_id)
        .where(SelfAssignment.agreed_at.is_(None))
    )
    return session.execute(query.order_by(SelfAssignment.id)).all()
