"""Decisions are built in one module, so that every way to decide keeps the same facts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from recert.campaigns.decisions import models
from recert.campaigns.decisions.models import Decision, DecisionContent, insert_decisions
from recert.campaigns.models import Answer, Item
from recert.trail.act import Act
from tests.support.house import House

BUILDERS = Path(models.__file__)
CODE = sorted(set(BUILDERS.parents[2].rglob("*.py")) - {BUILDERS})
INBOX = "/finance/inbox"
WRITES = ("insert", "update", "delete", "bulk_insert_mappings", "Decision")


def writes_of_decisions(tree: ast.AST) -> Iterator[int]:
    """The lines that build, insert, change or delete rows of the table otherwise."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            table = ast.unparse(node.args[0]) if node.args else ""
            if called == "Decision" or (called in WRITES and table.startswith("Decision")):
                yield node.lineno
            if called == "insert" and any(
                isinstance(one, ast.Constant) and one.value == "decision" for one in node.args
            ):
                yield node.lineno


class TestTheBuilders:
    def test_nobody_else_writes_decisions(self) -> None:
        found = [
            f"{file.name}:{line}"
            for file in CODE
            for line in writes_of_decisions(ast.parse(file.read_text(encoding="utf-8")))
        ]
        assert found == []

    @pytest.mark.parametrize(
        "line",
        [
            "Decision(item_id=1)",
            "session.execute(insert(Decision).from_select(columns, rows))",
            "session.execute(update(Decision).values(reason=''))",
            "bulk.insert(connection, 'decision', columns, rows)",
        ],
    )
    def test_a_write_elsewhere_is_found(self, line: str) -> None:
        assert list(writes_of_decisions(ast.parse(line)))

    def test_one_and_many_keep_the_same(self, house: House) -> None:
        house.launched()
        item = house.item("pia", INBOX)
        content = DecisionContent(
            Answer.KEEP,
            item.rights,
            "Needed.",
            on_behalf_of=7,
            context="{}",
            session="9",
            late=True,
        )
        with house.db.transaction() as session:
            act = Act(session, house.officer, house.now)
            insert_decisions(act, "many", content, Item.id == item.id)
            Decision.by(act, item, content).version += 1
        with house.db.reading() as session:
            rows = session.execute(select(Decision.__table__).order_by(Decision.version)).all()
        set_based, single = (row._asdict() for row in rows)
        for differs in ("id", "version", "batch"):
            del set_based[differs], single[differs]
        assert set_based == single
        assert single["late"]
        assert single["actor"] == house.officer.name
