"""A real browser (Debian's Chromium) on the real pages, served on loopback."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import waitress
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from recert.demo.ports import free_port
from recert.foundation.actor import Actor
from tests.support.house import PASSWORD, House

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
Enter = Callable[..., Page]
# What Chromium calls itself when a person sits before it.
PERSONS_BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), "Chromium is missing. Run: make setup-test"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def site(house: House) -> Iterator[str]:
    """The address of the running application."""
    port = free_port()
    app = house.app(base_url=f"http://127.0.0.1:{port}")
    server = waitress.create_server(app, host="127.0.0.1", port=port, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.close()
    thread.join(timeout=5)


@pytest.fixture
def enter(house: House, browser: Browser, site: str) -> Iterator[Enter]:
    """Opens a browser window, signed in as somebody: enter(house.officer, width=360)."""
    contexts: list[BrowserContext] = []

    def open_window(
        who: Actor | None,
        *,
        width: int = 1200,
        scripts: bool = True,
        dark: bool = False,
        agent: str | None = PERSONS_BROWSER,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            base_url=site,
            user_agent=agent,
            locale="en-GB",
        )
        contexts.append(context)
        page = context.new_page()
        if who is not None:
            house.user(who)
            page.goto("/sign-in")
            page.get_by_label("Email address").fill(who.name)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
        return page

    yield open_window
    for context in contexts:
        context.close()
