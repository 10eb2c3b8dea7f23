"""Policy and release on the command line."""

from recert.campaigns.models import ItemState
from recert.campaigns.policy import NonResponse, Policy
from tests.cli.conftest import Type, closed
from tests.support.house import House


class TestTheRelease:
    def test_silence_is_released_by_a_second_person(self, house: House, recert: Type) -> None:
        house.user(house.admin)
        house.snapshot()
        recert("campaign launch Winter --folder /sales --silence high=revoke --wave-size 5")
        policy = Policy.of(house.campaign(1).policy)
        assert (policy.high, policy.batch_size) == (NonResponse.REVOKE, 5)
        assert "1 items without an answer are removed by policy" in closed(house, recert)
        assert "1 changes wait for a second person" in recert("campaign show Winter")
        recert("order run")
        assert house.item("seller", "/sales").state is ItemState.FINAL
        done = recert("campaign release Winter --as adam@house.example --reason 'Looked at it'")
        assert "1 changes are released" in done
        recert("order run")
        assert house.item("seller", "/sales").state is ItemState.VERIFIED

    def test_who_is_no_user_or_has_no_role_may_not(self, house: House, recert: Type) -> None:
        house.user(house.auditor)
        house.snapshot()
        recert("campaign launch Winter --folder /sales --silence high=revoke")
        closed(house, recert)
        line = "campaign release Winter --reason x --as"
        assert "has the address" in recert(f"{line} nobody@house.example", 1)
        assert "needs the role" in recert(f"{line} aud@house.example", 4)

    def test_nonsense_is_named(self, house: House, recert: Type) -> None:
        assert "not like high=revoke" in recert("campaign launch Winter --silence all=revoke", 1)
        assert "not 'shout'" in recert("campaign launch Winter --silence high=shout", 1)
        assert "from 0 to 100" in recert("campaign launch Winter --brake-percent 300", 1)

    def test_what_can_be_answered_by_mail_is_said_at_the_launch(
        self, house: House, recert: Type
    ) -> None:
        house.snapshot()
        recert("campaign launch Winter --folder /sales --mail-answers off")
        assert house.campaign(1).policy["mail_answers"] == "off"
        recert("campaign launch Spring --folder /sales")
        assert house.campaign(2).policy["mail_answers"] == "low"
        recert("campaign launch Summer --mail-answers some", 3)
