"""Mail scanners in a real browser on the links of real mails: no decision of theirs may count."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page
from sqlalchemy import func, select

from recert.campaigns.models import Item, ItemState
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import MailAnswers, Policy
from recert.foundation import clock
from recert.mail.models import OutboxMessage
from tests.browser.conftest import PERSONS_BROWSER, Enter
from tests.support.house import House

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.one_database]
ALL = Policy(mail_answers=MailAnswers.ALL)


@pytest.fixture
def links(house: House) -> list[str]:
    """Every link to a question in the mail to Alice, as it stands in the HTML."""
    house.launched(policy=ALL)
    reviewer_mails.send_due(house.db, house.head, now=clock.now())
    with house.db.reading() as session:
        here = OutboxMessage.to_address == "alice@house.example"
        html = session.scalars(select(OutboxMessage.html).where(here)).one()
    found = re.findall(r'href="http://localhost(/d/[^"]+)"', html)
    assert len(found) >= 4
    return found


@pytest.fixture(autouse=True)
def _running_clock(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on while a scanner works."""
    start, noon = time.monotonic(), house.now
    running = lambda: noon + timedelta(seconds=time.monotonic() - start)  # noqa: E731
    monkeypatch.setattr(clock, "_source", running)


def decided(house: House) -> int:
    with house.db.reading() as session:
        touched = Item.state != ItemState.OPEN
        return session.scalar(select(func.count()).where(touched)) or 0


def open_only(page: Page, link: str) -> None:
    page.goto(link)
    page.wait_for_timeout(50)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")


def fill_in(page: Page) -> None:
    """Ticks everything and writes into every field, as programs that try forms do."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate("document.querySelectorAll('input[type=radio]').forEach(r => r.checked = true)")
    for box in page.locator("form.answer textarea").all():
        box.fill("Automatic test")


def submit_by_script(page: Page, link: str) -> None:
    page.goto(link)
    fill_in(page)
    page.wait_for_timeout(1800)
    with page.expect_navigation():
        page.evaluate("document.querySelector('form.answer').submit()")


def click_by_script(page: Page, link: str) -> None:
    page.goto(link)
    fill_in(page)
    page.wait_for_timeout(1800)
    with page.expect_navigation():
        page.evaluate(
            "(document.querySelector('form.answer button[value=revoke]')"
            " || document.querySelector('form.answer button')).click()"
        )


def press_every_button(page: Page, link: str, wait: int = 0) -> None:
    """As a person's mouse would: trusted clicks, each on a fresh page."""
    page.goto(link)
    for number in range(page.locator("form.answer button").count()):
        page.goto(link)
        fill_in(page)
        page.wait_for_timeout(wait)
        buttons = page.locator("form.answer button")
        if buttons.count() > number:
            buttons.nth(number).click()
            page.wait_for_load_state()


def press_patiently(page: Page, link: str) -> None:
    press_every_button(page, link, wait=1600)


def press_the_first(page: Page, link: str) -> None:
    page.goto(link)
    fill_in(page)
    page.wait_for_timeout(1600)
    buttons = page.locator("form.answer button")
    if buttons.count():
        buttons.first.click()
        page.wait_for_load_state()


PATTERNS: list[tuple[str, Callable[[Page, str], None], str | None]] = [
    ("opens everything and runs scripts", open_only, PERSONS_BROWSER),
    ("opens everything, headless", open_only, None),
    ("submits forms by script", submit_by_script, PERSONS_BROWSER),
    ("clicks by script", click_by_script, PERSONS_BROWSER),
    ("presses every button at once", press_every_button, PERSONS_BROWSER),
    ("presses every button, headless", press_every_button, None),
    ("presses every button, after reading time", press_patiently, PERSONS_BROWSER),
    ("presses the first button of each link", press_the_first, PERSONS_BROWSER),
]


@pytest.mark.parametrize(("name", "act", "agent"), PATTERNS, ids=[one[0] for one in PATTERNS])
def test_a_scanner_that(
    house: House,
    enter: Enter,
    links: list[str],
    name: str,
    act: Callable[[Page, str], None],
    agent: str | None,
) -> None:
    page = enter(None, agent=agent)
    for link in links:
        act(page, link)
    assert decided(house) == 0, name


def test_a_scanner_with_one_link_contradicts_itself(
    house: House, enter: Enter, links: list[str]
) -> None:
    press_patiently(enter(None), links[0])
    assert decided(house) == 0


def test_a_person_after_all_of_them(house: House, enter: Enter, links: list[str]) -> None:
    for link in links:
        open_only(enter(None, agent=None), link)
    page = enter(None)
    with house.later(minutes=5):
        page.goto(links[0])
    with house.later(minutes=6):
        page.locator("form.answer textarea").first.evaluate("e => e.closest('details').open = true")
        page.locator("form.answer textarea").first.fill("Needed.")
        page.get_by_role("button", name="Keep").first.click()
    assert decided(house) == 1
