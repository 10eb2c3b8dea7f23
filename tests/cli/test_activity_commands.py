"""Transfer logs on the command line."""

from tests.activity.test_logs import day, log, transfer
from tests.cli.conftest import Type
from tests.support.house import House


def test_logs_are_named_and_read(house: House, recert: Type) -> None:
    house.snapshot()
    assert "xferlog" in recert("server logs main")
    file = log(house.folder, (transfer("batch", "/finance/inbox/a"), day(2)))
    assert "1 lines, 1 uses kept, 0 of accounts" in recert(f"activity load main {file}")
    assert "0 lines" in recert(f"activity load main {file}")
    assert "No such file" in recert("activity load main /nowhere/at/all", 1)
    assert "no server of this name" in recert(f"activity load other {file}", 1)


def test_help_is_there(recert: Type) -> None:
    assert "Usage:" in recert("activity load --help")
    assert "Usage:" in recert("server logs --help")
