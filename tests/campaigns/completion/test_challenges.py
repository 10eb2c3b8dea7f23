"""Whoever loses access can object before it is taken away."""

import pytest

from recert.campaigns.completion import challenge_outcomes, challenges
from recert.campaigns.completion.challenges import TooLateToObject
from recert.campaigns.decisions.rules import Reply, TooLate
from recert.campaigns.models import Answer, ItemState
from recert.campaigns.policy import NonResponse, Policy
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.people.queries import person_by_email
from recert.trail.act import Act
from tests.support.house import House
from tests.support.packages import judged

INBOX = "/finance/inbox"
REVOKE = Reply(Answer.REVOKE)
THREE_DAYS = Policy(challenge_days=3)


def pia(house: House) -> Actor:
    with house.db.reading() as session:
        found = person_by_email(session, "pia@partner.example")
        assert found
        person = house.person("alice")
        return Actor(found.email, person.channel, person.assurance, person_id=found.id)


def announced(house: House, policy: Policy = THREE_DAYS) -> int:
    number = house.launched(policy=policy)
    house.decide("pia", INBOX, REVOKE)
    house.finish("alice")
    house.carry_out()
    return number


def objects(house: House, reason: str = "Needed until March.", by: Actor | None = None) -> None:
    item = house.item("pia", INBOX)
    with house.db.transaction() as session:
        actor = by or pia(house)
        challenges.object_to(Act(session, actor, house.now), item.id, reason)


def settles(house: House, *, keep: bool, reason: str = "The board agreed.", **who: Actor) -> None:
    item = house.item("pia", INBOX)
    with house.db.transaction() as session:
        actor = who.get("by", house.officer)
        said = {"keep": keep, "reason": reason}
        challenge_outcomes.settle(Act(session, actor, house.now), item.id, **said)


class TestTheWindow:
    def test_nothing_is_taken_away_before_it_is_over(self, house: House) -> None:
        announced(house)
        assert house.orders() == []
        with house.later(days=2):
            house.carry_out()
            assert house.item("pia", INBOX).state is ItemState.FINAL
        with house.later(days=3, minutes=1):
            house.carry_out()
            assert house.item("pia", INBOX).state is ItemState.VERIFIED

    def test_whoever_loses_it_sees_it(self, house: House) -> None:
        announced(house)
        with house.db.reading() as session:
            (row,) = challenges.of_person(session, pia(house).person_id or 0, now=house.now)
            assert (row.folder, row.account, row.server) == (INBOX, "pia", "main")
            assert (
                challenges.of_person(session, house.person("bob").person_id or 0, now=house.now)
                == []
            )

    def test_where_nobody_is_known_it_is_over_at_once(self, house: House) -> None:
        house.launched(policy=THREE_DAYS)
        house.decide("seller", "/sales", REVOKE, by="charlie")
        house.finish("charlie")
        house.carry_out()
        assert house.item("seller", "/sales").state is ItemState.VERIFIED

    def test_without_the_rule_nobody_waits(self, house: House) -> None:
        announced(house, Policy())
        assert house.item("pia", INBOX).state is ItemState.VERIFIED


class TestAnObjection:
    def test_the_reviewer_is_asked_again_and_then_it_counts(self, house: House) -> None:
        announced(house)
        objects(house)
        item = house.item("pia", INBOX)
        assert (item.state, item.answer) == (ItemState.OPEN, None)
        assert item.outcome == "pia@partner.example objects: Needed until March."
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.VERIFIED

    def test_only_whoever_loses_it_objects_once_and_in_time(self, house: House) -> None:
        announced(house)
        with pytest.raises(NoSuchItem):
            objects(house, by=house.person("bob"))
        with house.later(days=4), pytest.raises(TooLateToObject):
            objects(house)
        objects(house)
        with pytest.raises(TooLateToObject):
            objects(house)

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 1001, "a\x00b"])
    def test_it_needs_a_reason_that_can_be_read(self, house: House, reason: str) -> None:
        announced(house)
        with pytest.raises(BadInput):
            objects(house, reason)


class TestAfterTheClose:
    def closed(self, house: House) -> int:
        number = announced(house)
        house.close(number)
        objects(house)
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.FINAL
        return number

    def test_an_officer_lets_it_stay_under_his_own_name(self, house: House) -> None:
        number = self.closed(house)
        settles(house, keep=True)
        item = house.item("pia", INBOX)
        assert (item.state, item.answer, item.version) == (ItemState.CLOSED, Answer.KEEP, 2)
        assert "Kept by olga@house.example after an objection" in item.outcome
        house.sign_off(number)
        code, said = judged(house.export(number))
        assert code == 0, said

    def test_or_has_it_taken_away(self, house: House) -> None:
        self.closed(house)
        settles(house, keep=False)
        with house.later(days=4):
            house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.VERIFIED

    def test_it_needs_a_reason_a_role_and_is_done_once(self, house: House) -> None:
        self.closed(house)
        with pytest.raises(BadInput):
            settles(house, keep=True, reason=" ")
        with pytest.raises(NotAllowed):
            settles(house, keep=True, by=house.auditor)
        settles(house, keep=False)
        with pytest.raises(TooLate):
            settles(house, keep=True)

    def test_what_silence_takes_can_be_contested_too(self, house: House) -> None:
        rule = Policy(low=NonResponse.REVOKE, medium=NonResponse.REVOKE, challenge_days=3)
        number = house.launched(policy=rule)
        with house.later(days=20):
            house.close(number)
            house.release(number)
            house.carry_out()
            objects(house)
        with house.later(days=30):
            house.carry_out()
            assert house.item("pia", INBOX).state is ItemState.FINAL
            settles(house, keep=True)
            house.carry_out()
            assert house.item("pia", INBOX).state is ItemState.CLOSED


def test_the_package_tells_of_an_objection(house: House) -> None:
    number = announced(house)
    objects(house)
    code, said = judged(house.export(number))
    assert code == 0, said
