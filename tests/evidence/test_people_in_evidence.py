"""Objections and late changes of a package are those of the trail, whatever the tables have."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from recert.campaigns.completion import challenges
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.policy import Policy
from recert.evidence import verifier
from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel
from recert.people.queries import person_by_email
from recert.remediation import overdue_owners
from recert.trail.act import Act
from tests.evidence.edited import INBOX
from tests.support.house import House


def refused(house: House, campaign: int, change: str) -> str:
    """What the verifier says of a package after an edit by SQL."""
    package: Path = house.export(campaign)
    verifier.check(str(package))
    with house.db.engine.begin() as connection:
        connection.execute(text(change))
    with pytest.raises(verifier.Broken) as found:
        verifier.check(str(house.export(campaign)))
    return str(found.value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("reason = 'Fine.'", "reason"),
        ("settled_by = 'eve'", "settled_by"),
        ("objected_at = NULL", "objections has 0 entries"),
    ],
)
def test_objections_are_those_of_the_trail(house: House, change: str, field: str) -> None:
    campaign = house.launched(policy=Policy(challenge_days=3))
    house.decide("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
    house.finish("alice")
    house.carry_out()
    with house.db.transaction() as session:
        pia = person_by_email(session, "pia@partner.example")
        assert pia
        actor = Actor(pia.email, Channel.WEB, Assurance.SIGNED_IN, person_id=pia.id)
        number = house.item("pia", INBOX).id
        challenges.object_to(Act(session, actor, clock.now()), number, "I need it.")
    said = refused(house, campaign, f"UPDATE contest SET {change}")
    assert "campaign.json: objections" in said
    assert field in said


@pytest.mark.parametrize("field", ["owner", "reason", "by"])
def test_late_changes_are_those_of_the_trail(house: House, field: str) -> None:
    campaign = house.launched(policy=Policy(removal_threshold=1, removal_threshold_from=1))
    house.decide("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
    house.finish("alice")
    number = house.item("pia", INBOX).id
    with house.later(days=9) as at, house.db.transaction() as session:
        overdue_owners.take_on(
            Act(session, house.admin, at),
            number,
            "alice@house.example",
            at + timedelta(days=2),
            "Busy.",
        )
    said = refused(house, campaign, f"UPDATE late_change SET \"{field}\" = 'eve'")
    assert "late.csv" in said
    assert field in said
