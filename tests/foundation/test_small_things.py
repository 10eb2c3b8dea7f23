"""Clock, errors, fail points, actors."""

from datetime import UTC, datetime

import pytest

from recert.foundation import clock, failpoints
from recert.foundation.actor import Actor, Assurance, Channel, Role, operator, system
from recert.foundation.errors import MovedMeanwhile, NotAllowed, RecertError

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class TestTheClock:
    def test_it_is_aware_utc(self) -> None:
        assert clock.now().tzinfo is UTC

    def test_it_stands_still_when_frozen_and_goes_on_after(self) -> None:
        with clock.frozen(NOON):
            assert clock.now() == NOON
            with clock.frozen(NOON.replace(year=2030)):
                assert clock.now().year == 2030
            assert clock.now() == NOON
        assert clock.now() != NOON

    def test_an_error_in_the_block_lets_it_go_on(self) -> None:
        with pytest.raises(ZeroDivisionError), clock.frozen(NOON):
            raise ZeroDivisionError
        assert clock.now() != NOON


class TestAnError:
    def test_its_docstring_is_its_message(self) -> None:
        assert str(MovedMeanwhile()) == (
            "Somebody else was faster. Reload the page and look again."
        )

    def test_the_detail_comes_after(self) -> None:
        error = NotAllowed("Ask an officer.", line=3)
        assert str(error) == "You are not allowed to do this. Ask an officer."
        assert error.context == {"line": 3}

    def test_a_docstring_of_two_lines_is_one_sentence(self) -> None:
        class Odd(RecertError):
            """First line
            and second line."""

        assert str(Odd()) == "First line and second line."


class TestAFailPoint:
    def test_it_does_nothing_until_it_is_armed(self) -> None:
        failpoints.reach("here")
        reached: list[str] = []
        with failpoints.armed("here", lambda: reached.append("here")):
            failpoints.reach("there")
            failpoints.reach("here")
        failpoints.reach("here")
        assert reached == ["here"]


class TestAnActor:
    def test_without_the_role_he_may_not(self) -> None:
        alice = Actor("alice@house.example", Channel.WEB, Assurance.SIGNED_IN)
        with pytest.raises(NotAllowed, match="officer or auditor; alice"):
            alice.require(Role.OFFICER, Role.AUDITOR)

    def test_one_of_the_roles_is_enough(self) -> None:
        operator("root").require(Role.OFFICER, Role.AUDITOR)

    def test_recert_itself_holds_no_role(self) -> None:
        with pytest.raises(NotAllowed):
            system("deadline").require(*Role)
