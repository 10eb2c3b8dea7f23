"""What counts as an event between two campaigns, pure: time, rows and orders are passed in."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from recert.campaigns.models import Event
from recert.campaigns.policy import Risk
from recert.connectors import rights

TIME_TO_ANSWER = timedelta(days=7)
ASKED_FOR = frozenset({Risk.HIGH, Risk.MEDIUM})


@dataclass(frozen=True)
class Came:
    """A grant that gives more than the account had in the same folder at the look before."""

    grant_id: int
    account: str
    folder: str
    rights: int
    before: int
    risk: Risk


@dataclass(frozen=True)
class OrderedAccess:
    """Access that an order of Recert granted, in a folder and those below: an undo does."""

    account: str
    folder: str
    rights: int


@dataclass(frozen=True)
class Returned:
    """Access that a verified order took away and that is there again."""

    grant_id: int
    order_id: int
    account: str
    folder: str
    rights: int
    verified_at: datetime
    askable: bool


@dataclass(frozen=True)
class Turn:
    """A grant of a person who moved or left since the look before."""

    grant_id: int
    name: str
    active: bool
    was_active: bool
    place: tuple[str, str]  # department, organisation
    old_place: tuple[str, str]


@dataclass(frozen=True)
class Why:
    """The event, and its text for the reviewer."""

    event: Event
    text: str


def why_came(came: Came, ordered: Iterable[OrderedAccess], since: str) -> Why | None:
    """Why a grant is asked about; None when Recert granted it, or when it is new and harmless."""
    more = came.rights & ~came.before
    if not more or any(_explains(one, came, more) for one in ordered):
        return None
    if came.before:
        return Why(
            Event.WIDENED,
            f"More than on {since}, not by Recert: {', '.join(rights.phrases(more))}.",
        )
    if came.risk not in ASKED_FOR:
        return None
    return Why(Event.NEW, f"New since {since}, not by Recert.")


def _explains(order: OrderedAccess, came: Came, more: int) -> bool:
    below = came.folder == order.folder or came.folder.startswith(order.folder.rstrip("/") + "/")
    return below and order.account == came.account and not more & ~order.rights


def why_returned(returned: Returned, day: str) -> Why:
    """The reason for access that had been removed."""
    text = f"Removed by order {returned.order_id} on {day}; it is there again."
    return Why(Event.CAME_BACK, text)


def why_used(reason: str, moment: str) -> Why:
    """The reason for the access of an emergency account that was used."""
    text = (
        f"Emergency account ({reason.rstrip('.')}), used on {moment}. Was that needed, and agreed?"
    )
    return Why(Event.EMERGENCY, text)


def why_turned(turn: Turn) -> Why | None:
    """Why the access of a person is asked about; None when nothing counts: who comes back to the
    same place is not asked about."""
    if turn.was_active and not turn.active:
        return Why(Event.LEFT, f"{turn.name} has left.")
    if not turn.active or turn.place == turn.old_place:
        return None
    return Why(Event.MOVED, f"{turn.name} moved from {_say(turn.old_place)} to {_say(turn.place)}.")


def _say(place: tuple[str, str]) -> str:
    department, organisation = place
    return f"{department} ({organisation})" if department else organisation


def newest_of(returned: Iterable[Returned]) -> dict[int, Returned]:
    """By grant: of several orders that took the same, the last one counts."""
    found: dict[int, Returned] = {}
    for one in returned:
        if one.grant_id not in found or found[one.grant_id].order_id < one.order_id:
            found[one.grant_id] = one
    return found


def by_account(ordered: Iterable[OrderedAccess]) -> defaultdict[str, list[OrderedAccess]]:
    """Groups by account, so that each row is compared with few."""
    found = defaultdict[str, list[OrderedAccess]](list)
    for one in ordered:
        found[one.account].append(one)
    return found


class Reasons:
    """Why each grant is asked about; with two reasons both, the weightier first."""

    def __init__(self) -> None:
        self._found: dict[int, list[Why]] = {}

    def add(self, grant_id: int, why: Why | None) -> None:
        """None is no reason. What came back is not also new."""
        known = self._found.get(grant_id, [])
        came = {Event.CAME_BACK, Event.NEW, Event.WIDENED}
        if why is None or (why.event in came and any(one.event in came for one in known)):
            return
        weight = list(Event).index
        self._found[grant_id] = sorted([*known, why], key=lambda one: weight(one.event))

    def __bool__(self) -> bool:
        return bool(self._found)

    def rows(self) -> Iterable[tuple[int, str, str]]:
        """(grant, event, text), by grant."""
        for grant_id, found in sorted(self._found.items()):
            yield grant_id, found[0].event.value, " ".join(one.text for one in found)
