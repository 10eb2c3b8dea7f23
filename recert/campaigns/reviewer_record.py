"""Who is asked, and whether they could grant the access themselves: each change stands in the trail
with what was before it, so that the verifier can go back to the launch."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item
from recert.people.models import Person

Asked = tuple[str, str, bool]  # the reviewer's address, the route, could grant it
CHUNK = 500


@dataclass
class Watch:
    """Items of one campaign before somebody else is asked about them. `ids` are those that move;
    the flags of others may follow."""

    session: Session
    campaign_id: int
    ids: Collection[int]
    before: dict[int, Asked] = field(init=False)

    def __post_init__(self) -> None:
        self.before = asked(self.session, {*self.ids, *flagged(self.session, self.campaign_id)})

    def moved(self) -> list[dict[str, Any]]:
        """What is different now, for the trail: groups of items with the same from and to."""
        now_flagged = flagged(self.session, self.campaign_id)
        after = asked(self.session, {*self.before, *now_flagged})
        groups: dict[tuple[Asked, Asked], list[int]] = defaultdict(list)
        for number, now in sorted(after.items()):
            was = self.before.get(number, (now[0], now[1], False))  # newly flagged, nothing else
            if was != now:
                groups[was, now].append(number)
        return [{"from": was, "to": now, "items": ids} for (was, now), ids in groups.items()]


def flagged(session: Session, campaign_id: int) -> set[int]:
    """The items whose reviewer could grant the access; few, by their partial index."""
    here = (Item.campaign_id == campaign_id, and_(Item.conflict))
    return set(session.scalars(select(Item.id).where(*here)))


def asked(session: Session, ids: Iterable[int]) -> dict[int, Asked]:
    """Of whom some items are asked."""
    found: dict[int, Asked] = {}
    columns = (Item.id, Person.email, Item.route, Item.conflict)
    query = select(*columns).outerjoin(Person, Person.id == Item.reviewer_id)
    numbers = sorted(ids)
    for at in range(0, len(numbers), CHUNK):
        some = query.where(Item.id.in_(numbers[at : at + CHUNK]))
        for number, email, route, conflict in session.execute(some):
            found[number] = (email or "", route.value, bool(conflict))
    return found
