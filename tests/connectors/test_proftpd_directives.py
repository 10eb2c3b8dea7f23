"""Each directive that Recert claims to know is read by some code, or has its reason."""

import ast
from pathlib import Path

import pytest

import recert.connectors.proftpd
from recert.connectors.proftpd.configuration import directives

PACKAGE = Path(recert.connectors.proftpd.__file__).parent
# Read under another spelling: as the side of a pair, or by what all of them begin with.
_BUILT = {"allow", "deny"}


def _texts() -> set[str]:
    """Every string of the package's code, the tables aside."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if file.name == "directives.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(node.value.split())
    return found


def _is_built(name: str, texts: set[str]) -> bool:
    """allowuser is f"{side}user"."""
    return any(
        name.startswith(side) and name.removeprefix(side) in texts and side in texts
        for side in _BUILT
    )


def test_each_directive_that_is_understood_is_read_by_code() -> None:
    texts = _texts()
    unread = {
        name
        for name in directives.UNDERSTOOD
        if name not in texts and not _is_built(name, texts) and name not in directives.REPEATED
    }
    assert not unread


def test_each_directive_without_bearing_has_its_reason() -> None:
    assert all(len(reason) > 10 for reason in directives.WITHOUT_BEARING.values())


def test_no_name_stands_in_two_tables() -> None:
    tables = (
        directives.UNDERSTOOD,
        frozenset(directives.WITHOUT_BEARING),
        directives.TAKES_AWAY,
        directives.OF_SOURCES,
    )
    for number, table in enumerate(tables):
        for other in tables[number + 1 :]:
            assert not table & other


@pytest.mark.parametrize("name", ["nosuchdirective", "ldapfuture", "vrootfuture"])
def test_a_name_in_no_table_is_not_known(name: str) -> None:
    assert not directives.is_known(name)
    assert not directives.only_takes_away(name)
