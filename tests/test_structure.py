"""Guards of the structure: which package may import which, the vocabulary, and habits that no
linter checks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from recert.app import create_app
from recert.mail.render import Reader, _environment
from scripts.structure import old_words, old_words_of
from tests.support.house import House

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "templates"
SOURCES = sorted((ROOT / "recert").rglob("*.py"))
PRODUCT = [*SOURCES, *sorted(ROOT.glob("*.py"))]
LONGEST_FILE = 400
STANDS_ALONE = {"recert/evidence/verifier.py"}  # one file that runs without the product
# Table and column names of our own code; the driver fills in everything else.
MAKES_SQL = {"recert/foundation/bulk.py", "recert/inventory/snapshot_staging.py"}
# A number that stands two lines above; it runs once, at the start.
MAKES_SQL |= {"recert/foundation/db.py", "recert/foundation/migrating.py"}


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(tree_of(file))


class TestThePackages:
    def test_imports_go_down_the_list_and_never_up(self) -> None:
        lint = Path(sys.executable).with_name("lint-imports")
        done = subprocess.run(
            [str(lint), "--no-logo", "--no-cache"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def test_every_module_begins_with_a_docstring(self) -> None:
        without = [name_of(file) for file in PRODUCT if not ast.get_docstring(tree_of(file))]
        assert without == []

    def test_no_file_is_too_long(self) -> None:
        lines = {name_of(f): len(f.read_text(encoding="utf-8").splitlines()) for f in PRODUCT}
        assert {n for n, c in lines.items() if c > LONGEST_FILE} <= STANDS_ALONE

    def test_no_function_imports(self) -> None:
        found = [
            f"{name_of(file)}:{inner.lineno}"
            for file in PRODUCT
            for outer in nodes(file)
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(outer)
            if isinstance(inner, ast.Import | ast.ImportFrom)
        ]
        assert found == []


class TestTheVocabulary:
    def test_the_product_uses_the_words_of_the_architecture(self) -> None:
        assert old_words().places == []

    @pytest.mark.parametrize(
        "code",
        [
            "told = 1",
            "row.places",
            "def see(seen): ...",
            "class LetterOfThanks: ...",
            "count = 1  # what was said",
            '"""What silence means."""',
            'def f():\n    """Returns it.\n\n    By a second look.\n    """',
        ],
    )
    def test_the_guard_sees_each_way(self, code: str) -> None:
        assert list(old_words_of(code))

    @pytest.mark.parametrize(
        "code", ['column = "told_at"', "password = crossword", "user.given_name", "classroom"]
    )
    def test_data_and_other_words_are_fine(self, code: str) -> None:
        assert not list(old_words_of(code))


class TestTheEnvironment:
    def test_only_config_reads_it(self) -> None:
        assert {name_of(file) for file in PRODUCT if any(map(reads_environment, nodes(file)))} <= {
            "config.py"
        }

    @pytest.mark.parametrize(
        "code", ["os.environ['A']", "os.getenv('A')", "from os import environ", "os.environb"]
    )
    def test_the_guard_sees_each_way(self, code: str) -> None:
        assert any(map(reads_environment, ast.walk(ast.parse(code))))


def reads_environment(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and bool(names & {each.name for each in node.names})
    return (
        isinstance(node, ast.Attribute)
        and node.attr in names
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


class TestSql:
    def test_none_is_put_together_from_values(self) -> None:
        found = [
            f"{name_of(file)}:{getattr(node, 'lineno', 0)}"
            for file in PRODUCT
            if name_of(file) not in MAKES_SQL
            for node in nodes(file)
            if builds_sql(node)
        ]
        assert found == []

    @pytest.mark.parametrize(
        "code",
        [
            'text(f"SELECT {x}")',
            'session.execute(sqlalchemy.text("SELECT %s" % x))',
            'connection.exec_driver_sql("SELECT " + x)',
            'text("SELECT {}".format(x))',
            'cursor.executemany(f"INSERT {x}", rows)',
        ],
    )
    def test_the_guard_sees_each_way(self, code: str) -> None:
        assert any(map(builds_sql, ast.walk(ast.parse(code))))

    def test_plain_text_is_fine(self) -> None:
        assert not any(map(builds_sql, ast.walk(ast.parse('text("SELECT :x")'))))


def builds_sql(node: ast.AST) -> bool:
    """A call that takes SQL and gets a text that was put together."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    called = getattr(node.func, "attr", getattr(node.func, "id", ""))
    takes_sql = {"text", "exec_driver_sql", "execute", "executemany", "executescript"}
    first = node.args[0]
    formatted = isinstance(first, ast.Call) and getattr(first.func, "attr", "") == "format"
    return called in takes_sql and (isinstance(first, ast.JoinedStr | ast.BinOp) or formatted)


class TestTemplates:
    pages = sorted(TEMPLATES.rglob("*.html")) + sorted(TEMPLATES.rglob("*.txt"))

    def test_none_switches_escaping_off(self) -> None:
        hostile = ("|safe", "| safe", "autoescape false", "Markup(")
        found = [
            f"{name_of(page)}: {word}"
            for page in self.pages
            for word in hostile
            if word in page.read_text(encoding="utf-8")
        ]
        assert found == []

    def test_no_code_marks_text_as_safe(self) -> None:
        found = [
            f"{name_of(file)}:{node.lineno}"
            for file in SOURCES
            for node in nodes(file)
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Markup"
        ]
        assert found == []

    def test_each_page_compiles_with_the_filters_of_the_application(self, house: House) -> None:
        app: Flask = create_app(house.settings, house.db)
        for page in sorted(TEMPLATES.rglob("*.html")):
            if page.parent.parent.name != "mail" and page.parent.name != "mail":
                app.jinja_env.get_template(page.relative_to(TEMPLATES).as_posix())

    def test_each_mail_has_its_three_parts_and_compiles(self) -> None:
        mails = _environment(Reader("en", ZoneInfo("UTC")))
        for folder in (path for path in (TEMPLATES / "mail").iterdir() if path.is_dir()):
            parts = {part.name for part in folder.iterdir()}
            assert parts == {"subject.txt", "body.txt", "body.html"}
            for part in parts:
                mails.get_template(f"{folder.name}/{part}")


# A control, a table or a card that is not a component's. Mails and evidence have their own frames.
BY_HAND = re.compile(r'<(?:input|select|textarea|table|form)\b|class="[^"]*\bcard\b')


def by_hand(text: str) -> list[str]:
    """What a page writes itself instead of calling a component."""
    return BY_HAND.findall(text)


class TestComponents:
    pages = [
        page
        for page in sorted(TEMPLATES.rglob("*.html"))
        if page.relative_to(TEMPLATES).parts[0] not in {"mail", "evidence", "components"}
    ]

    @pytest.mark.parametrize("page", pages, ids=name_of)
    def test_pages_get_their_controls_from_them(self, page: Path) -> None:
        assert by_hand(page.read_text(encoding="utf-8")) == []

    @pytest.mark.parametrize(
        "markup",
        [
            '<input name="reason">',
            "<select>",
            '<textarea id="text">',
            "<table>",
            '<form method="post">',
            '<p class="soft card">',
        ],
    )
    def test_the_guard_sees_each_way(self, markup: str) -> None:
        assert by_hand(f"<div>{markup}</div>")

    def test_no_page_has_styles_or_scripts_of_its_own(self) -> None:
        own = re.compile(r'<(?:script|style)\b|\s(?:style|on[a-z]+)="')
        components = sorted((TEMPLATES / "components").glob("*.html"))
        found = [
            name_of(page)
            for page in [*self.pages, *components]
            if own.search(page.read_text(encoding="utf-8"))
        ]
        assert found == []


ASKS_SERVERS = {
    *("recert.changes.execution", "recert.changes.preview", "recert.inventory.snapshots"),
    *("recert.connectors.hosts", "recert.inventory.service.connector_of"),
}


@pytest.mark.parametrize("file", sorted((ROOT / "recert" / "web").rglob("*.py")), ids=name_of)
def test_no_page_reaches_a_server(file: Path) -> None:
    """Connectors are built and used by the worker and by commands only."""
    for node in nodes(file):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("recert."):
            names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            assert not names & ASKS_SERVERS, ast.unparse(node)
            assert not (node.module or "").startswith("recert.connectors.hosts"), ast.unparse(node)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert node.attr not in {"connector_of", "for_one_run"}, ast.unparse(node)
            pair = (node.value.id, node.attr)
            assert pair != ("registry", "connect"), ast.unparse(node)
            assert pair != ("connection_checks", "make"), ast.unparse(node)
            assert node.attr != "connector_of", ast.unparse(node)


def test_one_module_writes_the_state_of_items() -> None:
    """Everybody else asks `campaigns.transitions`, which knows the allowed steps."""
    for file in SOURCES:
        if name_of(file) == "recert/campaigns/transitions.py":
            continue
        for node in nodes(file):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "values":
                is_of_items = "update(Item" in ast.unparse(node.func)
                written = {keyword.arg for keyword in node.keywords}
                assert not (is_of_items and "state" in written), f"{name_of(file)}:{node.lineno}"
            if isinstance(node, ast.Assign):
                assert "item.state" not in map(ast.unparse, node.targets), name_of(file)


def test_kinds_of_questions_are_asked_and_not_tested_for() -> None:
    """A kind is a class of `campaigns.setup.subjects`; a comparison elsewhere forgets the next."""
    for file in SOURCES:
        for node in nodes(file):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                assert "Subject." not in text, f"{name_of(file)}:{node.lineno}: {text}"
    for page in TEMPLATES.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"about (==|!=|in) ", text), name_of(page)
