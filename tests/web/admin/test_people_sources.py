"""Sources of people on a page: the page asks, the worker looks, administrators confirm."""

from collections.abc import Iterator

import ldap
import pytest

from recert.jobs import runner
from recert.people.synchronisation import answers
from tests.support.browser import Visitor, visible
from tests.support.directory import BLIND, cast, many
from tests.support.house import House
from tests.support.people import Joined, joined

PAGE = "/people/sources/1"


@pytest.fixture
def found(house: House) -> Iterator[Joined]:
    with joined(house, [*cast(), *many(30)], enabled=False) as opened:
        yield opened


def work(house: House) -> None:
    context = house.app().extensions["recert.job_context"]
    answers.answer_source_requests(context)
    assert context.servers.wait(30)


class TestThePage:
    def test_the_list_leads_to_each_source(self, found: Joined, admin: Visitor) -> None:
        assert "corporate" in visible(admin.get("/people/sources"))
        assert "Sources of people" in visible(admin.get("/people"))
        page = visible(admin.get(PAGE))
        assert "never run" in page
        assert "cn=reader" in page

    def test_without_one_it_names_the_command(self, house: House, admin: Visitor) -> None:
        assert "recert people source add" in visible(admin.get("/people/sources"))

    def test_a_preview_is_made_by_the_worker(
        self, house: House, found: Joined, admin: Visitor
    ) -> None:
        admin.get(PAGE)
        admin.post(f"{PAGE}/preview")
        assert "The worker is looking" in visible(admin.get(PAGE))
        before = found.people()
        work(house)
        page = visible(admin.get(PAGE))
        assert "34 new" in page
        assert "Alice Archer" in page
        assert found.people() == before

    def test_one_entry_is_shown_as_the_mapping_reads_it(
        self, house: House, found: Joined, admin: Visitor
    ) -> None:
        admin.get(PAGE)
        admin.post(f"{PAGE}/entry", entry="lea@firm.example")
        work(house)
        page = visible(admin.get(PAGE))
        assert "Lea Left" in page
        assert "active no" in page

    def test_a_refused_form_says_why_in_its_place(self, found: Joined, admin: Visitor) -> None:
        admin.get(PAGE)
        assert "Enter a mail address" in visible(admin.post(f"{PAGE}/entry", 422, entry=" "))

    def test_a_test_names_what_is_wrong(self, house: House, found: Joined, admin: Visitor) -> None:
        found.register(enabled=False, bind_dn=BLIND)
        admin.get(PAGE)
        admin.post(f"{PAGE}/test")
        work(house)
        assert "Give the account the right to read" in visible(admin.get(PAGE))

    def test_an_error_of_the_directory_is_an_answer(
        self, house: House, found: Joined, admin: Visitor
    ) -> None:
        found.register(enabled=False, url="ldap://127.0.0.1:1")
        admin.get(PAGE)
        admin.post(f"{PAGE}/preview")
        work(house)
        assert "refuses the connection" in visible(admin.get(PAGE))

    def test_many_leavers_are_shown_and_confirmed(
        self, house: House, found: Joined, admin: Visitor
    ) -> None:
        found.sync()
        found.server.remove(*(f"Person {n}" for n in range(9)))
        found.sync()
        page = visible(admin.get(PAGE))
        assert "9 of 33 people would leave" in page
        assert "Person 8" in page
        admin.post(f"{PAGE}/confirm")
        admin.get(PAGE)
        admin.post(f"{PAGE}/on")
        runner.run_all(house.app().extensions["recert.job_context"])
        gone = found.one("p8@firm.example")
        assert not gone.active
        admin.get(PAGE)
        admin.post(f"{PAGE}/confirm", 409)

    def test_a_run_can_be_asked_for_before_its_time(
        self, house: House, found: Joined, admin: Visitor
    ) -> None:
        found.register()
        context = house.app().extensions["recert.job_context"]
        runner.run_all(context)
        found.server.change("Alice Archer", ou="Treasury")
        admin.get(PAGE)
        admin.post(f"{PAGE}/run")
        runner.run_all(context)
        assert found.one("alice@firm.example").department == "Treasury"

    def test_the_web_process_opens_no_connection(
        self, found: Joined, admin: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ldap, "initialize", None)
        admin.get(PAGE)
        for what in ("test", "preview", "run"):
            admin.post(f"{PAGE}/{what}")
        admin.get(PAGE)

    def test_officers_do_not_know_of_it(self, found: Joined, officer: Visitor) -> None:
        officer.get(PAGE, 404)
