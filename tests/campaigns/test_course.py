"""From the launch to the sign-off: new facts, final answers, close, and who signs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from recert.campaigns import states
from recert.campaigns.completion import close, sign_off
from recert.campaigns.decisions import finalisation
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import AnsweredMeanwhile, Reply
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState, Route
from recert.campaigns.reviewing import reassignment
from recert.campaigns.setup import launch
from recert.campaigns.states import StepRefused
from recert.campaigns.transitions import NoSuchItem
from recert.foundation import secrets
from recert.foundation.errors import BadInput, MovedMeanwhile, NotAllowed
from recert.inventory.models import Account
from recert.people import queries as people
from recert.trail.act import Act
from recert.trail.models import TrailCheckpoint
from tests.support.house import House

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def finalise(house: House) -> int:
    with house.db.transaction() as session:
        return finalisation.finalise_due(session, now=house.now)


def reassign(house: House, to: str, reason: str = "Holiday.", **more: Any) -> None:
    with house.db.transaction() as session:
        person = people.person_by_email(session, f"{to}@house.example")
        assert person
        item = session.get_one(Item, house.item("pia", INBOX).id)
        actor = more.get("actor", house.officer)
        reassignment.reassign(Act(session, actor, house.now), item, person, reason)


class TestANewSnapshot:
    def look(self, house: House) -> int:
        house.snapshot()
        return house.refresh()

    def test_changed_access_is_asked_about_again(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        house.give("pia", INBOX, "list delete")
        assert self.look(house) == 1
        item = house.item("pia", INBOX)
        assert (item.state, item.answer, item.rights) == (ItemState.OPEN, None, 17)

    def test_an_old_page_is_then_refused(self, house: House) -> None:
        house.launched()
        seen = house.item("pia", INBOX)
        house.give("pia", INBOX, "list delete")
        self.look(house)
        stale = Reply(Answer.KEEP, version=seen.version, content_hash=seen.content_hash)
        with pytest.raises(AnsweredMeanwhile):
            house.decide("pia", INBOX, stale)

    def test_gone_access_is_gone_before_the_decision(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        house.give("pia")
        assert self.look(house) == 1
        assert house.item("pia", INBOX).state is ItemState.GONE

    def test_access_that_comes_back_is_asked_about_again(self, house: House) -> None:
        house.launched()
        house.give("pia", INBOX)
        self.look(house)
        house.give("pia", INBOX, "list upload")
        assert self.look(house) == 1
        assert house.item("pia", INBOX).state is ItemState.OPEN

    def test_a_boundary_that_vanished_does_not_hide_access(self, house: House) -> None:
        house.launched()
        for name in ("pia", "batch"):
            house.give(name, INBOX)
        assert self.look(house) == 5
        assert house.item("pia", INBOX).state is ItemState.GONE
        assert house.item("bob", INBOX).state is ItemState.OPEN
        assert house.item("bob", INBOX).rights == house.item("bob", "/finance").rights

    def test_the_same_facts_ask_nothing(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        assert self.look(house) == 0
        assert house.item("pia", INBOX).state is ItemState.DECIDED

    def test_it_is_looked_at_once(self, house: House) -> None:
        house.launched()
        house.give("pia", INBOX, "list")
        assert (self.look(house), house.refresh()) == (1, 0)

    def test_final_answers_stay(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        house.give("pia", INBOX, "list")
        assert self.look(house) == 0
        assert house.item("pia", INBOX).state is ItemState.FINAL

    def test_a_failed_look_changes_nothing(self, house: House) -> None:
        house.launched()
        house.permissions.write_text("garbled")
        assert self.look(house) == 0
        assert house.item("pia", INBOX).state is ItemState.OPEN


class TestAnAnswerBecomesFinal:
    def test_a_revocation_when_its_time_is_over(self, house: House) -> None:
        house.launched(undo_minutes=60)
        house.decide("pia", INBOX, REVOKE)
        with house.later(minutes=59):
            assert finalise(house) == 0
        with house.later(minutes=60):
            assert (finalise(house), finalise(house)) == (1, 0)
        assert house.item("pia", INBOX).state is ItemState.FINAL
        assert house.trail_actions()[-1] == "items.final"

    def test_a_keep_stays_open_to_change_until_the_close(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, KEEP)
        with house.later(days=10):
            assert finalise(house) == 0
            house.decide("pia", INBOX, REVOKE)
            house.decide("pia", INBOX, KEEP)
        house.close(campaign)
        assert house.item("pia", INBOX).state is ItemState.CLOSED

    def test_a_change_of_mind_starts_the_time_anew(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        with house.later(minutes=59):
            house.decide("pia", INBOX, REVOKE)
        with house.later(minutes=61):
            assert finalise(house) == 0

    def test_in_two_campaigns_each_has_its_entry(self, house: House) -> None:
        for name in ("One", "Two"):
            house.launched(name=name * 2)
            house.decide("pia", INBOX, REVOKE)
        with house.later(hours=2):
            assert finalise(house) == 2
        assert house.trail_actions().count("items.final") == 2

    def test_at_once_when_the_reviewer_is_done(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.decide("batch", INBOX, KEEP)
        house.finish("alice")
        assert house.item("pia", INBOX).state is ItemState.FINAL
        assert house.item("batch", INBOX).state is ItemState.CLOSED
        assert house.item("bob", INBOX).state is ItemState.OPEN

    def test_nobody_finishes_for_another(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.finish("bob")
        assert house.item("pia", INBOX).state is ItemState.DECIDED

    def test_who_was_not_asked_cannot_finish(self, house: House) -> None:
        house.launched()
        with pytest.raises(NoSuchItem):
            house.finish("mona")

    def test_nothing_is_finished_after_the_close(self, house: House) -> None:
        house.close(house.launched())
        with pytest.raises(StepRefused):
            house.finish("alice")


class TestAReassignment:
    def test_the_new_reviewer_answers(self, house: House) -> None:
        house.launched()
        reassign(house, "mona")
        assert house.item("pia", INBOX).route is Route.REASSIGNED
        house.decide("pia", INBOX, KEEP, by="mona")

    def test_it_needs_a_reason(self, house: House) -> None:
        house.launched()
        with pytest.raises(BadInput, match="Say why"):
            reassign(house, "mona", reason=" ")

    def test_not_to_somebody_who_left(self, house: House) -> None:
        house.launched()
        with pytest.raises(BadInput, match="have left"):
            reassign(house, "lea")

    def test_not_to_the_officer_himself(self, house: House) -> None:
        house.launched()
        mona = replace(house.officer, name="mona@house.example")
        with pytest.raises(BadInput, match="to themselves"):
            reassign(house, "mona", actor=mona)
        assert house.item("pia", INBOX).reviewer_id == house.person("alice").person_id

    def test_not_to_the_holder_of_the_account(self, house: House) -> None:
        house.launched()
        with house.db.transaction() as session:
            account = session.get_one(Account, house.item("pia", INBOX).account_id)
            account.person_id = house.person("mona").person_id
        with pytest.raises(BadInput, match="their own account"):
            reassign(house, "mona")

    def test_not_after_an_answer(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        with pytest.raises(MovedMeanwhile):
            reassign(house, "mona")

    def test_not_in_a_campaign_that_is_over(self, house: House) -> None:
        house.void(house.launched())
        with pytest.raises(StepRefused):
            reassign(house, "mona")

    def test_only_by_an_officer(self, house: House) -> None:
        house.launched()
        with pytest.raises(NotAllowed):
            reassign(house, "mona", actor=house.person("alice"))


class TestTheClose:
    def test_silence_is_an_exception_by_policy(self, house: House) -> None:
        campaign = house.launched()
        assert house.close(campaign) == 9
        item = house.item("pia", INBOX)
        assert (item.state, item.answer) == (ItemState.CLOSED, Answer.NO_ANSWER)
        assert "by policy" in item.outcome
        with house.db.reading() as session:
            assert session.scalars(select(Decision)).all() == []

    def test_answers_become_final(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.decide("batch", INBOX, KEEP)
        assert house.close(campaign) == 7
        assert house.item("pia", INBOX).state is ItemState.FINAL
        assert house.item("batch", INBOX).state is ItemState.CLOSED

    def test_it_happens_once(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        with pytest.raises(StepRefused):
            house.close(campaign)


class TestTheSignOff:
    def test_it_is_refused_while_a_change_is_not_proved(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, REVOKE)
        house.close(campaign)
        with pytest.raises(StepRefused, match="1 items are not done"):
            house.sign_off(campaign)
        house.carry_out()
        house.sign_off(campaign)
        assert house.campaign(campaign).state is CampaignState.SIGNED_OFF

    @pytest.mark.parametrize("state", [s for s in ItemState if s not in states.DONE])
    def test_every_unfinished_state_stands_in_its_way(self, house: House, state: ItemState) -> None:
        campaign = house.launched()
        house.close(campaign)
        with house.db.transaction() as session:
            session.get_one(Item, house.item("pia", INBOX).id).state = state
        with pytest.raises(StepRefused):
            house.sign_off(campaign)

    def test_it_needs_a_statement(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        with pytest.raises(BadInput, match="statement"):
            house.sign_off(campaign, "  ")

    def test_it_is_not_for_a_running_campaign(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(StepRefused):
            house.sign_off(campaign)

    def test_it_signs_the_trail(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        house.sign_off(campaign)
        with house.db.reading() as session:
            point = session.scalars(select(TrailCheckpoint)).one()
        assert point.seq == len(house.trail_actions())


class TestAVoidCampaign:
    def test_it_needs_a_reason_and_stays(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(BadInput, match="Say why"):
            house.void(campaign, " ")
        house.void(campaign)
        assert house.campaign(campaign).void_reason == "Wrong scope."

    def test_what_is_signed_cannot_be_void(self, house: House) -> None:
        campaign = house.launched()
        house.close(campaign)
        house.sign_off(campaign)
        with pytest.raises(StepRefused):
            house.void(campaign)


def _acts(house: House, session: Any, campaign: Campaign) -> dict[str, Callable[[], object]]:
    key = secrets.signing_key(house.settings.keys)
    who = {"actor": house.admin, "now": house.now}
    return {
        "close": lambda: close.close(Act(session, **who), campaign),
        "sign off": lambda: sign_off.sign_off(Act(session, **who), campaign, "Yes.", key),
        "void": lambda: sign_off.void(Act(session, **who), campaign, "No."),
    }


@pytest.mark.parametrize("act", ["close", "sign off", "void"])
def test_only_an_officer_moves_a_campaign(house: House, act: str) -> None:
    campaign = house.launched()
    with house.db.transaction() as session, pytest.raises(NotAllowed):
        _acts(house, session, session.get_one(Campaign, campaign))[act]()
    assert house.campaign(campaign).state is CampaignState.ACTIVE


def test_a_campaign_is_found_by_name_or_number(house: House) -> None:
    campaign = house.launched()
    with house.db.reading() as session:
        for name in ("Autumn", str(campaign)):
            assert launch.campaign_by_name(session, name).id == campaign
        with pytest.raises(launch.NoSuchCampaign, match="Winter"):
            launch.campaign_by_name(session, "Winter")
