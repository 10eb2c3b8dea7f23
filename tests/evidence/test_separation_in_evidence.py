"""The first page says where one person, or an operator, may have taken two steps."""

import json

from recert.campaigns.decisions import own_access
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign
from recert.campaigns.setup import launch as campaigns
from recert.evidence import verifier
from recert.foundation.actor import Actor, operator
from recert.foundation.separation import Step
from recert.inventory import account_persons
from recert.people import separation
from recert.trail.act import Act
from tests.support import packages
from tests.support.house import House

INBOX = "/finance/inbox"


def first_page(house: House, number: int) -> list[tuple[str, str]]:
    path = house.export(number)
    verifier.check(str(path))
    about = json.loads(packages.files(path)["campaign.json"])
    return [(one["kind"], one["text"]) for one in about["warnings"]]


def launched_by(house: House, actor: Actor) -> int:
    house.snapshot()
    number = house.drafted("Autumn")
    with house.db.transaction() as session:
        found = session.get_one(Campaign, number)
        campaigns.launch(Act(session, actor, house.now), found)
    return number


def test_an_operator_who_did_not_say_for_whom(house: House) -> None:
    found = first_page(house, launched_by(house, operator("root")))
    assert found == [
        ("operator", "Operator root took a step without saying for whom (campaign.launched).")
    ]


def test_nothing_is_said_where_everybody_is_known(house: House) -> None:
    assert first_page(house, launched_by(house, house.officer)) == []


def test_one_person_for_both_steps(house: House) -> None:
    house.user(house.officer)
    with house.db.transaction() as session:
        separation.set_one_person_rule(
            Act(session, operator("root"), house.now), allowed=True, reason="Only Olga."
        )
    number = launched_by(house, house.officer)
    with house.db.transaction() as session:
        separation.check(
            Act(session, house.officer, house.now), Step.AGREED_POLICY, f"campaign:{number}"
        )
    ((kind, text),) = first_page(house, number)
    assert kind == "one person"
    assert "an operator allowed it: Only Olga." in text


def test_final_answers_about_the_deciders_own_access(house: House) -> None:
    number = house.launched()
    house.decide("batch", INBOX, Reply(Answer.KEEP, reason="Needed."))
    house.finish("alice")
    with house.db.transaction() as session:
        account_persons.join(
            Act(session, house.admin, house.now), "main", "batch", "alice@house.example"
        )
    own_access.withdraw_due(house.db, now=house.now)
    assert "own access" in [kind for kind, _ in first_page(house, number)]
