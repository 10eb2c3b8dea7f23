"""What a command loads: the help loads no command, and a list loads only what it shows."""

import os
import subprocess
import sys
from importlib import import_module
from typing import get_type_hints

import pytest

from recert.cli import cli, nouns
from recert.command import DEMO, demo
from recert.connectors.registry import KINDS, Kind, KindPackage
from tests.support.house import House

HEAVY = ("weasyprint", "asyncssh", "zxcvbn", "alembic", "xlsxwriter", "mrml", "recert.web")
NOT_FOR_LISTS = (
    *HEAVY,
    *(f"recert.connectors.{kind.package}" for kind in KINDS.values()),
    *("recert.connectors.posix.connector", "recert.connectors.login_probe", "recert.jobs"),
    *("recert.evidence", "recert.remediation", "recert.campaigns.setup.launch"),
    *("recert.mail.render", "recert.mail.smtp", "recert.app"),
    *("flask", "flask_wtf", "wtforms", "jinja2", "babel", "apscheduler", "pyftpdlib", "OpenSSL"),
    *("cryptography.x509", "recert.campaigns.reviewing.queries", "recert.mail.mailbox"),
)


def test_every_command_has_its_line() -> None:
    for noun in nouns.MODULES:
        nouns.load(noun)
    assert {name: one.get_short_help_str(60) for name, one in cli.commands.items()} == nouns.HELP
    assert demo().get_short_help_str(60) == DEMO


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from recert.cli import cli\n"
        "try: cli(['--help'], obj=None)\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("line", ["user list", "campaign list", "server list", "order list"])
def test_a_list_loads_only_what_it_shows(house: House, line: str) -> None:
    code = (
        "import sys; from recert.command import main\n"
        f"sys.argv = ['recert', *{line.split()!r}]\n"
        "try: main()\nexcept SystemExit as done: code = done.code\n"
        f"print(code, [name for name in {NOT_FOR_LISTS!r} if name in sys.modules])"
    )
    environment = {
        **os.environ,
        "RECERT_HOME": str(house.settings.home),
        "DATABASE_URL": house.settings.database_url,
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("noun", sorted(nouns.GROUPS))
def test_a_noun_whose_actions_are_loaded_one_by_one_still_shows_them_all(noun: str) -> None:
    shown = {one for (group, one) in nouns.ACTIONS if group == noun}
    code = f"from recert.cli import cli; cli(['{noun}', '--help'], obj=None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = {line.split()[0] for line in done.stdout.partition("Commands:")[2].splitlines() if line}
    assert shown < words


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_package_of_each_kind_connects(kind: Kind) -> None:
    package = import_module(f"recert.connectors.{kind.package}")
    assert get_type_hints(package.connect) == get_type_hints(KindPackage.connect)
