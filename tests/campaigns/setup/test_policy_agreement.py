"""Whom a rule restrains does not set it alone."""

from pathlib import Path

import pytest
from click import Context

from recert.campaigns.models import Campaign, CampaignState
from recert.campaigns.policy import MailAnswers, Policy
from recert.campaigns.policy_rules import NUMBERS
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup import policy_agreement
from recert.campaigns.states import LaunchRefused
from recert.cli import cli
from recert.foundation.actor import Actor
from recert.foundation.separation import SecondPersonNeeded
from recert.trail.act import Act
from tests.support.house import OTTO, House

USUAL = Policy(challenge_days=3, training_within_days=365)
WEAKER = {
    "brake_items": 1_000_000,
    "brake_percent": 21,
    "brake_from": 6,
    "stop_after_failures": 4,
    "contest_days": 2,
    "days_high": 2,
    "days_medium": 4,
    "days_low": 8,
    "mail_answers": MailAnswers.ALL,
    "second_for_conflict": False,
    "live_feed_days": 0,
    "training_within_days": 0,
}
STRICTER = {
    "brake_items": 1,
    "brake_percent": 1,
    "brake_from": 1,
    "stop_after_failures": 1,
    "contest_days": 4,
    "mail_answers": MailAnswers.OFF,
    "live_feed_days": 60,
    "training_within_days": 100,
}


def launch(house: House, number: int, actor: Actor) -> None:
    with house.db.transaction() as session:
        campaigns.launch(Act(session, actor, house.now), session.get_one(Campaign, number))


def agree(house: House, number: int, actor: Actor) -> None:
    with house.db.transaction() as session:
        found = session.get_one(Campaign, number)
        policy_agreement.agree(Act(session, actor, house.now), found.ref, found.weaker, "Small.")


class TestWhatIsWeaker:
    @pytest.mark.parametrize(("name", "value"), WEAKER.items())
    def test_a_rule_that_protects_less(self, name: str, value: object) -> None:
        changed = Policy.of({**USUAL.as_json(), name: value})
        assert len(changed.weaker_than(USUAL)) == 1

    @pytest.mark.parametrize(("name", "value"), STRICTER.items())
    def test_a_rule_that_protects_more_is_not(self, name: str, value: object) -> None:
        assert Policy.of({**USUAL.as_json(), name: value}).weaker_than(USUAL) == []

    def test_less_time_to_change_an_answer(self) -> None:
        assert policy_agreement.weaker(Policy(), 0, 60)
        assert not policy_agreement.weaker(Policy(), 60, 60)


class TestTheLaunch:
    def test_the_drafter_cannot_launch_weaker_rules_alone(self, house: House) -> None:
        house.snapshot()
        number = house.drafted("Autumn", policy=Policy(removal_threshold=1_000_000))
        with pytest.raises(LaunchRefused, match="Removal threshold 1000000 instead of 50"):
            launch(house, number, house.officer)
        with pytest.raises(SecondPersonNeeded):
            agree(house, number, house.officer)
        agree(house, number, OTTO)
        launch(house, number, house.officer)
        assert house.campaign(number).state is CampaignState.ACTIVE
        assert "policy.agreed" in house.trail_actions()


def test_every_number_of_a_policy_is_documented_and_has_its_option() -> None:
    text = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text(encoding="utf-8")
    options = {
        name
        for option in cli.get_command(Context(cli), "campaign")
        .get_command(Context(cli), "launch")
        .params
        for name in option.opts
    }
    for rule in NUMBERS.values():
        row = f"| `{rule.options[0]}` | {rule.label} | {rule.usual} | {rule.limits} | {rule.help} |"
        assert row in text
        assert set(rule.options) <= options
        assert Policy().as_json()[rule.stored] == rule.usual
    assert {rule.stored for rule in NUMBERS.values()} == {
        name for name, value in Policy().as_json().items() if type(value) is int
    }
