"""Who took which step, kept as persons, and the one check that nobody takes two that exclude each
other. The rules are in `foundation.separation`."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import (
    RULES,
    Party,
    SecondPersonNeeded,
    Step,
    address,
    are_same,
    conflict,
    login_of,
    refusal,
)
from recert.people.models import OnePersonRule, Person, StepTaken, User
from recert.people.queries import can_sign_in
from recert.trail.act import Act
from recert.trail.actions import Action

MOST_TEXT = 1000


def party_of(session: Session, actor: Actor) -> Party:
    """The actor as a person: by the person of the sign-in, of the user, or of the address."""
    known = address(actor.name)
    user = session.get(User, actor.user_id) if actor.user_id is not None else None
    if user is None:
        user = session.scalar(select(User).where(User.email == known))
    person_id = actor.person_id
    if person_id is None and user is not None:
        person_id = user.person_id
    if person_id is None:
        person_id = session.scalar(select(Person.id).where(Person.email == known))
    return Party(person_id, user.id if user else None, actor.name, login_of(actor.name))


def persons(step: Step, *person_ids: int | None) -> list[tuple[Step, Party]]:
    """What other tables know of persons, such as the holder of an account, as steps."""
    return [(step, Party(person_id=number)) for number in person_ids if number is not None]


def note(act: Act, ref: str, step: Step) -> None:
    """Writes down that the actor took a step about something ("campaign:12")."""
    note_party(act.session, ref, step, party_of(act.session, act.actor), now=act.now)


def note_party(session: Session, ref: str, step: Step, party: Party, *, now: datetime) -> None:
    """Writes down that somebody took a step about something ("campaign:12")."""
    session.add(
        StepTaken(
            ref=ref,
            step=step,
            person_id=party.person_id,
            user_id=party.user_id,
            name=party.name,
            login=party.login,
            at=now,
        )
    )
    session.flush()


def steps_about(session: Session, *refs: str) -> Sequence[tuple[Step, Party]]:
    """The steps that were taken about some things, oldest first."""
    query = select(StepTaken).where(StepTaken.ref.in_(refs)).order_by(StepTaken.id)
    return [
        (one.step, Party(one.person_id, one.user_id, one.name, one.login))
        for one in session.scalars(query)
    ]


def check(act: Act, step: Step, ref: str, *, also: Iterable[tuple[Step, Party]] = ()) -> None:
    """Raises SecondPersonNeeded when the actor took, or is, what excludes this step; NotAllowed
    without the role. `also` are steps that other tables know: deciders, holders. Where an operator
    allowed one person to do it and nobody else could, it is allowed and stands in the trail."""
    rule, party = RULES[step], party_of(act.session, act.actor)
    act.actor.require(*rule.roles)
    found = conflict(step, party, [*steps_about(act.session, ref), *also])
    if found is None:
        return
    earlier, first = found
    others = _others(act.session, rule.roles, party)
    rule_off = act.session.get(OnePersonRule, 1)
    is_known = not (party.is_unnamed_operator or first.is_unnamed_operator)
    if rule_off is None or not rule_off.allowed or others or not is_known or earlier is Step.HOLDS:
        raise SecondPersonNeeded(refusal(step, earlier, first, party, others))
    details = {"step": step.value, "after": earlier.value, "reason": rule_off.reason}
    act.record(Action.SEPARATION_ONE_PERSON, ref, details)


def may(
    session: Session, step: Step, ref: str, actor: Actor, also: Iterable[tuple[Step, Party]] = ()
) -> bool:
    """Whether nothing that the actor took, or is, excludes a step; for pages."""
    done = [*steps_about(session, ref), *also]
    return conflict(step, party_of(session, actor), done) is None


def check_and_note(
    act: Act, step: Step, ref: str, *, also: Iterable[tuple[Step, Party]] = ()
) -> None:
    """Checks a step and writes it down."""
    check(act, step, ref, also=also)
    note(act, ref, step)


def is_taken_by_other(session: Session, step: Step, ref: str, party: Party) -> bool:
    """Whether somebody else has taken this step already."""
    return any(one is step and not are_same(who, party) for one, who in steps_about(session, ref))


def _others(session: Session, roles: Sequence[Role], party: Party) -> list[str]:
    """Other people who hold one of the roles and can sign in."""
    return [
        user.email
        for user in session.scalars(select(User).where(can_sign_in()).order_by(User.id))
        if not are_same(party, Party(user.person_id, user.id, user.email))
        and set(user.roles) & {role.value for role in roles}
    ]


def set_one_person_rule(act: Act, *, allowed: bool, reason: str) -> None:
    """Lets one person take both steps where nobody else could take the second, or forbids it. Only
    an operator may: it is not for those whom it concerns."""
    if not login_of(act.actor.name):
        raise SecondPersonNeeded("Only an operator on Recert's machine can change this.")
    if not 0 < len(reason.strip()) <= MOST_TEXT:
        raise BadInput(f"Say why, in at most {MOST_TEXT} characters.")
    rule = act.session.get(OnePersonRule, 1) or OnePersonRule(id=1)
    rule.allowed, rule.reason, rule.at = allowed, reason.strip(), act.now
    act.session.add(rule)
    details = {"allowed": allowed, "reason": rule.reason}
    act.record(Action.SEPARATION_RULE_CHANGED, "separation", details)


def one_person_rule(session: Session) -> OnePersonRule | None:
    """What an operator has allowed; None: never touched, two persons are needed."""
    return session.get(OnePersonRule, 1)
