"""The style guide exists where the demo mailbox is, and nowhere else."""

import re
from pathlib import Path

from recert.app import create_app
from tests.support.browser import Visitor
from tests.support.house import House

PAGE = "/styleguide"


def test_it_does_not_exist_in_production(stranger: Visitor, officer: Visitor) -> None:
    stranger.get(PAGE, 404)
    officer.get(PAGE, 404)


class TestInDevelopment:
    def shown(self, house: House, tmp_path: Path) -> str:
        return Visitor(house.app(demo_mailbox=tmp_path)).get(PAGE)

    def test_it_shows_every_component(self, house: House, tmp_path: Path) -> None:
        page = self.shown(house, tmp_path)
        for kind in ("text", "number", "date", "email", "file", "hidden", "search"):
            assert f'type="{kind}"' in page, kind
        for tag in ("<select", "<textarea", "<datalist", "<table", "<svg", "<dl", "<fieldset"):
            assert tag in page, tag

    def test_a_refused_form_keeps_what_was_typed_and_leads_to_its_errors(
        self, house: House, tmp_path: Path
    ) -> None:
        page = self.shown(house, tmp_path)
        assert 'value="maria.lopez@harbourpine.example"' in page
        assert re.search(r'<a href="#name">Name of the review</a>: Give the review a name', page)
        assert re.search(r'aria-describedby="name-hint name-wrong"', page)
        assert re.search(r'id="name-wrong">Give the review a name', page)

    def test_every_input_has_its_label(self, house: House, tmp_path: Path) -> None:
        page = self.shown(house, tmp_path)
        ids = re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', page)
        labels = set(re.findall(r'<label for="([^"]+)"', page))
        inside = set(re.findall(r'<label class="tick"><input[^>]* id="([^"]+)"', page))
        assert len(ids) == len(set(ids))
        assert set(ids) - labels - inside == set()


def test_every_component_has_its_place_on_it() -> None:
    root = Path(__file__).parents[2] / "templates"
    named = set()
    for file in (root / "components").glob("*.html"):
        text = file.read_text(encoding="utf-8")
        named |= set(re.findall(r"{% macro ([a-z]\w+)\(", text))
    page = (root / "public" / "styleguide.html").read_text(encoding="utf-8")
    used = set(re.findall(r"ui\.(\w+)\(", page))
    # Parts of whole pages, and parts of the components that the page shows.
    elsewhere = {"nav", "token", "reason", "policy_fields", "tick_field", "ticks_field"}
    elsewhere |= {"known_facts", "answered", "loses", "conversation", "signed_totals"}
    elsewhere |= {"viewed_as", "link_held", "mail_parts"}
    assert named - used == elsewhere


def test_the_application_registers_it_with_the_mailbox_only(house: House, tmp_path: Path) -> None:
    assert "styleguide" not in create_app(house.settings, house.db).blueprints
    assert "styleguide" in house.app(demo_mailbox=tmp_path).blueprints
