"""The list of commands is written down, so that showing it loads none of them."""

import subprocess
import sys

from recert.cli import cli, nouns
from recert.command import DEMO, demo

HEAVY = ("weasyprint", "asyncssh", "zxcvbn", "alembic", "xlsxwriter", "mrml", "recert.web")


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
