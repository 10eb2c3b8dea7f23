"""One-click links: a page on GET, a decision on a person's POST."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.notifications import reviewer_mails, update_mails
from recert.campaigns.reviewing import reassignment
from recert.foundation import clock
from recert.foundation.actor import Assurance, Channel
from recert.mail.models import OutboxMessage
from recert.mail.smtp import OutgoingMail
from recert.people import service as people
from recert.people.queries import person_by_email
from recert.trail.act import Act
from recert.web.public import item_link
from tests.support.browser import Visitor, form_fields, visible
from tests.support.house import NOON, House


@pytest.fixture
def link(house: House) -> str:
    """The link about pia in /finance/inbox, from Alice's mail."""
    house.launched()
    reviewer_mails.send_due(house.db, house.head, now=NOON)
    with house.db.reading() as session:
        here = OutboxMessage.to_address == "alice@house.example"
        text = session.scalars(select(OutboxMessage.text).where(here)).one()
    found = re.search(r"Pia Partner .*\n.*\n\s+Answer: http://localhost(/d/\S+)", text)
    assert found
    return found[1]


def press(visitor: Visitor, link: str, code: int = 200, after: float = 30, **more: object) -> str:
    """Opens the link, reads, and presses a button."""
    place, hidden = opened(visitor, link)
    with clock.frozen(clock.now() + timedelta(seconds=after)):
        return visitor.post(place, code, **{**hidden, **more})


def opened(visitor: Visitor, link: str) -> tuple[str, dict[str, str]]:
    """The address of the page behind a link, and the hidden fields of its form."""
    place, page = visitor.follow(link)
    hidden = form_fields(page, place)
    hidden.pop("csrf_token")
    return place, hidden


class TestOpeningALink:
    def test_it_shows_the_question_and_changes_nothing(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        before = house.trail_actions()
        for method in ("GET", "HEAD", "GET"):
            assert stranger.client.open(link, method=method).status_code == 303
        place, _ = stranger.follow(link)
        assert stranger.client.head(place).status_code == 200
        assert house.item("pia", "/finance/inbox").state is ItemState.OPEN
        assert house.trail_actions() == before

    def test_it_says_who_asks_whom_about_what(self, stranger: Visitor, link: str) -> None:
        text = visible(stranger.follow(link)[1])
        assert "May Pia Partner keep access to /finance/inbox?" in text
        assert "For Alice Archer, due" in text

    @pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 5000, "%00", "%F0%9F%94%91"])
    def test_an_unknown_one_says_so(self, stranger: Visitor, token: str) -> None:
        assert "This link is not known" in visible(stranger.get(f"/d/{token}", 404))

    def test_a_truncated_one_says_so(self, stranger: Visitor, link: str) -> None:
        assert "It may be cut off" in visible(stranger.get(link[:-1], 404))

    def test_an_expired_one_says_so(self, stranger: Visitor, link: str) -> None:
        with clock.frozen(NOON + timedelta(days=29)):
            assert "no longer valid" in visible(stranger.get(link, 410))


class TestPressingTheButton:
    def test_it_decides_with_the_assurance_of_a_mail_link(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        assert "Saved. Thank you." in visible(press(stranger, link, answer="revoke"))
        with house.db.reading() as session:
            made = session.scalars(select(Decision)).one()
        assert (made.answer, made.channel) == (Answer.REVOKE, Channel.MAIL_LINK)
        assert made.assurance is Assurance.MAIL_LINK
        assert made.person_id == house.person("alice").person_id

    def test_without_the_pages_token_nothing_happens(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        place, _ = stranger.follow(link)
        assert stranger.client.post(place, data={"answer": "revoke"}).status_code == 400
        assert house.item("pia", "/finance/inbox").state is ItemState.OPEN

    def test_a_used_link_shows_what_was_recorded(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        press(stranger, link, answer="keep")
        text = visible(stranger.follow(link)[1])
        assert "Keep saved 23 Nov 2026" in text

    def test_pressing_twice_on_the_same_page_counts_once(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        place, hidden = opened(stranger, link)
        with clock.frozen(NOON + timedelta(seconds=5)):
            stranger.post(place, 200, **hidden, answer="revoke")
        with clock.frozen(NOON + timedelta(seconds=60)):
            page = stranger.post(place, 409, **hidden, answer="keep")
        assert "was answered or changed" in visible(page)
        assert house.item("pia", "/finance/inbox").answer is Answer.REVOKE

    def test_a_change_of_mind_is_a_new_version(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        press(stranger, link, answer="revoke")
        with house.later(seconds=30):
            press(stranger, link, answer="keep")
        with house.db.reading() as session:
            answers = session.scalars(select(Decision.answer).order_by(Decision.version)).all()
        assert list(answers) == [Answer.REVOKE, Answer.KEEP]


class TestALinkDies:
    def test_when_its_question_goes_to_somebody_else(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        with house.db.transaction() as session:
            item = session.get_one(Item, house.item("pia", "/finance/inbox").id)
            bob = person_by_email(session, "bob@house.example")
            assert bob
            reassignment.reassign(Act(session, house.officer, NOON), item, bob, "Holiday")
        assert "went to somebody else" in visible(stranger.get(link, 410))

    def test_when_its_holder_has_left(self, house: House, stranger: Visitor, link: str) -> None:
        place, hidden = opened(stranger, link)
        row = "email,name,organisation,left_on\nalice@house.example,Alice,House,2026-11-22\n"
        with house.db.transaction() as session:
            people.import_people(Act(session, house.admin, NOON), row)
        assert "Pia" not in stranger.get(link, 410)
        stranger.post(place, 410, **hidden, answer="revoke")
        assert house.item("pia", "/finance/inbox").answer is None

    def test_for_answers_when_the_review_is_closed(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        place, hidden = opened(stranger, link)
        house.close(1)
        assert "can no longer be answered" in visible(stranger.follow(link)[1])
        with house.later(seconds=5):
            stranger.post(place, 409, **hidden, answer="revoke")
        assert house.item("pia", "/finance/inbox").answer is Answer.NO_ANSWER


class TestItsSecret:
    def test_it_stands_in_no_log(
        self,
        app: Flask,
        stranger: Visitor,
        link: str,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(item_link.mail_tokens, "invitation", lambda *_, **__: 1 / 0)
        stranger.get(link, 500)
        assert "GET /d/<token>" in caplog.text
        assert link not in caplog.text

    def test_it_is_never_sent_to_another_site(self, stranger: Visitor, link: str) -> None:
        assert stranger.client.get(link).headers["Referrer-Policy"] == "same-origin"


class TestEndingNotices:
    def notice(self, house: House) -> str:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        update_mails.send_due(house.db, house.head, now=NOON)
        with house.db.reading() as session:
            here = OutboxMessage.kind == "result"
            made = session.scalars(select(OutboxMessage).where(here)).one()
        raw = OutgoingMail(made, house.settings.mail).as_bytes().decode().replace("\r\n ", "")
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in raw
        return made.unsubscribe.removeprefix("http://localhost")

    def test_a_scanner_that_opens_the_link_ends_nothing(
        self, house: House, stranger: Visitor
    ) -> None:
        link = self.notice(house)
        assert "Turn off notifications?" in stranger.get(link)
        assert "Turn off notifications?" in stranger.get(link)

    def test_a_mail_program_ends_them_without_a_page(self, house: House, app: Flask) -> None:
        link = self.notice(house)
        answer = app.test_client().post(link, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "Notifications are off" in answer.get_data(as_text=True)

    def test_the_link_of_a_question_ends_nothing(self, house: House, stranger: Visitor) -> None:
        self.notice(house)
        stranger.get("/mail/stop/x", 404)
