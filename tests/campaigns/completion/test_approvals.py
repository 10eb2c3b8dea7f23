"""Many changes at once, and all that silence takes away, wait for a second person."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from recert.campaigns.completion import approvals
from recert.campaigns.completion.approvals import NothingWaits, Waiting
from recert.campaigns.completion.models import CampaignRelease
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, ItemState
from recert.campaigns.policy import NonResponse, Policy
from recert.evidence import verifier
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, MovedMeanwhile, NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from tests.support.house import House, staff

INBOX = "/finance/inbox"
REVOKE = Reply(Answer.REVOKE, reason="Over.")
SILENT = Policy(high=NonResponse.REVOKE)
OTHER = staff("otto@house.example", Role.OFFICER)


def waiting(house: House, campaign_id: int) -> Waiting:
    with house.db.reading() as session:
        return approvals.waiting(session, session.get_one(Campaign, campaign_id), house.now)


def much(house: House, **policy: int) -> int:
    """Alice revokes everything in one folder: a large part of the nine grants."""
    campaign = house.launched(policy=Policy(**policy))
    house.decide_all("pia", INBOX, REVOKE)
    house.finish("alice")
    return campaign


class TestMuchAtOnce:
    def test_a_large_share_of_a_server_waits(self, house: House) -> None:
        campaign = much(house, removal_threshold_from=1)
        house.carry_out()
        assert house.orders() == []
        found = waiting(house, campaign)
        assert found.reasons == ["More than 20 % of the access on main."]
        assert [(s.server, s.changes, s.grants) for s in found.servers] == [
            ("main", found.count, 9)
        ]

    def test_a_large_number_waits(self, house: House) -> None:
        campaign = much(house, removal_threshold=2, removal_threshold_percent=100)
        house.carry_out()
        assert house.orders() == []
        assert waiting(house, campaign).reasons == ["More than 2 changes at once."]

    def test_few_changes_of_a_small_server_are_no_mass(self, house: House) -> None:
        campaign = much(house, removal_threshold_from=10)
        house.carry_out()
        assert len(house.orders()) > 2
        assert waiting(house, campaign).count == 0

    def test_the_limit_itself_goes_out(self, house: House) -> None:
        campaign = house.launched(policy=Policy(removal_threshold=1))
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        house.carry_out()
        assert waiting(house, campaign).count == 0
        assert len(house.orders()) == 1

    def test_a_second_person_lets_them_go(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        count = waiting(house, campaign).count
        assert house.release(campaign) == count
        house.carry_out()
        assert len(house.orders()) == count
        assert house.trail_actions().count("campaign.released") == 1

    def test_what_becomes_final_later_is_not_covered(self, house: House) -> None:
        campaign = much(house, removal_threshold=1, removal_threshold_percent=100)
        released = house.release(campaign)
        house.decide_all("bob", "/finance", REVOKE)
        house.finish("alice")
        house.carry_out()
        assert len(house.orders()) == released
        assert waiting(house, campaign).count > 1

    def test_a_void_campaign_waits_for_nothing(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        house.void(campaign)
        assert waiting(house, campaign).count == 0
        with pytest.raises(NothingWaits):
            house.release(campaign)


class TestSilence:
    def test_one_silent_revocation_is_enough_to_wait(self, house: House) -> None:
        campaign = house.launched(policy=SILENT, prefix="/sales")
        house.close(campaign)
        house.carry_out()
        assert house.orders() == []
        found = waiting(house, campaign)
        assert found.reasons == ["The policy takes access away where nobody answered."]

    def test_it_does_not_hold_up_what_people_decided(self, house: House) -> None:
        campaign = house.launched(policy=SILENT, prefix=INBOX)
        house.decide("pia", INBOX, REVOKE)
        house.close(campaign)
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.VERIFIED
        assert house.item("batch", INBOX).state is ItemState.FINAL

    def test_released_it_is_carried_out_and_proved(self, house: House) -> None:
        campaign = house.launched(policy=SILENT, prefix="/sales")
        house.close(campaign)
        assert house.release(campaign) == 1
        house.carry_out()
        assert house.item("seller", "/sales").state is ItemState.VERIFIED
        house.sign_off(campaign)

    def test_the_evidence_of_it_is_accepted(self, house: House) -> None:
        campaign = house.launched(policy=SILENT)
        house.decide("pia", INBOX, REVOKE)
        house.close(campaign)
        assert verifier.check(str(house.export(campaign)))
        house.release(campaign)
        house.carry_out()
        assert verifier.check(str(house.export(campaign)))


class TestWhoReleases:
    def test_not_the_one_who_closed_it(self, house: House) -> None:
        campaign = house.launched(policy=SILENT)
        house.close(campaign)
        with pytest.raises(SecondPersonNeeded):
            house.release(campaign, house.officer)
        with pytest.raises(SecondPersonNeeded):
            house.release(campaign, replace(house.officer, name="olga@house.example (operator: x)"))
        house.release(campaign, OTHER)

    def test_not_the_only_one_who_decided(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        alice = staff("alice@house.example", Role.OFFICER)
        with pytest.raises(SecondPersonNeeded):
            house.release(campaign, alice)

    def test_one_of_several_deciders_may(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        house.decide("seller", "/sales", REVOKE, by="charlie")
        house.finish("charlie")
        house.release(campaign, staff("alice@house.example", Role.OFFICER))

    def test_neither_a_reviewer_nor_an_auditor(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        for nobody in (house.person("bob"), house.auditor):
            with pytest.raises(NotAllowed):
                house.release(campaign, nobody)

    def test_not_without_a_reason(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        with pytest.raises(BadInput, match="Say why"):
            house.release(campaign, reason=" ")

    def test_only_what_was_looked_at(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        expected_digest = waiting(house, campaign).digest
        house.decide("seller", "/sales", REVOKE, by="charlie")
        house.finish("charlie")
        with pytest.raises(MovedMeanwhile):
            house.release(campaign, expected_digest=expected_digest)
        house.release(campaign, expected_digest=waiting(house, campaign).digest)

    def test_it_is_written_down_with_what_was_released(self, house: House) -> None:
        campaign = much(house, removal_threshold=1)
        found = waiting(house, campaign)
        house.release(campaign)
        with house.db.reading() as session:
            made = session.scalars(select(CampaignRelease)).one()
        assert (made.released_by, made.reason) == ("adam@house.example", "Looked at it.")
        assert (made.count, made.digest) == (found.count, found.digest)

    def test_nothing_waits_is_said(self, house: House) -> None:
        with pytest.raises(NothingWaits):
            house.release(house.launched())
