"""The actions of the trail: named in one place, all of them used, the documentation right."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recert.trail.actions import Action

ROOT = Path(__file__).parents[2]
ENUM = ROOT / "recert/trail/actions.py"
STANDS_ALONE = ROOT / "recert/evidence/verifier.py"  # runs without the product
CODE = sorted(set((ROOT / "recert").rglob("*.py")) - {ENUM, STANDS_ALONE})
# Where the action stands among the arguments of what writes or asks for entries.
PLACE_OF_ACTION = {
    **{"record": 0, "append": 1, "append_parts": 1, "note": 1},
    **{"newest_about": 1, "_newest": 1},
}
NAME = re.compile(r"[a-z_]+\.[a-z_]+")
IN_DOCS = re.compile(r"`([a-z_]+\.[a-z_]+)`")
OTHER_NAMES = {"item.state", "people.separation"}  # a column and a module
FILE_ENDINGS = ("csv", "json", "jsonl", "md", "pdf", "py", "toml", "xlsx")


def literal_actions(tree: ast.AST) -> Iterator[int]:
    """The lines on which an action is a text: one that the enum knows, or one that is put together
    where an entry is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in set(Action):
            yield node.lineno
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            argument = node.args[PLACE_OF_ACTION.get(called, 99) :][:1]
            if argument and _is_action_text(argument[0]):
                yield node.lineno


def _is_action_text(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        return isinstance(first, ast.Constant) and bool(re.match(r"[a-z_]+\.", str(first.value)))
    return isinstance(node, ast.Constant) and bool(NAME.fullmatch(str(node.value)))


class TestTheActions:
    def test_no_code_spells_one_out(self) -> None:
        found = [
            f"{file.relative_to(ROOT)}:{line}"
            for file in CODE
            for line in literal_actions(ast.parse(file.read_text(encoding="utf-8")))
        ]
        assert found == []

    @pytest.mark.parametrize(
        "line",
        [
            'act.record("item.polished", item.ref)',
            'trail.append(session, f"mail.{kind}", topic, actor=ACTOR, at=now)',
            'service.note(act, "order.applied", order, {})',
            'select(TrailEntry).where(TrailEntry.action == "order.applied")',
            'CHANGES = ("person.left",)',
        ],
    )
    def test_one_that_is_spelled_out_is_found(self, line: str) -> None:
        assert list(literal_actions(ast.parse(line)))

    def test_each_is_recorded_or_asked_for(self) -> None:
        used = {
            node.attr
            for file in CODE
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "Action"
        }
        assert sorted(set(Action.__members__) - used) == []

    def test_the_documentation_names_only_real_ones(self) -> None:
        subjects = {action.split(".")[0] for action in Action}
        texts = {file: file.read_text(encoding="utf-8") for file in (ROOT / "docs").rglob("*.md")}
        named = {
            (file.name, name)
            for file, text in texts.items()
            for name in IN_DOCS.findall(text)
            if name.split(".")[0] in subjects and name.split(".")[1] not in FILE_ENDINGS
        }
        assert ("mail.md", "link.held") in named
        assert {
            (file, name) for file, name in named if name not in {*Action, *OTHER_NAMES}
        } == set()
