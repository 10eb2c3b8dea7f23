"""One person never takes two steps that exclude each other: by person, and not by name."""

import pytest

from recert.foundation.actor import Actor, Role, operator
from recert.foundation.errors import NotAllowed
from recert.foundation.separation import RULES, Party, SecondPersonNeeded, Step, are_same
from recert.people import separation, users
from recert.trail.act import Act
from tests.support.house import OTTO, PASSWORD, House, staff

ALL = frozenset(Role)
REF = "campaign:1"
PAIRS = [(step, earlier) for step, rule in RULES.items() for earlier in sorted(rule.never_after)]


def take(house: House, step: Step, actor: Actor) -> None:
    with house.db.transaction() as session:
        separation.note(Act(session, actor, house.now), REF, step)


def check(house: House, step: Step, actor: Actor) -> None:
    with house.db.transaction() as session:
        separation.check(Act(session, actor, house.now), step, REF)


class TestTheTable:
    """Every role, every step, after every other one."""

    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("step", RULES)
    def test_who_has_not_the_role_cannot(self, house: House, step: Step, role: Role) -> None:
        someone = staff("sam@house.example", role)
        if role in RULES[step].roles:
            check(house, step, someone)
        else:
            with pytest.raises(NotAllowed, match="needs the role"):
                check(house, step, someone)

    @pytest.mark.parametrize(("step", "earlier"), PAIRS)
    def test_one_person_with_every_role_is_refused_the_second_step(
        self, house: House, step: Step, earlier: Step
    ) -> None:
        take(house, earlier, staff("sam@house.example", *ALL))
        with pytest.raises(SecondPersonNeeded):
            check(house, step, staff("sam@house.example", *ALL))
        check(house, step, staff("tom@house.example", *ALL))

    @pytest.mark.parametrize("step", RULES)
    def test_what_does_not_exclude_does_not_refuse(self, house: House, step: Step) -> None:
        for earlier in set(Step) - RULES[step].never_after:
            take(house, earlier, staff("sam@house.example", *ALL))
        check(house, step, staff("sam@house.example", *ALL))


class TestWhoIsThePerson:
    @pytest.fixture
    def twice(self, house: House) -> House:
        """Alice has two sign-ins."""
        house.user(staff("alice@house.example", *ALL))
        with house.db.transaction() as session:
            users.add_user(
                Act(session, house.admin, house.now),
                "a.archer.admin@house.example",
                "Second",
                PASSWORD,
                ALL,
                person="alice@house.example",
            )
        return house

    @pytest.mark.parametrize(
        "name",
        [
            "alice@house.example",
            "ALICE@house.example",
            "alice@house.example (operator: root)",
            "a.archer.admin@house.example",
            "a.archer.admin@house.example (operator: root)",
        ],
    )
    def test_two_names_of_one_person_are_one(self, twice: House, name: str) -> None:
        take(twice, Step.DRAFTED, staff("alice@house.example", *ALL))
        with pytest.raises(SecondPersonNeeded):
            check(twice, Step.AGREED_POLICY, staff(name, *ALL))

    def test_an_operator_who_does_not_say_for_whom_is_nobodys_second(self, house: House) -> None:
        take(house, Step.DRAFTED, staff("olga@house.example", Role.OFFICER))
        with pytest.raises(SecondPersonNeeded, match="Say who you are"):
            check(house, Step.AGREED_POLICY, operator("root"))

    def test_nor_is_who_types_with_the_login_of_such_an_operator(self, house: House) -> None:
        take(house, Step.DRAFTED, operator("root"))
        with pytest.raises(SecondPersonNeeded, match="types this as well"):
            check(house, Step.AGREED_POLICY, staff("olga@house.example (operator: root)", *ALL))
        check(house, Step.AGREED_POLICY, staff("olga@house.example", Role.OFFICER))

    def test_a_person_who_left_is_still_the_same_person(self, house: House) -> None:
        take(house, Step.DRAFTED, staff("lea@house.example", *ALL))
        with house.db.transaction() as session:
            parties = separation.steps_about(session, REF)
        assert parties[0][1].person_id is not None
        assert are_same(parties[0][1], Party(person_id=parties[0][1].person_id, name="x"))


class TestACompanyWithOneOfficer:
    def test_the_message_says_what_is_missing(self, house: House) -> None:
        house.user(house.officer)
        take(house, Step.DRAFTED, house.officer)
        with pytest.raises(SecondPersonNeeded, match="nobody else holds the role officer"):
            check(house, Step.AGREED_POLICY, house.officer)

    def test_it_names_who_could_when_somebody_can(self, house: House) -> None:
        house.user(house.officer)
        house.user(OTTO)
        take(house, Step.DRAFTED, house.officer)
        with pytest.raises(SecondPersonNeeded, match=r"role officer: otto@house\.example"):
            check(house, Step.AGREED_POLICY, house.officer)

    def allow(self, house: House, actor: Actor) -> None:
        with house.db.transaction() as session:
            separation.set_one_person_rule(
                Act(session, actor, house.now), allowed=True, reason="Only Olga."
            )

    def test_an_operator_may_allow_one_person_and_the_trail_says_so(self, house: House) -> None:
        house.user(house.officer)
        take(house, Step.DRAFTED, house.officer)
        self.allow(house, operator("root"))
        check(house, Step.AGREED_POLICY, house.officer)
        assert house.trail_actions()[-1] == "separation.one_person"

    def test_it_counts_only_while_nobody_else_can(self, house: House) -> None:
        house.user(house.officer)
        house.user(OTTO)
        take(house, Step.DRAFTED, house.officer)
        self.allow(house, operator("root"))
        with pytest.raises(SecondPersonNeeded):
            check(house, Step.AGREED_POLICY, house.officer)

    def test_nobody_confirms_their_own_access_even_then(self, house: House) -> None:
        house.user(house.officer)
        self.allow(house, operator("root"))
        take(house, Step.HOLDS, house.officer)
        with pytest.raises(SecondPersonNeeded):
            check(house, Step.CONFIRMED, house.officer)

    def test_no_user_of_the_pages_can_allow_it(self, house: House) -> None:
        with pytest.raises(SecondPersonNeeded):
            self.allow(house, house.admin)
