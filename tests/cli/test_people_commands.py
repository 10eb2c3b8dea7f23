"""People on the command line: trainings, folders that are not theirs, late changes."""

from pathlib import Path

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from tests.cli.conftest import Type
from tests.support.house import House


def test_trainings_are_imported(house: House, recert: Type, tmp_path: Path) -> None:
    file = tmp_path / "trainings.csv"
    file.write_text("email,date,course\nalice@house.example,2026-03-01,Reviews\n")
    assert "1 trainings imported" in recert(f"people trained {file}")
    file.write_text("email,date,course\nnobody@house.example,2026-03-01,Reviews\n")
    assert "line 2, email: nobody has the address" in recert(f"people trained {file}", 1)


def test_a_folder_that_is_not_mine_is_settled(house: House, recert: Type) -> None:
    house.launched("Winter")
    recert("owners not-mine")
    house.decide("pia", "/finance/inbox", Reply(Answer.NOT_MINE, reason="I moved."))
    assert "I moved." in recert("owners not-mine", 2)
    assert '"folder": "/finance"' in recert("owners not-mine --json", 2)
    line = "owners settle 1 --reason Asked --owner"
    assert "Nobody has the address" in recert(f"{line} nobody@house.example", 1)
    assert "Mona Mill answers for it instead" in recert(f"{line} mona@house.example")
    recert("owners not-mine")
    assert "There is no such line" in recert("owners settle 99 --reason So --owner a@b.c", 1)


def test_a_late_change_gets_somebody(house: House, recert: Type) -> None:
    house.launched("Winter")
    house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
    house.finish("alice")
    item = house.item("pia", "/finance/inbox").id
    line = f"late take-on {item} --owner alice@house.example --reason Holidays --until"
    with house.later(days=9):
        assert "not a date" in recert(f"{line} soon", 1)
        assert f"alice@house.example sees to item {item}" in recert(f"{line} 2026-12-10")
        assert "no such question" in recert(line.replace(str(item), "999") + " 2026-12-10", 1)
