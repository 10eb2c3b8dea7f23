"""A press that no person made decides nothing; what a person did still counts."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from recert.campaigns.decisions import service
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import NeedsSignIn, Reply
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import MailAnswers, Policy
from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel
from recert.mail import bot_detection
from recert.mail import service as mail
from recert.mail.bot_detection import PRESSED_BY_HAND, Press, why_held
from recert.mail.models import LinkVisit, MailToken, OutboxMessage, Purpose
from recert.trail.act import Act
from recert.web.public import item_link as links_view
from tests.support.browser import BY_HAND, Visitor, form_fields, visible
from tests.support.house import NOON, House

ALL = Policy(mail_answers=MailAnswers.ALL)
INBOX = "/finance/inbox"


def links_of(house: House, name: str = "alice") -> list[str]:
    """All one-click links in the mail to somebody, in their order."""
    reviewer_mails.send_due(house.db, house.head, now=clock.now())
    with house.db.reading() as session:
        here = OutboxMessage.to_address == f"{name}@house.example"
        text = session.scalars(select(OutboxMessage.text).where(here)).one()
    return re.findall(r"Answer: http://localhost(/d/\S+)", text)


@pytest.fixture
def links(house: House) -> list[str]:
    house.launched(policy=ALL)
    return links_of(house)


def press(visitor: Visitor, link: str, answer: str, *, at: float, wait: float = 8) -> str:
    """Opens a link at a moment and presses a button some seconds later; what the page says."""
    with clock.frozen(NOON + timedelta(seconds=at)):
        place, page = visitor.follow(link)
        if f'action="{place}"' not in page:
            return visible(page)
        hidden = form_fields(page, place)
    with clock.frozen(NOON + timedelta(seconds=at + wait)):
        got = visitor.client.post(place, data={**hidden, "answer": answer, "reason": "Needed."})
        return visible(got.get_data(as_text=True))


def decided(house: House) -> int:
    """How many items count as answered."""
    with house.db.reading() as session:
        rows = session.scalars(select(Decision.item_id).distinct()).all()
    states = (house_item_state(house, number) for number in rows)
    return sum(state is ItemState.DECIDED for state in states)


def house_item_state(house: House, number: int) -> ItemState:
    with house.db.reading() as session:
        return session.get_one(Item, number).state


def last_held(house: House) -> str:
    with house.db.reading() as session:
        held = MailToken.held_at.is_not(None)
        return session.scalars(select(MailToken.held_why).where(held)).all()[-1]


class TestAPerson:
    def test_decides_with_one_press(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        assert "Saved" in press(stranger, links[0], "revoke", at=0)
        assert decided(house) == 1

    def test_may_go_through_a_whole_mail_at_her_pace(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        for number, link in enumerate(links):
            assert "Saved" in press(stranger, link, "keep", at=number * 12)
        assert decided(house) == len(links) > 3

    def test_may_open_a_few_pages_side_by_side(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        pages = [stranger.follow(link) for link in links[:3]]
        for number, (place, page) in enumerate(pages, start=1):
            stranger.get(place)
            with clock.frozen(NOON + timedelta(seconds=20 * number)):
                stranger.post(place, 200, **form_fields(page, place), answer="revoke", reason="x")
        assert decided(house) == 3

    def test_may_answer_behind_a_scanner_that_only_opens(
        self, house: House, app: Flask, stranger: Visitor, links: list[str]
    ) -> None:
        scanner = Visitor(app, REMOTE_ADDR="192.0.2.7")
        for link in links:
            scanner.client.head(link)
            scanner.follow(link)
        assert "Saved" in press(stranger, links[0], "keep", at=60)

    def test_may_change_her_mind_later(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        press(stranger, links[0], "keep", at=0)
        assert "Saved" in press(stranger, links[0], "revoke", at=40)
        assert decided(house) == 1


class TestAProgram:
    def test_that_answers_faster_than_anybody_reads(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        page = press(stranger, links[0], "keep", at=0, wait=1.4)
        assert "Your answer was not recorded. For security, please sign in" in page
        assert "faster than anybody can read" in page
        assert decided(house) == 0
        assert house.trail_actions()[-1] == "link.held"

    def test_is_held_for_good(self, house: House, stranger: Visitor, links: list[str]) -> None:
        press(stranger, links[0], "keep", at=0, wait=0)
        page = press(stranger, links[0], "keep", at=3600)
        assert "This request looked like one" in page
        assert decided(house) == 0

    def test_that_opens_all_links_and_presses_later(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        pages = [stranger.follow(link) for link in links]
        for number, (place, page) in enumerate(pages, start=1):
            with clock.frozen(NOON + timedelta(minutes=5 * number)):
                stranger.post(place, 409, **form_fields(page, place), answer="keep")
        assert decided(house) == 0
        assert "were opened within" in last_held(house)

    def test_that_takes_its_time_between_links_is_found_late_and_undone(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        for number, link in enumerate(links[:4]):
            press(stranger, link, "keep", at=number * 2.5, wait=2)
        assert decided(house) == 0
        assert "items.refreshed" in house.trail_actions()

    def test_that_presses_every_button_contradicts_itself(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        press(stranger, links[0], "keep", at=0, wait=3)
        page = press(stranger, links[0], "revoke", at=4, wait=3)
        assert "two different answers" in page
        assert decided(house) == 0
        assert "looked like a program" in page

    @pytest.mark.parametrize("missing", ["SITE", "MODE", "USER", "DEST"])
    def test_without_what_a_browser_sends(
        self, house: House, app: Flask, links: list[str], missing: str
    ) -> None:
        robot = Visitor(app, **{f"HTTP_SEC_FETCH_{missing}": ""})
        assert "not pressed by a hand" in press(robot, links[0], "keep", at=0)
        assert decided(house) == 0

    @pytest.mark.parametrize(
        "agent",
        [
            "",
            "python-requests/2.32",
            "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0",
            "Barracuda Sentinel (EE)",
            "curl/8.5.0",
        ],
    )
    def test_by_its_name(self, house: House, app: Flask, links: list[str], agent: str) -> None:
        robot = Visitor(app, HTTP_USER_AGENT=agent)
        assert "no browser of a person" in press(robot, links[0], "keep", at=0)
        assert decided(house) == 0

    def test_that_tests_the_link_with_head_first(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        stranger.client.head(links[0])
        assert "had tested the link before" in press(stranger, links[0], "keep", at=0)

    def test_that_has_the_cookie_from_somewhere_and_never_opened(
        self, house: House, stranger: Visitor, links: list[str]
    ) -> None:
        place, page = stranger.follow(links[0])
        with house.db.transaction() as session:
            session.query(LinkVisit).delete()
        with clock.frozen(NOON + timedelta(minutes=1)):
            stranger.post(place, 409, **form_fields(page, place), answer="keep")
        assert last_held(house) == "the link was used without being opened"

    def test_leaves_the_answers_of_others_alone(
        self, house: House, app: Flask, stranger: Visitor, links: list[str]
    ) -> None:
        press(Visitor(app, REMOTE_ADDR="198.51.100.4"), links[0], "keep", at=0)
        press(stranger, links[1], "keep", at=10, wait=0)
        assert decided(house) == 1

    def test_is_asked_to_sign_in_where_the_question_is(
        self, house: House, stranger: Visitor, links: list[str], alice: Visitor
    ) -> None:
        press(stranger, links[0], "keep", at=0, wait=0)
        page = stranger.follow(links[0])[1]
        target = re.search(r'href="(/reviews/\d+/folders/\d+)#item-\d+">Sign in and answer', page)
        assert target
        assert "Keep" in alice.get(target[1])


class TestTheSecret:
    def test_it_leaves_the_address_at_once(self, stranger: Visitor, links: list[str]) -> None:
        token = links[0].rpartition("/")[2]
        place, page = stranger.follow(links[0])
        assert token not in place
        assert token not in page

    def test_its_cookie_is_out_of_reach_of_scripts(self, house: House, links: list[str]) -> None:
        base = "https://recert.house.example"
        app = house.app(secure_cookies=True, base_url=base)
        answer = app.test_client().get(links[0], base_url=base)
        (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if links[0][3:] in c]
        assert cookie.startswith("__Host-d-")
        for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=3600"):
            assert word in cookie

    def test_without_the_cookie_the_page_shows_nothing(
        self, app: Flask, stranger: Visitor, links: list[str]
    ) -> None:
        place, _ = stranger.follow(links[0])
        assert "Open the link in your mail again" in visible(Visitor(app).get(place, 404))

    def test_a_cookie_opens_its_own_page_only(self, stranger: Visitor, links: list[str]) -> None:
        first, second = (stranger.follow(link)[0] for link in links[:2])
        stranger.client.set_cookie(f"d-{second[5:]}", links[0][3:])
        stranger.get(second, 404)
        stranger.get(first)

    def test_many_open_pages_do_not_fill_the_header(
        self, stranger: Visitor, links: list[str]
    ) -> None:
        for number in range(30):
            stranger.client.set_cookie(f"d-{number:016x}", "x" * 47)
        answer = stranger.client.get(links[0])
        deleted = [c for c in answer.headers.getlist("Set-Cookie") if "Max-Age=0" in c]
        assert len(deleted) == 21


class TestThePolicyOfACampaign:
    @pytest.mark.parametrize(
        ("policy", "account", "saved"),
        [
            (MailAnswers.OFF, "Pia Partner", False),
            (MailAnswers.LOW, "Pia Partner", True),
            (MailAnswers.LOW, "batch", False),
            (MailAnswers.ALL, "batch", True),
        ],
    )
    def test_it_says_what_a_link_can_decide(
        self, house: House, stranger: Visitor, policy: MailAnswers, account: str, saved: bool
    ) -> None:
        house.launched(policy=Policy(mail_answers=MailAnswers.ALL))
        found = links_of(house)
        number = {"Pia Partner": "pia", "batch": "batch"}[account]
        with house.db.transaction() as session:
            campaign = session.get_one(Campaign, house.item(number, INBOX).campaign_id)
            campaign.policy = Policy(mail_answers=policy).as_json()
        pages = [stranger.follow(link) for link in found]
        (page,) = [html for _, html in pages if f"May {account} keep" in visible(html)]
        assert ("Please sign in to answer" in page) is not saved
        assert ('name="answer"' in page) is saved

    def test_the_verb_refuses_as_well(self, house: House) -> None:
        house.launched()
        item = house.item("batch", INBOX)
        alice = house.person("alice")
        by_link = Actor(
            alice.name, Channel.MAIL_LINK, Assurance.MAIL_LINK, person_id=alice.person_id
        )
        with house.db.transaction() as session, pytest.raises(NeedsSignIn):
            service.record(Act(session, by_link, NOON), item.id, Reply(Answer.KEEP))


class TestTheRules:
    good = {
        "User-Agent": BY_HAND["HTTP_USER_AGENT"],
        "Accept-Language": "de",
        **PRESSED_BY_HAND,
    }

    def held(self, base: str = "https://recert.example", **more: object) -> str:
        press = {"headers": self.good, "after": timedelta(seconds=9), "busiest": {}, **more}
        return why_held(Press(**press), base)  # type: ignore[arg-type]

    def test_a_person_is_not_held(self) -> None:
        assert self.held() == ""

    def test_where_browsers_are_silent_they_may_be(self) -> None:
        plain = {name: self.good[name] for name in ("User-Agent", "Accept-Language")}
        assert self.held("http://recert.example", headers=plain) == ""
        assert self.held(headers=plain) != ""

    @pytest.mark.parametrize(("window", "most"), bot_detection.BURSTS)
    def test_the_limits_are_limits(self, window: timedelta, most: int) -> None:
        assert self.held(busiest={window: most}) == ""
        assert self.held(busiest={window: most + 1}) != ""

    def test_real_browsers_are_no_robots(self) -> None:
        agents = (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
            "like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 15; CUBOT P80) AppleWebKit/537.36 Mobile Safari/537.36",
        )
        for agent in agents:
            assert self.held(headers={**self.good, "User-Agent": agent}) == ""


class TestALinkIsForOnePurpose:
    def tokens(self, house: House) -> dict[str, str]:
        """One token of each purpose, all held by Alice."""
        house.launched(policy=ALL)
        item = house.item("pia", INBOX)
        holder = f"person:{house.person('alice').person_id}"
        subjects = {
            Purpose.DECIDE_ITEM: item.ref,
            Purpose.DECIDE_FOLDER: f"campaign:{item.campaign_id}/folder:{item.folder_id}",
            Purpose.UNSUBSCRIBE: "alice@house.example result",
            Purpose.REPLY: f"campaign:{item.campaign_id}",
        }
        until = NOON + timedelta(days=9)
        with house.db.transaction() as session:
            return {
                purpose.value: mail.issue_tokens(
                    session, purpose, [subject], holder, expires_at=until, now=NOON
                )[subject]
                for purpose, subject in subjects.items()
            }

    def test_and_opens_no_other_door(self, house: House, stranger: Visitor) -> None:
        tokens = self.tokens(house)
        listeners = {
            "decide item": "/d/q/",
            "decide folder": "/d/f/",
            "unsubscribe": "/mail/stop/",
        }
        for purpose, token in tokens.items():
            place = links_view.place_of(token)
            stranger.client.set_cookie(f"d-{place}", token)
            for wanted, listener in listeners.items():
                path = listener + (token if listener == "/mail/stop/" else place)
                code = 200 if purpose == wanted else 404
                assert stranger.client.get(path).status_code == code, (purpose, listener)
            code = 303 if purpose in ("decide item", "decide folder") else 404
            assert stranger.client.get(f"/d/{token}").status_code == code

    def test_odd_addresses_are_refused(self, stranger: Visitor) -> None:
        for odd in ("", "x" * 8000, "%00", "..%2f", "\u00e9", "a" * 16):
            for listener in ("/d/q/", "/d/f/", "/d/", "/mail/stop/"):
                assert stranger.client.get(listener + odd).status_code == 404
