"""Several questions on one page from one link: the same rules as for one."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Item
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import MailAnswers, Policy
from recert.campaigns.reviewing import reassignment
from recert.foundation import clock
from recert.foundation.actor import Assurance
from recert.mail.models import OutboxMessage
from recert.people.queries import person_by_email
from recert.trail.act import Act
from tests.support.browser import Visitor, visible
from tests.support.house import NOON, House

INBOX = "/finance/inbox"
ALL = Policy(mail_answers=MailAnswers.ALL)


def link_to(house: House, policy: Policy = ALL) -> str:
    """The link to all questions about /finance/inbox, from Alice's mail."""
    house.launched(policy=policy)
    reviewer_mails.send_due(house.db, house.head, now=NOON)
    with house.db.reading() as session:
        here = OutboxMessage.to_address == "alice@house.example"
        text = session.scalars(select(OutboxMessage.text).where(here)).one()
    found = re.search(rf"{INBOX} \(main\), .* on one page: http://localhost(/d/rcf_\S+)", text)
    assert found
    return found[1]


@pytest.fixture
def link(house: House) -> str:
    return link_to(house)


def value(house: House, account: str, answer: str) -> dict[str, str]:
    item = house.item(account, INBOX)
    return {f"answer-{item.id}": f"{answer}:{item.version}:{item.content_hash}"}


def press(visitor: Visitor, link: str, code: int = 200, wait: float = 20, **more: str) -> str:
    place, _ = visitor.follow(link)
    with clock.frozen(clock.now() + timedelta(seconds=wait)):
        return visible(visitor.post(place, code, **more))


def decisions(house: House) -> list[Decision]:
    with house.db.reading() as session:
        return list(session.scalars(select(Decision).order_by(Decision.id)))


class TestThePage:
    def test_it_shows_each_question_with_its_facts(self, stranger: Visitor, link: str) -> None:
        text = visible(stranger.follow(link)[1])
        assert "Who may keep access to /finance/inbox?" in text
        for name in ("Pia Partner", "batch"):
            assert f"May {name} keep access?" in text

    def test_opening_it_changes_nothing(self, house: House, stranger: Visitor, link: str) -> None:
        before = house.trail_actions()
        stranger.client.head(link)
        stranger.follow(link)
        assert house.trail_actions() == before

    def test_nothing_is_chosen_before(self, stranger: Visitor, link: str) -> None:
        assert "checked" not in stranger.follow(link)[1].partition("<main")[2]


class TestAnswering:
    def test_several_at_once(self, house: House, stranger: Visitor, link: str) -> None:
        chosen = value(house, "pia", "revoke") | value(house, "batch", "keep")
        page = press(stranger, link, **chosen, reason="Looked at it.")
        assert "Saved: 2 answers" in page
        assert [made.answer for made in decisions(house)].count(Answer.REVOKE) == 1
        assert {made.assurance for made in decisions(house)} == {Assurance.MAIL_LINK}

    def test_what_is_not_chosen_stays_open(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        press(stranger, link, **value(house, "pia", "revoke"))
        assert house.item("batch", INBOX).answer is None
        assert "Saved: 1 answer" in press(stranger, link, **value(house, "batch", "revoke"))

    def test_all_or_none(self, house: House, stranger: Visitor, link: str) -> None:
        lea = house.item("batch", INBOX)
        old = {f"answer-{lea.id}": f"keep:{lea.version + 1}:{lea.content_hash}"}
        page = press(stranger, link, 422, **value(house, "pia", "revoke"), **old)
        assert "batch: This question was answered or changed" in page
        assert decisions(house) == []

    @pytest.mark.parametrize("wrong", ["", "keep", "reduce:0:1", "keep:0:1:2", "keep:x:y"])
    def test_nonsense_changes_nothing(
        self, house: House, stranger: Visitor, link: str, wrong: str
    ) -> None:
        item = house.item("pia", INBOX)
        press(stranger, link, 422, **{f"answer-{item.id}": wrong})
        press(stranger, link, 422)
        assert decisions(house) == []

    def test_a_question_of_another_folder_is_refused(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        other = house.item("bob", "/finance")
        chosen = {f"answer-{other.id}": f"keep:{other.version}:{other.content_hash}"}
        press(stranger, link, 410, **chosen)
        assert decisions(house) == []

    def test_a_program_is_held(self, house: House, stranger: Visitor, link: str) -> None:
        page = press(stranger, link, 409, wait=0.5, **value(house, "pia", "revoke"))
        assert "faster than anybody can read" in page
        assert decisions(house) == []

    def test_important_ones_need_a_sign_in(self, house: House, stranger: Visitor) -> None:
        link = link_to(house, Policy())
        text = visible(stranger.follow(link)[1])
        assert "May Pia Partner keep access?" in text
        assert "Please sign in to answer" in text
        press(stranger, link, 422, **value(house, "batch", "revoke"))
        assert decisions(house) == []

    def test_the_page_dies_with_its_last_question(
        self, house: House, stranger: Visitor, link: str
    ) -> None:
        stranger.follow(link)
        for account in ("pia", "batch", "alice", "bob", "lea"):
            with house.db.transaction() as session:
                item = (
                    session.get(Item, house.item(account, "/finance").id)
                    if account in ("alice", "bob", "lea")
                    else session.get(Item, house.item(account, INBOX).id)
                )
                mona = person_by_email(session, "mona@house.example")
                assert mona
                assert item
                reassignment.reassign(Act(session, house.officer, house.now), item, mona, "Ill.")
        left = [house.item(who, INBOX).reviewer_id for who in ("pia", "batch")]
        assert left == [house.person("mona").person_id] * 2
        with house.db.transaction() as session:
            alice = house.person("alice").person_id
            for item in session.scalars(select(Item).where(Item.reviewer_id == alice)):
                reassignment.reassign(
                    Act(session, house.officer, house.now),
                    item,
                    person_by_email(session, "mona@house.example"),
                    "Ill.",
                )
        stranger.get(link, 410)
