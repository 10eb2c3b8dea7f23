"""The reviewer's pages."""

import re

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from tests.campaigns.decisions.test_stage_outcomes import first_look
from tests.campaigns.decisions.test_stage_outcomes import launched as launched_in_stages
from tests.support.browser import Visitor, form_fields, visible
from tests.support.house import House

JARGON = re.compile(
    r"\b(entitlement|provision|remediat\w*|certif\w*|ACL|revoke[ds]?|grant[s]?|verdict|principal)\b",
    re.I,
)


def open_folder(house: House, visitor: Visitor, account: str = "pia") -> tuple[str, str]:
    """The page of /finance/inbox: (path, text)."""
    item = house.item(account, "/finance/inbox")
    path = f"/reviews/{item.campaign_id}/folders/{item.folder_id}"
    return path, visitor.get(path)


def answer(house: House, visitor: Visitor, account: str, code: int = 302, **fields: object) -> str:
    """Presses a button of one question, as the page offers it."""
    item = house.item(account, "/finance/inbox")
    _, page = open_folder(house, visitor)
    hidden = form_fields(page, f"/reviews/items/{item.id}")
    hidden.pop("csrf_token")
    return visitor.post(f"/reviews/items/{item.id}", code, **{**hidden, **fields})


class TestTheInbox:
    def test_it_says_what_to_do_and_until_when(self, house: House, alice: Visitor) -> None:
        house.launched("Autumn review")
        page = visible(alice.get("/reviews"))
        assert "Autumn review" in page
        assert "0 of 6 questions answered" in page
        assert "7 Dec 2026, 13:00 CET" in page

    def test_it_is_empty_for_who_is_not_asked(self, house: House, bob: Visitor) -> None:
        house.launched(prefix="/sales")
        assert "No reviews for you." in visible(bob.get("/reviews"))


class TestWhatWentOn:
    def test_it_stays_on_the_page_of_its_giver(self, house: House, alice: Visitor) -> None:
        number = launched_in_stages(house)
        first_look(house, "pia", Reply(Answer.KEEP))
        page = visible(alice.get(f"/reviews/{number}"))
        assert "Answered by you, now with someone else" in page
        assert "pia: Keep" in page
        assert "Now with: Mona Mill." in page
        assert "Looked at twice" in visible(alice.get("/reviews"))


class TestAQuestion:
    def test_it_shows_all_facts_in_plain_words(self, house: House, alice: Visitor) -> None:
        house.launched()
        text = visible(open_folder(house, alice)[1])
        assert "Pia Partner (Partner Ltd)" in text
        assert "see file names, add new files" in text
        assert "Last sign-in no data" in text
        assert "Granted by own entry at /finance/inbox" in text
        assert not JARGON.search(text), JARGON.search(text)

    def test_nothing_is_preselected(self, house: House, alice: Visitor) -> None:
        house.launched()
        page = open_folder(house, alice)[1]
        question = page.partition('<form method="post"')[2].partition("</form>")[0]
        assert not re.search("checked|selected", question)

    def test_hostile_names_are_shown_and_not_run(self, house: House, alice: Visitor) -> None:
        name = "<img src=x onerror=alert(1)>"
        house.write_permissions({name: {"name": name, "folders": {"/finance/inbox": "list"}}})
        house.launched()
        item = house.item(name, "/finance/inbox")
        page = alice.get(f"/reviews/{item.campaign_id}/folders/{item.folder_id}")
        assert "<img" not in page
        assert "&lt;img" in page

    def test_own_access_cannot_be_answered(self, house: House, alice: Visitor) -> None:
        house.launched()
        assert house.item("alice", "/finance").reviewer_id == house.person("bob").person_id


class TestAnAnswer:
    def test_keep_is_saved_and_can_be_changed(self, house: House, alice: Visitor) -> None:
        house.launched()
        assert "/reviews/" in answer(house, alice, "pia", answer="keep")
        assert house.item("pia", "/finance/inbox").answer is Answer.KEEP
        text = visible(open_folder(house, alice)[1])
        assert "You can change this until the review closes." in text
        answer(house, alice, "pia", answer="revoke")
        assert house.item("pia", "/finance/inbox").answer is Answer.REVOKE

    def test_reduce_keeps_the_chosen_rights(self, house: House, alice: Visitor) -> None:
        house.launched()
        answer(house, alice, "pia", answer="reduce", rights=["1"])
        item = house.item("pia", "/finance/inbox")
        assert (item.answer, item.answer_rights) == (Answer.REDUCE, 1)

    def test_reduce_to_nothing_is_refused_and_explained(self, house: House, alice: Visitor) -> None:
        house.launched()
        page = visible(answer(house, alice, "pia", 422, answer="reduce"))
        assert "Please check the form. Choose at least one right" in page
        assert house.item("pia", "/finance/inbox").state is ItemState.OPEN

    def test_a_refused_answer_keeps_what_was_typed(self, house: House, alice: Visitor) -> None:
        house.launched()
        page = answer(house, alice, "pia", 422, answer="reduce", reason="Only reads <now>")
        assert page.count("Only reads &lt;now&gt;") == 1

    def test_not_mine_needs_a_reason_and_goes_on(self, house: House, alice: Visitor) -> None:
        house.launched()
        answer(house, alice, "pia", 422, answer="not mine")
        answer(house, alice, "pia", answer="not mine", reason=["", "Bob runs the inbox"])
        assert house.item("pia", "/finance/inbox").reviewer_id == house.person("bob").person_id

    def test_a_second_answer_from_another_tab_changes_nothing(
        self, house: House, alice: Visitor
    ) -> None:
        house.launched()
        item = house.item("pia", "/finance/inbox")
        old = {"version": 0, "seen": item.content_hash}
        answer(house, alice, "pia", answer="revoke")
        page = alice.post(f"/reviews/items/{item.id}", 409, answer="keep", **old)
        assert "was answered or changed since you opened the page" in visible(page)
        assert house.item("pia", "/finance/inbox").answer is Answer.REVOKE

    def test_an_unknown_answer_is_refused(self, house: House, alice: Visitor) -> None:
        house.launched()
        page = answer(house, alice, "pia", 422, answer="burn")
        assert "Choose an answer." in visible(page)

    def test_finishing_makes_it_final(self, house: House, alice: Visitor) -> None:
        campaign_id = house.launched()
        answer(house, alice, "pia", answer="revoke")
        alice.get(f"/reviews/{campaign_id}")
        alice.post(f"/reviews/{campaign_id}/finish")
        assert house.item("pia", "/finance/inbox").state is ItemState.FINAL
        page = answer_again(house, alice)
        assert "can no longer be answered" in visible(page)


def answer_again(house: House, visitor: Visitor) -> str:
    """Sends an answer that the page does not offer any more."""
    item = house.item("pia", "/finance/inbox")
    fields = {"answer": "keep", "version": item.version, "seen": item.content_hash}
    return visitor.post(f"/reviews/items/{item.id}", 409, **fields)


class TestSeveralTogether:
    def test_the_chosen_ones_are_answered_with_one_reason(
        self, house: House, alice: Visitor
    ) -> None:
        house.launched()
        path, _ = open_folder(house, alice)
        found = [house.item(name, "/finance/inbox") for name in ("pia", "batch")]
        chosen = [f"{item.id}:{item.content_hash}" for item in found]
        fields = {"answer": "keep", "scope": "ticked", "items": chosen, "reason": "Checked"}
        alice.post(f"{path}/several", **fields)
        answers = {
            name: house.item(name, "/finance/inbox").answer for name in ("pia", "batch", "bob")
        }
        assert answers == {"pia": Answer.KEEP, "batch": Answer.KEEP, "bob": None}

    def test_a_reason_is_needed(self, house: House, alice: Visitor) -> None:
        house.launched()
        path, _ = open_folder(house, alice)
        fields = {"answer": "keep", "scope": "all", "reason": ""}
        assert "Give a reason." in visible(alice.post(f"{path}/several", 422, **fields))

    def test_more_than_fifty_need_their_number(self, house: House, alice: Visitor) -> None:
        house.write_permissions(
            {f"a{number}": {"folders": {"/finance/inbox": "list"}} for number in range(60)}
        )
        house.launched()
        path, page = open_folder(house, alice, "a1")
        assert "How many?" in visible(page)
        fields = {"answer": "revoke", "scope": "all", "reason": "Old"}
        assert "Enter 60 to confirm" in visible(alice.post(f"{path}/several", 422, **fields))
        alice.post(f"{path}/several", **fields, count=60)
        assert house.item("a59", "/finance/inbox").answer is Answer.REVOKE

    def test_pages_of_fifty_lead_to_the_rest(self, house: House, alice: Visitor) -> None:
        house.write_permissions(
            {f"a{number:02}": {"folders": {"/finance/inbox": "list"}} for number in range(60)}
        )
        house.launched()
        _path, page = open_folder(house, alice, "a01")
        assert page.count('id="item-') == 50
        more = re.search(r'href="([^"]+after=\d+)"', page)
        assert more
        assert alice.get(more[1].replace("&amp;", "&")).count('id="item-') == 10


class TestAfterTheClose:
    def test_an_answer_is_refused_and_nothing_changes(
        self, house: House, alice: Visitor, officer: Visitor
    ) -> None:
        campaign_id = house.launched()
        house.ask_to_close(campaign_id)
        officer.get(f"/campaigns/{campaign_id}")
        officer.post(f"/campaigns/{campaign_id}/close")
        open_folder(house, alice)
        page = answer_again(house, alice)
        assert "can no longer be answered" in visible(page)
        assert house.item("pia", "/finance/inbox").answer is Answer.NO_ANSWER

    def test_the_page_shows_how_it_ended(self, house: House, alice: Visitor) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        assert "Verified." in visible(open_folder(house, alice)[1])
