"""Bad input and bad moments: a message that names the object, and nothing lost."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import NotYours, Reply, TooLate
from recert.campaigns.local_time import NoSuchTime
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.reviewing import reassignment
from recert.campaigns.schedule.models import SlotState
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.presets import TEMPLATES
from recert.campaigns.states import LaunchRefused
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RecertError
from recert.people import users
from recert.people.queries import person_by_email
from recert.trail.act import Act
from tests.campaigns.decisions.test_at_the_same_time import at_once
from tests.campaigns.reviewing.test_conduct import extend, zoned
from tests.campaigns.reviewing.test_reviewer_changes import leaves
from tests.campaigns.schedule.test_runner import add, slots, tick
from tests.campaigns.setup.test_scope import launched
from tests.support.browser import Visitor, visible
from tests.support.house import PASSWORD, House
from tests.web.reviewer.test_reviews import answer, open_folder

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)
LONG = "ä" * 100_000


def answers(house: House, account: str = "pia") -> list[Answer]:
    item = house.item(account, INBOX)
    with house.db.reading() as session:
        query = select(Decision.answer).where(Decision.item_id == item.id)
        return list(session.scalars(query.order_by(Decision.version)))


def give_to_bob(house: House) -> None:
    with house.db.transaction() as session:
        bob = person_by_email(session, "bob@house.example")
        assert bob
        item = session.get_one(Item, house.item("pia", INBOX).id)
        reassignment.reassign(Act(session, house.officer, house.now), item, bob, "Holiday.")


def test_overlapping_campaigns_on_one_item(house: House) -> None:
    for name in ("First", "Second"):
        house.launched(name)
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
    for _ in range(2):
        house.carry_out()
    assert len(house.orders()) == 1  # one change, shared
    with house.db.reading() as session:
        states = select(Item.state).where(Item.account_id == house.item("pia", INBOX).account_id)
        assert set(session.scalars(states)) == {ItemState.SUPERSEDED, ItemState.VERIFIED}


def test_two_reviewers_at_once(house: House) -> None:
    house.launched()
    errors = at_once(
        lambda: house.decide("pia", INBOX, KEEP, by="alice"),
        lambda: house.decide("pia", INBOX, REVOKE, by="bob"),
        lambda: give_to_bob(house),
    )
    assert all(isinstance(error, RecertError) for error in errors if error)
    item, kept = house.item("pia", INBOX), answers(house)
    saved = [error is None for error in errors[:2]]
    assert len(kept) == sum(saved)  # what was told to be saved is there, nothing else is
    assert item.version == len(kept)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_reviewer_whose_question_went_to_another(house: House, who: str) -> None:
    house.launched()
    give_to_bob(house)
    if who == "alice":
        with pytest.raises(NotYours, match="went to somebody else"):
            house.decide("pia", INBOX, KEEP, by=who)
        return
    house.decide("pia", INBOX, KEEP, by=who)
    assert answers(house) == [Answer.KEEP]


def test_two_tabs(house: House, alice: Visitor) -> None:
    house.launched()
    item = house.item("pia", INBOX)
    old = {"version": 0, "seen": item.content_hash, "reason": "Typed in the other tab."}
    answer(house, alice, "pia", answer="revoke")
    page = alice.post(f"/reviews/items/{item.id}", 409, answer="keep", **old)
    assert "was answered or changed since you opened the page" in visible(page)
    assert "Typed in the other tab." in page
    assert answers(house) == [Answer.REVOKE]


def test_a_decision_after_the_close(house: House, alice: Visitor) -> None:
    campaign = house.launched()
    open_folder(house, alice)
    item = house.item("pia", INBOX)
    house.close(campaign)
    said = {"answer": "revoke", "version": 0, "seen": item.content_hash, "reason": "Not needed."}
    page = alice.post(f"/reviews/items/{item.id}", 409, **said)
    assert "can no longer be answered" in visible(page)
    with pytest.raises(TooLate, match="Ask the compliance officer"):
        house.decide("pia", INBOX, KEEP)
    assert answers(house) == []


def test_a_template_whose_scope_is_empty(house: House) -> None:
    house.snapshot()
    template = next(one for one in TEMPLATES if one.key == "shared")
    with pytest.raises(LaunchRefused, match="Nobody has access in this scope"):
        launched(house, template.scope)
    add(house, scope=template.scope)
    tick(house, "2026-12-01T07:00")
    (slot,) = slots(house)
    assert slot.state is not SlotState.LAUNCHED
    assert "nothing to ask" in slot.reason


def test_a_due_date_in_the_past(house: House, officer: Visitor) -> None:
    house.snapshot()
    officer.get("/campaigns/new")
    wanted = {"name": "My winter", "folder": "/", "due": "2020-01-01", "servers": house.server_id}
    page = officer.post("/campaigns/new", 422, **wanted)
    assert "due date must lie in the future" in visible(page)
    assert 'value="My winter"' in page  # what was typed is still there


def test_a_due_date_that_passed_before_the_launch(house: House) -> None:
    draft = house.drafted("Late")
    with house.later(days=15):
        house.snapshot()
        with house.db.transaction() as session:
            found = session.get_one(Campaign, draft)
            with pytest.raises(LaunchRefused, match="has passed"):
                campaigns.launch(Act(session, house.officer, house.now), found)
    assert house.campaign(draft).state is CampaignState.DRAFT


def test_a_due_date_over_which_the_clock_goes(house: House) -> None:
    campaign = zoned(house, "America/Nuuk", date(2026, 12, 1))
    with pytest.raises(NoSuchTime, match="2027-03-27 23:59 in America/Nuuk"):
        extend(house, campaign, date(2027, 3, 27))
    assert house.campaign(campaign).extensions == 0


class TestVeryLongComments:
    def test_beside_an_answer(self, house: House, alice: Visitor) -> None:
        house.launched()
        page = answer(house, alice, "pia", 422, answer="keep", reason=LONG)
        assert "The reason is longer than 1000 characters." in visible(page)
        assert LONG in page
        assert answers(house) == []

    def test_beside_many_answers(self, house: House, alice: Visitor) -> None:
        house.launched()
        path, _ = open_folder(house, alice)
        said = {"answer": "keep", "scope": "all", "reason": LONG}
        page = alice.post(f"{path}/several", 422, **said)
        assert "The reason is longer than 1000 characters." in visible(page)
        assert LONG in page

    def test_in_a_question(self, house: House, alice: Visitor) -> None:
        house.launched()
        open_folder(house, alice)
        page = alice.post(f"/reviews/items/{house.item('pia', INBOX).id}/question", 422, text=LONG)
        assert "The text is longer than 2000 characters." in visible(page)
        assert LONG in page

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("ask-to-close", {"reason": LONG}),
            ("extend", {"due": "2027-01-08", "reason": LONG}),
            ("sign-off", {"statement": LONG, "confirmed": "y"}),
            ("give", {"email": "bob@house.example", "reviewer": "queue", "reason": LONG}),
        ],
    )
    def test_of_an_officer(
        self, house: House, officer: Visitor, path: str, fields: dict[str, str]
    ) -> None:
        campaign = house.launched()
        officer.get(f"/campaigns/{campaign}")
        before = house.trail_actions()
        page = officer.post(f"/campaigns/{campaign}/{path}", 422, **fields)
        assert " is longer than " in visible(page)
        assert LONG in page
        assert house.trail_actions() == before

    def test_of_an_auditor(self, house: House, auditor: Visitor) -> None:
        campaign = house.launched()
        auditor.get(f"/audit/campaigns/{campaign}")
        page = auditor.post(f"/audit/campaigns/{campaign}/remarks", 422, text=LONG)
        assert "The text is longer than 4000 characters." in visible(page)
        assert LONG in page

    def test_by_the_command_line(self, house: House) -> None:
        house.launched()
        with pytest.raises(BadInput, match="longer than 1000 characters"):
            house.decide("pia", INBOX, Reply(Answer.KEEP, reason=LONG))


class TestARoleThatWasLost:
    def test_a_reviewer_who_left(self, house: House, alice: Visitor) -> None:
        house.launched()
        open_folder(house, alice)
        item = house.item("pia", INBOX)
        leaves(house, "alice")
        said = {"answer": "revoke", "version": 0, "seen": item.content_hash, "reason": "Mine."}
        alice.post(f"/reviews/items/{item.id}", 302, **said)  # to the sign-in, which refuses
        alice.get("/reviews", 302)
        assert answers(house) == []

    def test_a_reviewer_who_left_while_it_was_saved(self, house: House) -> None:
        campaign = house.launched()
        alice, item = house.person("alice"), house.item("pia", INBOX)
        leaves(house, "alice")
        who = {"actor": alice, "now": house.now}
        with house.db.transaction() as session, pytest.raises(NotYours):
            decisions.record(Act(session, **who), item.id, KEEP)
        with house.db.transaction() as session:
            found, many = session.get_one(Campaign, campaign), Reply(Answer.KEEP, reason="All.")
            with pytest.raises(NotYours):
                decisions.record_many(Act(session, **who), found, item.folder_id, None, many)
        with house.db.reading() as session:
            assert session.scalar(select(func.count(Decision.id))) == 0

    def test_a_reviewer_whose_question_went_elsewhere(self, house: House, alice: Visitor) -> None:
        house.launched()
        open_folder(house, alice)
        item = house.item("pia", INBOX)
        give_to_bob(house)
        said = {"answer": "keep", "version": 0, "seen": item.content_hash, "reason": "My words."}
        page = alice.post(f"/reviews/items/{item.id}", 404, **said)
        assert NoSuchItem.__doc__
        assert NoSuchItem.__doc__ in visible(page)
        assert "My words." in page

    def test_an_officer_who_is_none_any_more(self, house: House, app: Flask) -> None:
        campaign = house.launched()
        officer = Visitor(app).sign_in(house.user(house.officer))
        officer.get(f"/campaigns/{campaign}")
        with house.db.transaction() as session:
            now_an_auditor = ("Olga", PASSWORD, frozenset({Role.AUDITOR}))
            who = {"actor": house.admin, "now": house.now}
            users.add_user(Act(session, **who), house.officer.name, *now_an_auditor)
        path = f"/campaigns/{campaign}/extend"
        where = officer.post(path, due="2027-01-08", reason="More time.")
        assert "this was not saved" in visible(officer.get(where))
        officer.sign_in(house.officer)
        officer.get("/audit")
        page = officer.post(path, 404, due="2027-01-08", reason="More time.")
        assert "your role has changed" in visible(page)
        assert "More time." in page
        assert house.campaign(campaign).extensions == 0
