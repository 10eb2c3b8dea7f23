"""Whoever is asked in the end: the verifier goes back over every change to the launch."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from recert.campaigns.decisions import stage_outcomes
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item
from recert.campaigns.reviewing import bulk_reassignment, delegation, reassignment, reviewer_changes
from recert.campaigns.reviewing.bulk_reassignment import From
from recert.campaigns.setup.stages import Stage, Stages
from recert.evidence import verifier
from recert.foundation import clock
from recert.people import service as people
from recert.people.models import Person
from recert.people.queries import person_by_email
from recert.trail.act import Act
from tests.evidence.edited import INBOX
from tests.support.house import House


def person(session: Session, name: str) -> Person:
    found = person_by_email(session, f"{name}@house.example")
    assert found
    return found


def moved_about(house: House) -> int:
    """Passed on, reassigned alone and together, rerouted because somebody left, and asked again
    because the access changed; its number."""
    campaign = house.launched()
    house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="Not mine."))
    with house.db.transaction() as session:
        item = session.get_one(Item, house.item("pia", INBOX).id)
        reassignment.reassign(
            Act(session, house.officer, clock.now()), item, person(session, "charlie"), "Knows it."
        )
    with house.db.transaction() as session:
        bulk_reassignment.reassign_all(
            Act(session, house.officer, clock.now()),
            session.get_one(Campaign, campaign),
            From(reviewer_id=person(session, "alice").id),
            person(session, "charlie"),
            "Alice is busy.",
        )
    house.give("pia", INBOX, "list download upload delete")
    house.snapshot()
    house.refresh()
    with house.db.transaction() as session:
        rows = "charlie@house.example,Charlie Cole,House,2026-01-01\n"
        head = "email,name,organisation,left_on\n"
        people.import_people(Act(session, house.admin, clock.now()), head + rows)
    with house.db.transaction() as session:
        assert reviewer_changes.follow_people(session, now=clock.now())
    return campaign


class TestMoves:
    def test_a_package_after_all_of_them_holds(self, house: House) -> None:
        verifier.check(str(house.export(moved_about(house))))

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (
                "reviewer_id = (SELECT id FROM person WHERE email = 'mona@house.example')",
                "reviewer",
            ),
            ("route = 'folder owner'", "route"),
            ("conflict = TRUE", "reviewer_could_grant"),
            ("rights = 1", "rights"),
            ("content_hash = 7", "content_hash"),
        ],
    )
    def test_an_edit_after_them_is_named(self, house: House, change: str, field: str) -> None:
        campaign = moved_about(house)
        number = house.item("pia", INBOX).id
        with house.db.engine.begin() as connection:
            connection.execute(text(f"UPDATE item SET {change} WHERE id = {number}"))
        with pytest.raises(verifier.Broken) as found:
            verifier.check(str(house.export(campaign)))
        assert f"items.csv: item {number}: {field} is" in str(found.value)

    def test_a_delegation_and_its_end_hold(self, house: House) -> None:
        campaign = house.launched()
        with house.db.transaction() as session:
            delegation.delegate(
                Act(session, house.officer, clock.now()),
                person(session, "alice"),
                person(session, "charlie"),
                clock.now(),
                clock.now() + timedelta(days=2),
                "Holiday.",
            )
        for days in (0, 3):
            with house.later(days=days), house.db.transaction() as session:
                assert reviewer_changes.follow_people(session, now=clock.now())
            verifier.check(str(house.export(campaign)))

    def test_the_next_stage_holds(self, house: House) -> None:
        stages = Stages((Stage("manager", days=5),))
        campaign = house.launched(stages=stages)
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.finish("alice")
        assert stage_outcomes.move_on(house.db, now=clock.now())
        verifier.check(str(house.export(campaign)))
