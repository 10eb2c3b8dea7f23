"""German is complete, and what is compiled is what was translated."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, mofile, pofile
from babel.messages.extract import extract_from_dir
from babel.support import Translations

from recert.mail.render import TEMPLATES, TRANSLATIONS

GERMAN = TRANSLATIONS / "de" / "LC_MESSAGES"
METHODS = [("**.txt", "jinja2"), ("**.html", "jinja2")]
HOW = {pattern: {"extensions": "jinja2.ext.i18n"} for pattern, _ in METHODS}


def texts() -> Iterator[str]:
    """Every text of the templates that a reader sees."""
    for _, _, said, _, _ in extract_from_dir(TEMPLATES, METHODS, HOW):
        yield said[0] if isinstance(said, tuple) else said


@pytest.fixture(scope="module")
def german() -> Catalog:
    with (GERMAN / "messages.po").open("rb") as file:
        return pofile.read_po(file, locale="de")


def test_every_text_is_translated(german: Catalog) -> None:
    found = {text for text in texts() if text.strip()}
    assert len(found) > 80
    assert {text for text in found if not german.get(text) or not german.get(text).string} == set()


def test_nothing_is_translated_that_is_not_there(german: Catalog) -> None:
    known = {m.id[0] if isinstance(m.id, tuple) else m.id for m in german if m.id}
    assert known - set(texts()) == set()


def test_translations_name_the_same_facts(german: Catalog) -> None:
    wrong = [(message.id, list(message.check())) for message in german if list(message.check())]
    assert wrong == []


def test_what_is_compiled_is_what_was_translated(german: Catalog) -> None:
    made = io.BytesIO()
    mofile.write_mo(made, german)
    made.seek(0)
    kept = Translations.load(str(TRANSLATIONS), ["de"])
    fresh = Translations(made)
    assert isinstance(kept, Translations)
    skipped = {""}
    assert {k: v for k, v in kept._catalog.items() if k not in skipped} == {
        k: v for k, v in fresh._catalog.items() if k not in skipped
    }
    assert Path(GERMAN / "messages.mo").exists()
