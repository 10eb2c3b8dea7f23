"""Separation of duties, pure: which step nobody may take who took another one before.

The table below is the only place that says it; `people.separation` keeps who took a step and asks
here. Parties are compared as persons. A name proves nothing: two addresses may be one person.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recert.foundation.actor import Role
from recert.foundation.errors import NotAllowed

DEPUTY = " (operator: "  # "olga@house.example (operator: root)": root typed for Olga
ALONE = "operator: "


class Step(StrEnum):
    """What somebody did, or is, in the life of one campaign, item, exclusion or order."""

    HOLDS = "holds the access"
    OBJECTED = "objected to the removal"
    ASKED = "was asked to review it"
    DECIDED = "decided it"
    ONLY_DECIDER = "gave all the answers"
    DRAFTED = "drafted the campaign"
    ALLOWED_OLD = "allowed older snapshots"
    AGREED_POLICY = "agreed to the weaker policy"
    LAUNCHED = "launched the campaign"
    ROUTED_TO_SELF = "brought the review to themselves"
    AGREED_ROUTING = "agreed who reviews"
    CONFIRMED = "confirmed a keep"
    ASKED_TO_CLOSE = "asked to close the campaign early"
    CLOSED = "closed the campaign"
    CLOSED_EARLY = "closed the campaign before its due date"
    RELEASED = "released the changes"
    SETTLED = "settled an objection"
    SIGNED_OFF = "signed off"
    JUDGED = "judged the campaign as auditor"
    ASKED_EXCLUSION = "asked for the exclusion"
    APPROVED_EXCLUSION = "approved the exclusion"
    APPROVED_PLAN = "approved the wider change"
    ASKED_UNDO = "asked to take the change back"
    APPROVED_UNDO = "agreed to take the change back"


@dataclass(frozen=True)
class Rule:
    """Who may take a step, and after which earlier ones nobody may."""

    roles: tuple[Role, ...]
    never_after: frozenset[Step]


OFFICERS = (Role.OFFICER,)
STAFF = (Role.OFFICER, Role.ADMINISTRATOR)
RULES: Mapping[Step, Rule] = {
    Step.AGREED_POLICY: Rule(OFFICERS, frozenset({Step.DRAFTED})),
    Step.LAUNCHED: Rule(OFFICERS, frozenset({Step.ALLOWED_OLD})),
    Step.AGREED_ROUTING: Rule(OFFICERS, frozenset({Step.ROUTED_TO_SELF})),
    Step.CONFIRMED: Rule(OFFICERS, frozenset({Step.HOLDS, Step.ASKED, Step.DECIDED})),
    Step.CLOSED_EARLY: Rule(OFFICERS, frozenset({Step.ASKED_TO_CLOSE})),
    Step.RELEASED: Rule(STAFF, frozenset({Step.CLOSED, Step.ONLY_DECIDER})),
    Step.SETTLED: Rule(OFFICERS, frozenset({Step.HOLDS, Step.OBJECTED, Step.DECIDED})),
    Step.SIGNED_OFF: Rule(OFFICERS, frozenset({Step.ONLY_DECIDER})),
    Step.JUDGED: Rule(
        (Role.AUDITOR,),
        frozenset(
            {
                Step.DRAFTED,
                Step.ALLOWED_OLD,
                Step.AGREED_POLICY,
                Step.LAUNCHED,
                Step.DECIDED,
                Step.CONFIRMED,
                Step.ASKED_TO_CLOSE,
                Step.CLOSED,
                Step.RELEASED,
                Step.SETTLED,
                Step.SIGNED_OFF,
                Step.APPROVED_PLAN,
            }
        ),
    ),
    Step.APPROVED_EXCLUSION: Rule(STAFF, frozenset({Step.HOLDS, Step.ASKED_EXCLUSION})),
    Step.APPROVED_PLAN: Rule(STAFF, frozenset({Step.HOLDS, Step.DECIDED})),
    Step.APPROVED_UNDO: Rule(STAFF, frozenset({Step.HOLDS, Step.ASKED_UNDO})),
}


class SecondPersonNeeded(NotAllowed):
    """This step needs another person."""


@dataclass(frozen=True)
class Party:
    """Who took a step. `name` is the actor's name as the trail shows it; `login` the operating
    system's user when an operator typed it."""

    person_id: int | None = None
    user_id: int | None = None
    name: str = ""
    login: str = ""

    @property
    def is_unnamed_operator(self) -> bool:
        """An operator who did not say for whom: whoever has that shell may be behind it."""
        return self.name.startswith(ALONE) and self.person_id is None and self.user_id is None


def login_of(name: str) -> str:
    """The operating system's user in an actor's name; "" when no operator typed."""
    if name.startswith(ALONE):
        return name.removeprefix(ALONE)
    _, deputy, login = name.partition(DEPUTY)
    return login.removesuffix(")") if deputy else ""


def are_same(one: Party, other: Party) -> bool:
    """Whether two steps were taken by one person, or may have been: an operator who did not say
    for whom they typed can be anybody who uses the same login."""
    if one.is_unnamed_operator or other.is_unnamed_operator:
        return bool(one.login) and one.login == other.login
    if one.person_id is not None and other.person_id is not None:
        return one.person_id == other.person_id
    if one.user_id is not None and other.user_id is not None:
        return one.user_id == other.user_id
    return bool(one.name) and address(one.name) == address(other.name)


def address(name: str) -> str:
    """The mail address in an actor's name, also when an operator typed for them."""
    return name.partition(DEPUTY)[0].lower()


def conflict(
    step: Step, party: Party, done: Iterable[tuple[Step, Party]]
) -> tuple[Step, Party] | None:
    """The earlier step that forbids this one to this party, and who took it; None when nothing
    forbids it. An operator who does not say for whom they type is nobody's second person."""
    forbidden = RULES[step].never_after
    for earlier, who in done:
        if earlier in forbidden and (party.is_unnamed_operator or are_same(who, party)):
            return earlier, who
    return None


def refusal(step: Step, earlier: Step, first: Party, second: Party, others: Collection[str]) -> str:
    """What somebody reads who may not take a step: why, and who may."""
    roles = " or ".join(RULES[step].roles)
    if second.is_unnamed_operator:
        return (
            f"{first.name or 'Somebody'} {earlier.value}, and Recert cannot know whether you are "
            "somebody else. Say who you are: recert --as EMAIL ..."
        )
    if first.is_unnamed_operator:
        return (
            f"Operator {first.login} {earlier.value} without saying for whom, and types this as "
            "well. Somebody else must do this, on the pages of Recert or with another login."
        )
    if others:
        return (
            f"You {_to_you(earlier)}, so somebody else must do this. "
            f"They need the role {roles}: {', '.join(sorted(others)[:5])}."
        )
    return (
        f"You {_to_you(earlier)}, so somebody else must do this, and nobody else holds the role "
        f"{roles}. Add a second person (recert user add --role {RULES[step].roles[0]}), or let an "
        "operator allow one person to do it (recert separation allow-one-person)."
    )


def _to_you(step: Step) -> str:
    second_person = {"holds": "hold", "was": "were"}
    first, _, rest = step.value.partition(" ")
    return f"{second_person.get(first, first)} {rest}"
