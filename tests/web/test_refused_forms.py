"""A refused form is shown again where it was typed: the message, and everything that was typed."""

import re

from flask import Flask

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.web.forms import SHOWN_IN_PLACE
from tests.support.browser import Visitor, visible
from tests.support.house import House

INBOX = "/finance/inbox"
AUDIENCES = ("officer", "admin", "auditor", "reviewer")
# These show their own page again, with the form that they checked.
BY_THEMSELVES = {
    *("drafts.create", "schedules.create", "exclusions.ask", "delegations.delegate"),
    *("emergency_accounts.mark", "people.upload", "people.join_account"),
    *("servers.create", "servers.storage", "interfaces.issue", "challenges.object_to"),
    *("reviews.answer", "reviews.answer_several", "reviews.answer_several_questions"),
}
# They show pages and take nothing in.
ONLY_SHOW = {"view_as_reviewer.review", "view_as_reviewer.folder"}


def form_of(html: str, action: str) -> str:
    """The form with this action, as the page has it, with the section that holds it."""
    found = re.search(
        rf'(<details[^>]*>\s*<summary>[^<]*</summary>\s*)?<form[^>]*action="{re.escape(action)}.*?</form>',
        html,
        re.DOTALL,
    )
    assert found, f"no form for {action}"
    return found[0]


def send(visitor: Visitor, path: str, code: int, **fields: str) -> str:
    """Sends a form as a browser does that has opened a page before."""
    visitor.get("/account/password")
    return visitor.post(path, code, **fields)


class TestEveryForm:
    def test_it_has_a_page_on_which_it_is_shown_again(self, app: Flask) -> None:
        views = {
            rule.endpoint: app.view_functions[rule.endpoint]
            for rule in app.url_map.iter_rules()
            if "POST" in (rule.methods or ())
        }
        ours = {
            name
            for name, view in views.items()
            if view.__module__.startswith(tuple(f"recert.web.{one}" for one in AUDIENCES))
        }
        in_place = {name for name in ours if hasattr(views[name], SHOWN_IN_PLACE)}
        assert ours - in_place == BY_THEMSELVES | ONLY_SHOW

    def test_the_page_exists(self, app: Flask) -> None:
        for rule in app.url_map.iter_rules():
            page = getattr(app.view_functions[rule.endpoint], SHOWN_IN_PLACE, None)
            if isinstance(page, str):
                blueprint = rule.endpoint.partition(".")[0]
                name = blueprint + page if page.startswith(".") else page
                wanted = next(app.url_map.iter_rules(name))
                assert wanted.arguments <= rule.arguments, rule.endpoint


class TestWhatIsShownAgain:
    def test_a_mistake_stands_beside_its_field_and_the_rest_is_kept(
        self, house: House, officer: Visitor
    ) -> None:
        house.launched()
        html = send(officer, "/campaigns/1/extend", 422, due="soon", reason="Harvest & holidays")
        assert "Autumn" in visible(html)
        form = form_of(html, "/campaigns/1/extend")
        assert form.startswith("<details open>")
        assert 'id="new-due-wrong">Enter a date like 2026-12-31.' in form
        assert 'aria-invalid="true"' in form
        assert 'value="Harvest &amp; holidays"' in form
        assert 'role="alert"' in html

    def test_only_the_form_that_was_sent_is_filled_in(self, house: House, officer: Visitor) -> None:
        house.launched()
        html = send(officer, "/campaigns/1/extend", 422, due="soon", reason="Holidays")
        other = form_of(html, "/campaigns/1/ask-to-close")
        assert "Holidays" not in other
        assert "open" not in other.partition(">")[0]
        assert html.count('id="refused"') == 1

    def test_what_the_use_case_refuses_stands_at_the_form(
        self, house: House, officer: Visitor
    ) -> None:
        house.launched()
        html = send(officer, "/campaigns/1/extend", 422, due="2020-01-01", reason="Too early")
        form = form_of(html, "/campaigns/1/extend")
        message = re.search(r'id="refused">([^<]+)<', form)
        assert message
        assert len(message[1]) > 10
        assert 'value="2020-01-01"' in form
        assert 'value="Too early"' in form

    def test_a_form_in_a_row_of_a_filtered_list_comes_back_in_that_list(
        self, house: House, officer: Visitor
    ) -> None:
        house.launched()
        item, other = house.item("pia", INBOX), "nobody@house.example"
        path = f"/campaigns/1/items/{item.id}/reassign"
        html = send(officer, f"{path}?state=open", 422, email=other, reason="They moved.")
        form = form_of(html, path)
        assert f'value="{other}"' in form
        assert 'value="They moved."' in form
        assert '<option value="open" selected>' in html

    def test_a_text_of_several_lines_is_kept(self, house: House, officer: Visitor) -> None:
        house.close(house.launched())
        html = send(officer, "/campaigns/1/sign-off", 422, statement="All\nchecked & fine")
        form = form_of(html, "/campaigns/1/sign-off")
        assert "All\nchecked &amp; fine</textarea>" in form
        assert "Confirm that you have reviewed the totals." in form

    def test_an_administrator_keeps_a_ticket_that_is_too_long(
        self, house: House, admin: Visitor
    ) -> None:
        house.launched()
        order = house.ordered("pia", INBOX, Reply(Answer.REVOKE))
        path, ticket = f"/orders/{order.id}/ticket", "CHG" * 100
        form = form_of(send(admin, path, 422, ticket=ticket), path)
        assert form.startswith("<details open>")
        assert f'value="{ticket}"' in form
        assert "The ticket is longer than 200 characters." in form

    def test_a_button_that_is_refused_shows_why(self, house: House, officer: Visitor) -> None:
        house.launched()
        send(officer, "/campaigns/1/ask-to-close", 302, reason="All are answered.")
        form = form_of(send(officer, "/campaigns/1/close", 403), "/campaigns/1/close")
        assert form.startswith("<details open>")
        assert "You asked to close the campaign early" in form

    def test_an_auditor_keeps_the_comment(self, house: House, auditor: Visitor) -> None:
        house.launched()
        html = send(auditor, "/audit/campaigns/1/remarks", 422, text="Look at this.", item="999")
        form = form_of(html, "/audit/campaigns/1/remarks")
        assert "Look at this.</textarea>" in form
        assert 'value="999"' in form
        assert "Item 999 does not belong to" in form

    def test_a_reviewer_sees_the_mistake_at_the_question(
        self, house: House, alice: Visitor
    ) -> None:
        house.launched()
        item = house.item("pia", INBOX)
        html = send(alice, f"/reviews/items/{item.id}/question", 422, text=" ")
        form = form_of(html, f"/reviews/items/{item.id}/question")
        assert "Enter a text." in form

    def test_a_form_that_is_gone_leaves_the_error_page_with_what_was_written(
        self, house: House, officer: Visitor
    ) -> None:
        house.close(house.launched())
        html = send(officer, "/campaigns/1/extend", 409, due="2027-01-01", reason="Too late for it")
        assert "What you wrote" in html
        assert "Too late for it" in html

    def test_a_page_of_others_is_still_not_found(self, house: House, alice: Visitor) -> None:
        house.launched()
        send(alice, "/campaigns/1/extend", 404, due="soon", reason="Mine")
