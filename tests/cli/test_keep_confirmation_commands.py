"""A second person's word on the command line."""

from recert.campaigns.models import ItemState
from tests.cases.test_edge_cases_reviewers import alone
from tests.cli.conftest import Type
from tests.support.house import House


def test_a_keep_is_confirmed_or_asked_again(house: House, recert: Type) -> None:
    house.user(house.officer)
    item = alone(house)
    assert "Alice Archer" in recert("campaign to-confirm Shared", 2)
    assert '"account": "lea"' in recert("campaign to-confirm Shared --json", 2)
    line = f"campaign confirm {item.id} --as olga@house.example --reason Asked"
    assert "No user who can sign in has" in recert(line.replace("olga", "nobody"), 1)
    assert "is asked again" in recert(f"{line} --ask-again")
    assert house.item("lea", "/finance").state is ItemState.OPEN
    assert "answered or changed" in recert(line, 1)
    recert("campaign to-confirm Shared")
