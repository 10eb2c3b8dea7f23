"""What silence means at the close, by risk class."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest
from sqlalchemy import select, update

from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.policy import (
    Holder,
    NonResponse,
    Policy,
    PolicyRejected,
    Risk,
    risk_of,
)
from recert.campaigns.risk import risk_column
from recert.connectors.contract import AccountKind
from recert.connectors.rights import Rights
from recert.foundation.actor import Assurance, Channel
from recert.inventory.models import Account
from recert.people.models import Organisation, OrganisationKind, Person
from recert.trail.models import TrailEntry
from tests.support.house import NOON, House

INBOX = "/finance/inbox"
STRICT = Policy(high=NonResponse.REVOKE, medium=NonResponse.SUSPEND)
ALICE = Holder(AccountKind.PERSON, known=True, active=True)


def decisions(house: House) -> list[Decision]:
    with house.db.reading() as session:
        return list(session.scalars(select(Decision).order_by(Decision.item_id)))


class TestTheRisk:
    def test_a_person_who_works_here_and_reads_is_low(self) -> None:
        assert risk_of(int(Rights.DOWNLOAD), ALICE, now=NOON) is Risk.LOW

    @pytest.mark.parametrize("right", ["OVERWRITE", "DELETE", "RENAME", "RMDIR"])
    def test_what_destroys_is_medium(self, right: str) -> None:
        assert risk_of(int(Rights[right]), ALICE, now=NOON) is Risk.MEDIUM

    @pytest.mark.parametrize("right", ["CHMOD", "SHARE"])
    def test_what_passes_rights_on_is_high(self, right: str) -> None:
        assert risk_of(int(Rights[right]), ALICE, now=NOON) is Risk.HIGH

    @pytest.mark.parametrize(
        "holder",
        [
            replace(ALICE, kind=AccountKind.ANONYMOUS),
            replace(ALICE, kind=AccountKind.SHARED),
            replace(ALICE, known=False),
            replace(ALICE, active=False),
            replace(ALICE, left_on=NOON.date()),
            replace(ALICE, partner=True, contract_ends=NOON),
        ],
    )
    def test_what_belongs_to_nobody_who_is_here_is_high(self, holder: Holder) -> None:
        assert risk_of(int(Rights.LIST), holder, now=NOON) is Risk.HIGH

    def test_an_own_account_that_ends_is_not_a_contract(self) -> None:
        assert risk_of(1, replace(ALICE, contract_ends=NOON), now=NOON) is Risk.LOW
        future = replace(ALICE, partner=True, contract_ends=NOON + timedelta(days=1))
        assert risk_of(1, future, now=NOON) is Risk.LOW

    def test_the_database_says_the_same(self, house: House) -> None:
        house.launched()
        item = house.item("pia", INBOX)
        cases = product(
            (1, 16, 256, 512 | 16),
            (AccountKind.PERSON, AccountKind.SHARED),
            (None, "active", "gone"),
            (None, date(2026, 11, 23), date(2026, 11, 24)),
            tuple(OrganisationKind),
            (None, NOON, NOON + timedelta(days=1)),
        )
        with house.db.transaction() as session:
            account = session.get_one(Account, item.account_id)
            person = session.get_one(Person, account.person_id)
            firm = session.get_one(Organisation, person.organisation_id)
            for rights, kind, known, left, what, ends in cases:
                session.execute(update(Item).where(Item.id == item.id).values(rights=rights))
                account.kind, account.expires_at = kind, ends
                account.person_id = person.id if known else None
                person.active, person.left_on, firm.kind = known == "active", left, what
                session.flush()
                found = session.scalar(
                    select(risk_column(NOON))
                    .select_from(Item)
                    .join(Account, Account.id == Item.account_id)
                    .outerjoin(Person, Person.id == Account.person_id)
                    .outerjoin(Organisation, Organisation.id == Person.organisation_id)
                    .where(Item.id == item.id)
                )
                partner = what is OrganisationKind.PARTNER
                holder = Holder(kind, bool(known), known == "active", left, partner, ends)
                assert found == risk_of(rights, holder, now=NOON), (rights, holder)


class TestAPolicy:
    def test_nothing_said_keeps_and_brakes(self) -> None:
        policy = Policy.of({})
        assert {policy.non_response(risk) for risk in Risk} == {NonResponse.KEEP}
        assert (policy.removal_threshold_percent, policy.removal_threshold, policy.batch_size) == (
            20,
            50,
            0,
        )

    def test_it_comes_back_from_its_json(self) -> None:
        assert Policy.of(STRICT.as_json()) == STRICT

    @pytest.mark.parametrize(
        ("stored", "message"),
        [
            ({"high": "shout"}, "not 'shout'"),
            ({"wave_size": "many"}, "Batch size must be a number"),
            ({"wave_size": -1}, "Batch size must be a number from 0"),
            ({"brake_percent": 101}, "from 0 to 100"),
        ],
    )
    def test_nonsense_is_named(self, stored: dict[str, object], message: str) -> None:
        with pytest.raises(PolicyRejected, match=message):
            Policy.of(stored)


class TestSilence:
    def test_each_class_goes_its_own_way(self, house: House) -> None:
        campaign = house.launched(policy=STRICT)
        house.decide("bob", INBOX, Reply(Answer.KEEP))
        kept = house.close(campaign)
        taken = {d.item_id: d for d in decisions(house) if d.answer is Answer.NO_ANSWER}
        assert kept + len(taken) == 8
        lea, seller = house.item("lea", INBOX), house.item("seller", "/sales")
        assert (lea.state, lea.answer, lea.answer_rights) == (
            ItemState.FINAL,
            Answer.NO_ANSWER,
            0,
        )
        assert "Removed by policy (high risk)" in taken[lea.id].reason
        assert "high risk" in taken[seller.id].reason  # it belongs to nobody we know
        alice = house.item("alice", INBOX)
        assert alice.state is ItemState.CLOSED
        assert alice.id not in taken

    def test_a_suspension_says_that_it_can_be_given_back(self, house: House) -> None:
        house.give("pia", INBOX, "list delete")
        campaign = house.launched(policy=STRICT)
        house.close(campaign)
        pia = house.item("pia", INBOX)
        assert pia.outcome == (
            "Nobody answered. Suspended by policy (medium risk); an undo gives it back."
        )

    def test_it_is_the_policy_that_decided_and_no_person(self, house: House) -> None:
        house.close(house.launched(policy=STRICT))
        assert decisions(house)
        for made in decisions(house):
            assert (made.person_id, made.actor) == (None, "policy: silence")
            assert (made.channel, made.assurance) == (Channel.SYSTEM, Assurance.POLICY)
            assert (made.answer, made.answer_rights, made.version) == (Answer.NO_ANSWER, 0, 1)

    def test_the_trail_says_it(self, house: House) -> None:
        house.close(house.launched(policy=STRICT))
        with house.db.reading() as session:
            told = session.scalars(select(TrailEntry).order_by(TrailEntry.seq.desc())).first()
        assert told
        assert (told.action, told.actor) == ("silence.decided", "policy: silence")

    def test_no_order_is_made_before_a_second_person(self, house: House) -> None:
        house.close(house.launched(policy=STRICT))
        house.carry_out()
        assert house.orders() == []

    def test_what_a_person_answered_stays(self, house: House) -> None:
        campaign = house.launched(policy=STRICT)
        house.decide("lea", INBOX, Reply(Answer.KEEP, reason="Hands over."))
        house.close(campaign)
        assert house.item("lea", INBOX).state is ItemState.CLOSED
        assert house.item("lea", INBOX).answer is Answer.KEEP

    def test_an_answer_after_the_close_is_refused_as_ever(self, house: House) -> None:
        campaign = house.launched(policy=STRICT)
        house.close(campaign)
        with pytest.raises(Exception, match="can no longer be answered"):
            house.decide("lea", INBOX, Reply(Answer.KEEP, reason="Hands over."))

    def test_the_rules_are_in_the_trail_of_the_draft(self, house: House) -> None:
        house.drafted("Strict", policy=STRICT)
        with house.db.reading() as session:
            body = session.scalars(
                select(TrailEntry.body).where(TrailEntry.action == "campaign.drafted")
            ).one()
        assert '"high":"revoke"' in body
