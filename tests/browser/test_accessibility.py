"""Every page for everybody: axe, reflow at 320 px, focus, targets, both themes."""

import re
from datetime import time, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from sqlalchemy import select, update

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item, Subject
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import MailAnswers, Policy
from recert.campaigns.reviewing import comments, instructions
from recert.campaigns.schedule import service
from recert.campaigns.setup import exclusions
from recert.changes import service as changes
from recert.changes import undo
from recert.foundation.actor import Role
from recert.inventory import emergency_accounts, owners
from recert.inventory import service as inventory
from recert.inventory.models import Account, AccountCandidate
from recert.mail.models import OutboxMessage
from recert.trail.act import Act
from tests.browser.conftest import Enter
from tests.campaigns.setup.test_subjects import GROUP_OWNERS, launched_as_it_is
from tests.support.house import OWNERS, House, staff

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.one_database]

PAGES = {
    "stranger": ["/sign-in", "/d/unknown"],
    "alice": [
        *("/reviews", "/reviews/1", "/reviews/1/folders/3", "/reviews/delegations"),
        *("/reviews/3", "/reviews/3/questions", "/reviews/4/questions", "/account/password"),
        "/reviews/access-that-ends",
    ],
    "officer": [
        *("/campaigns", "/campaigns/new", "/campaigns/1", "/campaigns/2", "/people"),
        *("/campaigns/1/questions", "/campaigns/exclusions", "/campaigns/schedules"),
        *("/campaigns/schedules/new", "/releases", "/campaigns/new?template=groups"),
        *("/campaigns/3", "/campaigns/3/items", "/campaigns/1/objections"),
        *("/campaigns/1/places", "/campaigns/1/mails", "/campaigns/1/late", "/campaigns/1/quality"),
        *("/campaigns/not-mine", "/orders", "/orders/1", "/campaigns/1/to-confirm"),
        *("/campaigns/instruction", "/campaigns/1/items?folder=3", "/campaigns/1/reviewers/1"),
        *("/campaigns/self-assigned", "/campaigns/5"),
    ],
    "admin": [
        *("/servers/emergency-accounts", "/people", "/servers", "/servers/1"),
        "/servers/1/folders",
        "/servers/new/csv",
        "/orders/1",
    ],
    "auditor": [
        "/audit",
        "/audit/campaigns/1",
        "/audit/items/1",
        "/audit/trail",
        "/audit/uncertified",
        "/orders",
    ],
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# A control smaller than 24 px that is no link inside a sentence.
SMALL = """() => [...document.querySelectorAll("button, input, select, textarea, summary, nav a")]
  .filter(e => e.offsetParent && e.type !== "hidden")
  .map(e => [e, e.closest("label") || e])
  .filter(([e, box]) => Math.min(box.getBoundingClientRect().width,
                                 box.getBoundingClientRect().height) < 24)
  .map(([e]) => e.outerHTML.slice(0, 120))"""
COVERED = """() => { const e = document.activeElement, r = e.getBoundingClientRect();
  const o = getComputedStyle(e);
  return e === document.body || (r.width > 0 && o.outlineStyle !== "none"); }"""


def links_in_mails(house: House) -> list[str]:
    """Pages that links in mails lead to: one question, and several of them."""
    with house.db.reading() as session:
        here = OutboxMessage.to_address == "alice@house.example"
        text = session.scalars(select(OutboxMessage.text).where(here)).one()
    found = re.findall(r"http://localhost(/d/rc[if]_\S+)", text)
    return [found[0], found[-1]]


def windows(house: House, enter: Enter, **how: object) -> dict[str, Page]:
    """A window for each of the cast, on a house where something has happened."""
    house.launched(policy=Policy(mail_answers=MailAnswers.ALL))
    reviewer_mails.send_due(house.db, house.head, now=house.now)
    PAGES["stranger"] = ["/sign-in", "/d/unknown", *links_in_mails(house)]
    house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
    house.finish("alice")
    not_his = Reply(Answer.NOT_MINE, reason="Finance knows.")
    house.decide("seller", "/sales", not_his, "charlie")
    with house.db.transaction() as session:  # as if alice could give herself the same
        session.execute(update(Item).values(conflict=True))
    house.decide("lea", "/finance", Reply(Answer.KEEP, reason="Until the audit."))
    house.carry_out()
    house.drafted("Winter")
    with house.db.transaction() as session:
        order = changes.order_by_id(session, 1)
        undo.ask(Act(session, house.admin, house.now), order, "It was a mistake.")
        main = inventory.server_by_name(session, "main")
        emergency_accounts.mark(
            Act(session, house.admin, house.now), main, "batch", "If all else fails."
        )
    house.ask_to_close(1)
    with house.db.transaction() as session:
        instructions.write(Act(session, house.officer, house.now), "Ask yourself.")
    with house.db.transaction() as session:
        text = GROUP_OWNERS.replace("charlie", "alice")
        owners.import_group_owners(Act(session, house.officer, house.now), text)
    launched_as_it_is(house, Subject.MEMBERSHIP)
    launched_as_it_is(house, Subject.OWNERSHIP)
    with house.db.transaction() as session:
        about = session.get_one(Item, house.item("batch", "/finance/inbox").id)
        alice = house.person("alice")
        comments.ask(Act(session, alice, house.now), about, "What is it for?")
        ends, otto = house.now + timedelta(days=9), staff("otto@house.example", Role.OFFICER)
        main = inventory.server_by_name(session, "main")
        exclusions.ask(Act(session, otto, house.now), main, "batch", "/sales", "It moves.", ends)
    what_needs_another_officer(house)
    cast = {
        "stranger": None,
        "alice": house.person("alice"),
        "officer": house.officer,
        "admin": house.admin,
        "auditor": house.auditor,
    }
    return {name: enter(who, **how) for name, who in cast.items()}


def what_needs_another_officer(house: House) -> None:
    """Rules weaker than usual, a reviewer by their own change, accounts of nobody."""
    house.drafted("Spring", policy=Policy(removal_threshold=1000, mail_answers=MailAnswers.ALL))
    house.user(staff("charlie@house.example", Role.OFFICER))
    with house.db.transaction() as session:
        wanted = service.Wanted(
            "Quarter",
            "quarterly",
            (house.now + timedelta(days=3)).date(),
            time(8),
            "Europe/Berlin",
            [house.server_id],
            policy=Policy(removal_threshold=1000),
        )
        service.add(Act(session, house.officer, house.now), wanted)
        text = OWNERS.replace("alice@house.example", "charlie@house.example")
        charlie = staff("charlie@house.example", Role.OFFICER)
        inventory.import_owners(Act(session, charlie, house.now), text)
        seller = session.scalars(select(Account).where(Account.name == "seller")).one()
        session.add(AccountCandidate(account_id=seller.id, person_id=1))
        seller.has_candidates = True


class TestEveryPage:
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    def test_axe_finds_nothing(self, house: House, enter: Enter, dark: bool) -> None:
        found = []
        for name, page in windows(house, enter, dark=dark).items():
            for path in PAGES[name]:
                page.goto(path)
                result = Axe().run(page, options=RULES).response
                found += [
                    (path, each["id"], each["nodes"][0]["html"]) for each in result["violations"]
                ]
        assert found == []

    def test_it_fits_into_320_pixels(self, house: House, enter: Enter) -> None:
        too_wide, too_small = [], []
        for name, page in windows(house, enter, width=320).items():
            for path in PAGES[name]:
                page.goto(path)
                if page.evaluate("document.documentElement.scrollWidth") > 320:
                    too_wide.append(path)
                too_small += [(path, each) for each in page.evaluate(SMALL)]
        assert too_wide == []
        assert too_small == []

    def test_every_focus_can_be_seen(self, house: House, enter: Enter) -> None:
        page = windows(house, enter)["alice"]
        page.goto("/reviews/1/folders/3")
        for _ in range(30):
            page.keyboard.press("Tab")
            assert page.evaluate(COVERED), page.evaluate("document.activeElement.outerHTML")
