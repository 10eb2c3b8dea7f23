"""Nobody decides about access that is, may be, or turns out to be their own."""

import pytest
from sqlalchemy import select

from recert.campaigns import progress
from recert.campaigns.decisions import own_access
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import MayBeOwnAccess, Reply
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.reviewing import queries, reassignment, reviewer_changes
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.inventory import account_persons, snapshots
from recert.inventory import service as inventory
from recert.people.models import Person
from recert.trail.act import Act
from tests.support.house import ACCOUNTS, House

INBOX = "/finance/inbox"
KEEP = Reply(Answer.KEEP, reason="Needed.")


def join(house: House, account: str, email: str) -> None:
    with house.db.transaction() as session:
        account_persons.join(Act(session, house.admin, house.now), "main", account, email)


def withdraw(house: House) -> int:
    with house.db.transaction() as session:
        reviewer_changes.follow_people(session, now=house.now)
    return own_access.withdraw_due(house.db, now=house.now)


class TestItTurnsOut:
    def test_what_is_not_final_is_withdrawn_and_asked_of_somebody_else(self, house: House) -> None:
        house.launched()
        house.decide("batch", INBOX, KEEP)
        assert withdraw(house) == 0
        join(house, "batch", "alice@house.example")
        assert withdraw(house) == 1
        item = house.item("batch", INBOX)
        assert (item.state, item.answer) == (ItemState.OPEN, None)
        assert item.reviewer_id == house.person("bob").person_id
        assert "own access" in item.outcome
        assert "items.refreshed" in house.trail_actions()

    def test_the_counters_follow(self, house: House) -> None:
        number = house.launched()
        house.decide("batch", INBOX, KEEP)
        join(house, "batch", "alice@house.example")
        withdraw(house)

        with house.db.reading() as session:
            assert queries.totals_of(session, number).keep == 0
            assert sum(row.keep for row in progress.servers(session, number)) == 0

    def test_what_is_final_is_a_finding(self, house: House) -> None:
        number = house.launched()
        house.decide("batch", INBOX, KEEP)
        house.finish("alice")
        join(house, "batch", "alice@house.example")
        assert withdraw(house) == 0
        with house.db.reading() as session:
            found = own_access.findings(session, number)
        assert [(one.person, one.account) for one in found] == [("Alice Archer", "batch")]
        assert house.trail_actions().count("decisions.own_access_found") == 1
        join(house, "seller", "charlie@house.example")
        assert withdraw(house) == 0
        assert house.trail_actions().count("decisions.own_access_found") == 1


class TestItMayBe:
    """A login of which one server knows whose it is, and another one does not."""

    def twins(self, house: House) -> None:
        """`alice` on main without an address, and on a second server with hers."""

        second = house.folder / "second.json"
        second.write_text(house.permissions.read_text())
        with house.db.transaction() as session:
            made = inventory.add_server(
                Act(session, house.admin, house.now), "second", "embedded", {"file": str(second)}
            )
            number = made.id
        snapshots.take(house.db, number, actor=house.admin, now=clock.now)
        unknown = {name: dict(account) for name, account in ACCOUNTS.items()}
        unknown["alice"].pop("email")
        house.write_permissions(unknown)

    def test_it_is_not_routed_to_who_holds_the_login_elsewhere(self, house: House) -> None:
        self.twins(house)
        house.launched()
        item = house.item("alice", "/finance")
        assert item.reviewer_id == house.person("bob").person_id

    def test_nor_reassigned_to_them_nor_decided_by_them(self, house: House) -> None:
        number = house.launched()
        self.twins(house)
        house.snapshot()
        alice = house.person("alice")
        with house.db.transaction() as session:
            item = session.get_one(Item, house.item("alice", "/finance").id)
            person = session.scalars(select(Person).where(Person.id == alice.person_id)).one()
            with pytest.raises(BadInput, match="login of the same name"):
                reassignment.reassign(Act(session, house.officer, house.now), item, person, "Hers.")
            item.reviewer_id = person.id
        with pytest.raises(MayBeOwnAccess):
            house.decide("alice", "/finance", KEEP)
        with house.db.transaction() as session:
            done = decisions.record_many(
                Act(session, alice, house.now),
                session.get_one(Campaign, number),
                item.folder_id,
                {item.id: item.content_hash},
                KEEP,
            )
        assert (done.decided, done.skipped) == (0, 1)

    def test_it_is_listed_until_somebody_states_whose_it_is(self, house: House) -> None:
        self.twins(house)
        house.snapshot()
        with house.db.reading() as session:
            found = account_persons.unresolved(session)
        assert [(one.server, one.account, one.email) for one in found] == [
            ("main", "alice", "alice@house.example")
        ]
        join(house, "alice", "")
        with house.db.reading() as session:
            assert account_persons.unresolved(session) == []
        house.launched()
        assert house.item("alice", "/finance").reviewer_id == house.person("alice").person_id
