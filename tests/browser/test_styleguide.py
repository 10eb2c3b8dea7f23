"""The style guide in a real browser: axe, reflow, target sizes, both themes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import waitress
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from recert.demo.ports import free_port
from tests.browser.test_accessibility import RULES, SMALL
from tests.support.house import House

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.one_database]


@pytest.fixture
def guide(house: House, tmp_path: Path) -> Iterator[str]:
    """The address of the style guide."""
    port = free_port()
    app = house.app(base_url=f"http://127.0.0.1:{port}", demo_mailbox=tmp_path)
    server = waitress.create_server(app, host="127.0.0.1", port=port, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}/styleguide"
    server.close()
    thread.join(timeout=5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, guide: str, theme: str) -> None:
    context = browser.new_context(color_scheme="dark" if theme == "dark" else "light")
    page = context.new_page()
    page.goto(guide)
    result = Axe().run(page, options=RULES).response
    context.close()
    assert [(each["id"], each["nodes"][0]["html"]) for each in result["violations"]] == []


@pytest.mark.parametrize("width", [320, 360, 1280, 1920])
def test_it_fits(browser: Browser, guide: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(guide)
    wide = page.evaluate("document.documentElement.scrollWidth")
    small = page.evaluate(SMALL)
    context.close()
    assert wide <= width
    assert small == []
