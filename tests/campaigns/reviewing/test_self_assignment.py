"""Whoever brought a review to themselves decides nothing of it before another officer agreed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item
from recert.campaigns.reviewing import bulk_reassignment, delegation, reassignment, reviewer_changes
from recert.campaigns.reviewing.bulk_reassignment import From
from recert.campaigns.reviewing.self_assignment import NeedsAgreement
from recert.foundation.actor import Actor, Role, operator
from recert.foundation.errors import BadInput
from recert.foundation.separation import SecondPersonNeeded
from recert.inventory import service as inventory
from recert.people import self_assignment
from recert.people import service as people
from recert.people.models import Person
from recert.people.queries import person_by_email
from recert.trail.act import Act
from tests.support.house import OWNERS, PEOPLE, House, staff

INBOX = "/finance/inbox"
KEEP = Reply(Answer.KEEP)
CHARLIE = staff("charlie@house.example", Role.OFFICER)


@pytest.fixture
def charlie(house: House) -> Actor:
    """Charlie, who owns nothing of /finance, is an officer."""
    return house.user(CHARLIE)


def own_the_folder(house: House, actor: Actor) -> None:
    with house.db.transaction() as session:
        text = OWNERS.replace("alice@house.example", "charlie@house.example")
        inventory.import_owners(Act(session, actor, house.now), text)


def follow(house: House) -> None:
    with house.db.transaction() as session:
        reviewer_changes.follow_people(session, now=house.now)


def agree(house: House, actor: Actor) -> None:
    with house.db.transaction() as session:
        for row in self_assignment.waiting(session):
            self_assignment.agree(
                Act(session, actor, house.now), row.SelfAssignment.id, "It is right."
            )


def assert_waits_until_agreed(house: House, charlie: Actor) -> None:
    item = house.item("pia", INBOX)
    assert item.reviewer_id == house.person("charlie").person_id
    with pytest.raises(NeedsAgreement):
        house.decide("pia", INBOX, KEEP, by="charlie")
    with house.db.transaction() as session:
        done = decisions.record_many(
            Act(session, house.person("charlie"), house.now),
            session.get_one(Campaign, item.campaign_id),
            item.folder_id,
            None,
            Reply(Answer.KEEP, reason="Mine now."),
        )
        assert done.decided == 0
    with pytest.raises(SecondPersonNeeded):
        agree(house, charlie)
    agree(house, house.officer)
    house.decide("pia", INBOX, KEEP, by="charlie")


class TestBeforeTheLaunch:
    def test_an_import_of_owners(self, house: House, charlie: Actor) -> None:
        own_the_folder(house, charlie)
        house.launched()
        assert_waits_until_agreed(house, charlie)

    def test_an_import_by_an_operator_who_did_not_say_for_whom(
        self, house: House, charlie: Actor
    ) -> None:
        own_the_folder(house, operator("root"))
        house.launched()
        assert_waits_until_agreed(house, charlie)

    def test_not_when_somebody_else_imported_it(self, house: House, charlie: Actor) -> None:
        own_the_folder(house, house.admin)
        house.launched()
        house.decide("pia", INBOX, KEEP, by="charlie")


class TestWhileItRuns:
    def test_an_import_of_owners(self, house: House, charlie: Actor) -> None:
        house.launched()
        own_the_folder(house, charlie)
        follow(house)
        assert_waits_until_agreed(house, charlie)

    def test_an_import_of_people_that_makes_them_the_manager(
        self, house: House, charlie: Actor
    ) -> None:
        house.launched()
        led = PEOPLE.replace(
            "Finance,mona@house.example,\nbob", "Finance,charlie@house.example,\nbob"
        )
        gone = led.replace("charlie@house.example,\nbob", "charlie@house.example,2026-11-01\nbob")
        gone = gone.replace(
            "Bob Brook,House,own,Finance,mona@house.example,",
            "Bob Brook,House,own,Finance,mona@house.example,2026-11-01",
        )
        with house.db.transaction() as session:
            people.import_people(Act(session, charlie, house.now), gone)
        follow(house)
        assert_waits_until_agreed(house, charlie)

    def test_a_delegation_that_an_officer_makes_for_somebody_else(
        self, house: House, charlie: Actor
    ) -> None:
        house.launched()
        with house.db.transaction() as session:
            alice = person_by_email(session, "alice@house.example")
            me = person_by_email(session, "charlie@house.example")
            assert alice
            assert me
            end = house.now + timedelta(days=7)
            delegation.delegate(
                Act(session, charlie, house.now), alice, me, house.now, end, "Away."
            )
        follow(house)
        assert_waits_until_agreed(house, charlie)

    def test_a_delegation_that_the_reviewer_makes_needs_nobody(
        self, house: House, charlie: Actor
    ) -> None:
        house.launched()
        alice = house.person("alice")
        with house.db.transaction() as session:
            one = session.get_one(Person, alice.person_id)
            me = person_by_email(session, "charlie@house.example")
            assert me
            end = house.now + timedelta(days=7)
            delegation.delegate(Act(session, alice, house.now), one, me, house.now, end, "Away.")
        follow(house)
        house.decide("pia", INBOX, KEEP, by="charlie")

    @pytest.mark.parametrize("actor", [CHARLIE, operator("root")], ids=["as themselves", "unnamed"])
    def test_nobody_reassigns_to_themselves(
        self, house: House, charlie: Actor, actor: Actor
    ) -> None:
        number = house.launched()
        with house.db.transaction() as session:
            item = session.get_one(Item, house.item("pia", INBOX).id)
            me = session.scalars(select(Person).where(Person.email == charlie.name)).one()
            with pytest.raises(BadInput, match="to themselves"):
                reassignment.reassign(Act(session, actor, house.now), item, me, "Mine.")
            with pytest.raises(BadInput, match="to themselves"):
                bulk_reassignment.reassign_all(
                    Act(session, actor, house.now),
                    session.get_one(Campaign, number),
                    From(reviewer_id=item.reviewer_id),
                    me,
                    "Mine.",
                )


class TestTheOnlyDecider:
    def test_they_cannot_sign_off(self, house: House) -> None:
        alice = house.user(staff("alice@house.example", Role.OFFICER))
        number = house.launched(prefix=INBOX)
        for account in ("alice", "bob", "lea", "pia", "batch"):
            item = house.item(account, INBOX)
            if item.reviewer_id == house.person("alice").person_id:
                house.decide(account, INBOX, Reply(Answer.KEEP, reason="Needed."))
        house.close(number)
        house.officer = alice
        with pytest.raises(SecondPersonNeeded, match="gave all the answers"):
            house.sign_off(number)
