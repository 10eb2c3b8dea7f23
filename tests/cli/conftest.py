"""The command line as a person types it."""

import shlex
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from recert.cli import Shell, cli
from recert.command import DEMO, create_app, demo, start_worker
from tests.support.house import OTTO, House

Type = Callable[..., str]


@pytest.fixture
def recert(house: House) -> Type:
    """Types a command and returns what it prints: recert("order list", code=0)."""
    cli.add_other("demo", DEMO, demo)
    settings = house.settings

    def type_in(line: str, code: int = 0, stdin: str | None = None) -> str:
        shell = Shell(settings, create_app, start_worker)
        done: Result = CliRunner().invoke(cli, shlex.split(line), obj=shell, input=stdin)
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        shell.raw_db.dispose()
        return done.output

    return type_in


def closed(house: House, recert: Type) -> str:
    """Two officers close the campaign Winter before its due date; what the second one reads."""
    house.user(house.officer)
    house.user(OTTO)
    asked = recert("--as otto@house.example campaign close Winter --reason 'Enough'")
    assert "Another officer closes Winter" in asked
    return recert("campaign close Winter --as olga@house.example")
