"""The warnings of a campaign, shown on the sign-off page and on the first page of its evidence."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, Item
from recert.campaigns.setup.models import Population
from recert.foundation.separation import address, login_of
from recert.inventory.models import Server
from recert.trail.actions import Action
from recert.trail.models import TrailEntry

# What decides who is asked, and what the risk of an access is.
MAPPING = ("manager", "left_on", "active", "organisation_kind")
PEOPLE_ACTIONS = (Action.PEOPLE_IMPORTED, Action.PERSON_LEFT)
OWNER_ACTIONS = (Action.OWNERS_IMPORTED, Action.OWNER_CHANGED)
MOST_NAMED = 5
ONE_PERSON_ACTIONS = (Action.SEPARATION_ONE_PERSON, Action.DECISIONS_OWN_ACCESS_FOUND)
CAMPAIGN_STEPS = (
    Action.CAMPAIGN_DRAFTED,
    Action.CAMPAIGN_LAUNCHED,
    Action.CAMPAIGN_OLD_SNAPSHOTS_ALLOWED,
    Action.POLICY_AGREED,
    Action.CAMPAIGN_CLOSE_ASKED,
    Action.CAMPAIGN_CLOSED,
    Action.CAMPAIGN_RELEASED,
    Action.CAMPAIGN_SIGNED_OFF,
)


@dataclass(frozen=True)
class Warned:
    """One warning, and the entry of the trail that it comes from."""

    kind: str
    text: str
    entry: int


def warnings(session: Session, campaign: Campaign) -> list[Warned]:
    """What the launch warned of, and, oldest first: changes of people and owners while the review
    ran; steps that one person took alone, or an operator without saying for whom; answers about
    one's own access. Everything comes from the trail."""
    launch = _newest(session, Action.CAMPAIGN_LAUNCHED, campaign.ref)
    if launch is None:
        return []
    signed = _newest(session, Action.CAMPAIGN_SIGNED_OFF, campaign.ref)
    launch_texts = json.loads(launch.body)["details"].get("warnings", ())
    launch_warnings = [Warned("launch", text, launch.seq) for text in launch_texts]
    servers = set(
        session.scalars(
            select(Server.name)
            .join(Population, Population.server_id == Server.id)
            .where(Population.campaign_id == campaign.id)
        )
    )
    later = [
        *_changes(session, launch.seq, signed.seq if signed else None, servers),
        *_alone(session, campaign),
        *_operators(session, campaign),
    ]
    return launch_warnings + sorted(later, key=lambda warning: (warning.entry, warning.kind))


def as_json(found: Sequence[Warned]) -> list[dict[str, Any]]:
    """As campaign.json has them."""
    return [asdict(one) for one in found]


def _newest(session: Session, action: Action, subject: str) -> TrailEntry | None:
    about_that_object = (TrailEntry.action == action, TrailEntry.object == subject)
    return session.scalar(
        select(TrailEntry).where(*about_that_object).order_by(TrailEntry.seq.desc()).limit(1)
    )


def _changes(session: Session, first: int, last: int | None, servers: set[str]) -> Iterator[Warned]:
    of_either = TrailEntry.action.in_(PEOPLE_ACTIONS + OWNER_ACTIONS)
    query = select(TrailEntry).where(of_either, TrailEntry.seq > first)
    if last is not None:
        query = query.where(TrailEntry.seq < last)
    for entry in session.scalars(query.order_by(TrailEntry.seq)):
        named = changed(entry.action, json.loads(entry.body)["details"], servers)
        if named:
            kind = "people changed" if entry.action in PEOPLE_ACTIONS else "owners changed"
            text = (
                f"While the review ran, {entry.actor} changed at {entry.at:%Y-%m-%d %H:%M} UTC "
                f"what decides who is asked (trail entry {entry.seq}): {_listed(named)}."
            )
            yield Warned(kind, text, entry.seq)


def _alone(session: Session, campaign: Campaign) -> Iterator[Warned]:
    """Where one person took two steps that exclude each other, as an operator allowed it; and final
    answers about the decider's own access."""
    query = select(TrailEntry).where(TrailEntry.action.in_(ONE_PERSON_ACTIONS))
    for entry in session.scalars(query.order_by(TrailEntry.seq)):
        details = json.loads(entry.body)["details"]
        if entry.action == Action.DECISIONS_OWN_ACCESS_FOUND and entry.object == campaign.ref:
            numbers = ", ".join(map(str, details["items"][:MOST_NAMED]))
            text = f"Answers turned out to be about the decider's own access: items {numbers}."
            yield Warned("own access", text, entry.seq)
        elif entry.action == Action.SEPARATION_ONE_PERSON and _is_part(
            session, campaign, entry.object
        ):
            text = (
                f"One person, {entry.actor}, {details['after']} and {details['step']} "
                f"({entry.object}): nobody else could, and an operator allowed it: "
                f"{details['reason']}"
            )
            yield Warned("one person", text, entry.seq)


def _is_part(session: Session, campaign: Campaign, ref: str) -> bool:
    """Whether something is the campaign itself or one of its items."""
    kind, _, number = ref.partition(":")
    if kind != "item":
        return ref == campaign.ref
    item = session.get(Item, int(number))
    return item is not None and item.campaign_id == campaign.id


def _operators(session: Session, campaign: Campaign) -> Iterator[Warned]:
    """Steps that an operator typed without saying for whom, and one operator for several people:
    how many people took part is then not known."""
    query = select(TrailEntry).where(
        TrailEntry.object == campaign.ref, TrailEntry.action.in_(CAMPAIGN_STEPS)
    )
    people: dict[str, set[str]] = {}
    for entry in session.scalars(query.order_by(TrailEntry.seq)):
        login = login_of(entry.actor)
        if entry.actor.startswith("operator: "):
            text = f"Operator {login} took a step without saying for whom ({entry.action})."
            yield Warned("operator", text, entry.seq)
        elif login:
            people.setdefault(login, set()).add(address(entry.actor))
            if len(people[login]) > 1:
                named = ", ".join(sorted(people[login]))
                text = f"Operator {login} typed for several people: {named}."
                yield Warned("operator", text, entry.seq)


def changed(action: str, details: dict[str, Any], servers: set[str]) -> list[str]:
    """Each person or owner of whom an entry changed what decides who is asked, as texts."""
    if action == Action.PEOPLE_IMPORTED:
        return [
            f"{one['person']}: " + ", ".join(_became(one, name) for name in MAPPING if name in one)
            for one in details.get("changed", ())
            if not one.get("new") and any(name in one for name in MAPPING)
        ]
    if action == Action.PERSON_LEFT:
        return [f"{details.get('email', 'somebody')} left on {details.get('left_on', '?')}"]
    if action == Action.OWNER_CHANGED:
        if details["server"] not in servers:
            return []
        return [f"{details['what']} on {details['server']} belongs to {details['owner']}"]
    folders = [*details.get("changed", ()), *details.get("also_changed", ())]
    others = details["rows"] if isinstance(details.get("rows"), list) else []
    moved = [(row[0], row[1], row[3], row[2]) for row in others if len(row) > 3]
    return [
        f"{row[1]} on {row[0]}: {' → '.join(text or 'none' for text in row[2:])}"
        for row in [*folders, *(one for one in moved if one[2] != one[3])]
        if row[0] in servers
    ]


def _became(one: dict[str, Any], name: str) -> str:
    old, new = ("none" if value == "" else value for value in one[name])
    return f"{name.replace('_', ' ')} {old} → {new}"


def _listed(named: Sequence[str]) -> str:
    more = len(named) - MOST_NAMED
    return "; ".join(named[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
