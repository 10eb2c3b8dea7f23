"""Whatever happens in whatever order, the counters are what counting would say."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from recert.campaigns import progress
from recert.campaigns.decisions import finalisation
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import reassignment
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor
from recert.foundation.errors import RecertError
from recert.people.models import Person
from recert.trail.act import Act
from tests.support.house import House

WORDS = ["list", "list upload", "list download delete", "upload"]


class Player:
    """Does one thing after another, as chance wants it, to one campaign."""

    def __init__(self, house: House, seed: int) -> None:
        self.house, self.chance = house, random.Random(seed)
        self.campaign = house.launched()
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        acts: list[Callable[[], object]] = [*[self.answer] * 8, *[self.bulk] * 2, self.finish]
        acts += [self.give_away, self.edit, self.finalise, self.house.carry_out]
        act = self.chance.choice(acts)
        try:
            act()
            self.done[act.__name__] += 1
        except RecertError as error:  # a refusal must not count either
            self.done[type(error).__name__] += 1

    def one(self) -> tuple[Item, Actor]:
        with self.house.db.reading() as session:
            query = select(Item, Person).outerjoin(Person, Person.id == Item.reviewer_id)
            item, person = self.chance.choice(session.execute(query.order_by(Item.id)).all())
        name = person.email.partition("@")[0] if person else "mona"
        return item, self.house.person(name)

    def answer(self) -> None:
        item, actor = self.one()
        lowest = Rights(item.rights & -item.rights)
        reply = self.chance.choice(
            [
                Reply(Answer.KEEP),
                Reply(Answer.REVOKE),
                Reply(Answer.REDUCE, lowest),
                Reply(Answer.NOT_MINE, reason="Not mine."),
            ]
        )
        with self.house.db.transaction() as session:
            decisions.record(Act(session, actor, self.house.now), item.id, reply)

    def bulk(self) -> None:
        item, actor = self.one()
        reply = Reply(self.chance.choice([Answer.KEEP, Answer.REVOKE]), reason="All.")
        with self.house.db.transaction() as session:
            campaign = session.get_one(Campaign, self.campaign)
            decisions.record_many(
                Act(session, actor, self.house.now), campaign, item.folder_id, None, reply
            )

    def finish(self) -> None:
        self.house.finish(self.chance.choice(["alice", "bob", "charlie"]))

    def give_away(self) -> None:
        item, _ = self.one()
        with self.house.db.transaction() as session:
            person = self.chance.choice(session.scalars(select(Person).order_by(Person.id)).all())
            officer, now = self.house.officer, self.house.now
            found = session.get_one(Item, item.id)
            reassignment.reassign(Act(session, officer, now), found, person, "Chance.")

    def edit(self) -> None:
        self.house.give("pia", "/finance/inbox", self.chance.choice(WORDS))
        self.house.snapshot()
        self.house.refresh()

    def finalise(self) -> None:
        with self.house.db.transaction() as session:
            finalisation.finalise_due(session, now=self.house.now)


def recounted(house: House, campaign: int) -> dict[int | None, tuple[int, ...]]:
    found: dict[int | None, list[Item]] = {}
    with house.db.reading() as session:
        for item in session.scalars(select(Item).where(Item.campaign_id == campaign)):
            found.setdefault(item.reviewer_id, []).append(item)
    return {reviewer: tally(mine) for reviewer, mine in found.items()}


def counted(house: House, campaign: int) -> dict[int | None, tuple[int, ...]]:
    with house.db.reading() as session:
        rows = session.scalars(select(Progress).where(Progress.campaign_id == campaign)).all()
    assert len({row.reviewer_id for row in rows}) == len(rows)
    return {
        row.reviewer_id: (row.total, row.open, row.keep, row.reduce, row.revoke)
        for row in rows
        if row.total
    }


def by_place(house: House, campaign: int) -> dict[str, dict[int, tuple[int, ...]]]:
    """What counting the items of each folder and server would say, and what the counters say."""
    found: dict[str, dict[int, list[Item]]] = {"folder": {}, "server": {}}
    with house.db.reading() as session:
        for item in session.scalars(select(Item).where(Item.campaign_id == campaign)):
            found["folder"].setdefault(item.folder_id, []).append(item)
            found["server"].setdefault(item.server_id, []).append(item)
        folders = progress.folders(session, campaign, size=1000).rows
        servers = progress.servers(session, campaign)
    rows: dict[str, dict[int, tuple[int, ...]]] = {
        "folder": {row[0].folder_id: figures(row[0]) for row in folders},
        "server": {row.server_id: figures(row) for row in servers},
    }
    wanted = {name: {n: tally(items) for n, items in of.items()} for name, of in found.items()}
    assert rows == wanted
    return rows


def figures(row: Any) -> tuple[int, ...]:
    return (row.total, row.open, row.keep, row.reduce, row.revoke)


def tally(mine: list[Item]) -> tuple[int, ...]:
    answers = (Answer.KEEP, Answer.REDUCE, Answer.REVOKE)
    is_open = sum(item.state is ItemState.OPEN for item in mine)
    return (len(mine), is_open, *(sum(i.answer is a for i in mine) for a in answers))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sixty_acts_of_chance_are_counted_right(house: House, seed: int) -> None:
    player = Player(house, seed)
    for number in range(60):
        with house.later(minutes=number * 10):
            player.act()
        assert counted(house, player.campaign) == recounted(house, player.campaign), player.done
        assert by_place(house, player.campaign)
    house.close(player.campaign)
    assert counted(house, player.campaign) == recounted(house, player.campaign)
    assert by_place(house, player.campaign)
    assert house.campaign(player.campaign).state is CampaignState.CLOSING
    assert player.done["answer"] > 10
