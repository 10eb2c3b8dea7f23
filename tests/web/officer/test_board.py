"""The board: counts per reviewer, server and folder, each a link to its rows; and problems."""

import re
from typing import Any

import pytest
from sqlalchemy import event, update

from recert.campaigns import progress
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.notifications import reviewer_mails
from recert.foundation import clock
from recert.mail.models import MessageState, OutboxMessage
from tests.support.browser import Visitor, visible
from tests.support.house import House


def listed(page: str) -> set[str]:
    """The folders and accounts of a list of items."""
    cells = re.findall(r'<td data-label="(?:Account|Folder)">(.*?)</td>', page, re.DOTALL)
    return {visible(cell).split()[0] for cell in cells}


def rows(page: str) -> int:
    return len(re.findall(r'<td data-label="No">', page))


def numbers(page: str) -> list[tuple[str, int]]:
    """Every number of the board that leads to rows: its address and the number."""
    found = re.findall(r'href="(/campaigns/\d+/items[^"]*)"[^>]*>(?:<strong>)?(\d+)<', page)
    return [(link.replace("&amp;", "&"), int(count)) for link, count in found]


class TestTheCounts:
    def test_every_number_is_as_many_rows_as_it_says(self, house: House, officer: Visitor) -> None:
        campaign = house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.decide("batch", "/finance/inbox", Reply(Answer.KEEP))
        house.finish("alice")
        with house.later(days=15):
            officer.sign_in(house.officer)
            found = numbers(officer.get(f"/campaigns/{campaign}"))
            assert len(found) > 15
            assert [(link, n) for link, n in found if rows(officer.get(link)) != n] == []

    def test_servers_and_folders_have_pages_of_their_own(
        self, house: House, officer: Visitor
    ) -> None:
        campaign = house.launched()
        page = officer.get(f"/campaigns/{campaign}/places")
        text = visible(page)
        assert "/finance/inbox" in text
        assert text.index("/finance") < text.index("/sales")  # most open questions first
        assert all(rows(officer.get(link)) == count for link, count in numbers(page))

    def test_the_next_page_of_folders_begins_after_the_last_one(
        self, house: House, officer: Visitor
    ) -> None:
        campaign = house.launched()
        with house.db.reading() as session:
            whole = [row.path for row in progress.folders(session, campaign).rows]
            seen, page = [], progress.folders(session, campaign, size=1)
            while page.after:
                seen += [row.path for row in page.rows]
                page = progress.folders(session, campaign, size=1, after=page.after)
        assert [*seen, *(row.path for row in page.rows)] == whole
        left = f"/campaigns/{campaign}/places?open=1&after=1"
        assert "most open questions first" in visible(officer.get(left))


class TestNarrowing:
    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ("answer=revoke", {"pia", "/finance/inbox"}),
            ("server=1&answer=keep", {"batch", "/finance/inbox"}),
            ("server=77", set()),
            ("conflict=1", set()),
            ("overdue=1", set()),
            ("answer=nonsense&state=nonsense&server=x&answer=revoke&state=decided", None),
        ],
    )
    def test_the_list_shows_only_these(
        self, house: House, officer: Visitor, asked: str, expected: set[str] | None
    ) -> None:
        campaign = house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.decide("batch", "/finance/inbox", Reply(Answer.KEEP))
        found = listed(officer.get(f"/campaigns/{campaign}/items?{asked}"))
        assert found == expected if expected is not None else found

    def test_the_next_page_keeps_what_was_asked(self, house: House, officer: Visitor) -> None:
        accounts = {f"a{n:03}": {"folders": {"/sales": "list"}} for n in range(60)}
        house.write_permissions(accounts, {})
        campaign = house.launched()
        page = officer.get(f"/campaigns/{campaign}/items?server=1&state=open")
        more = re.search(r'href="([^"]+after=\d+[^"]*)"', page)
        assert more
        assert rows(page) == 50
        assert rows(officer.get(more.group(1).replace("&amp;", "&"))) == 10
        assert "server=1" in more.group(1)


class TestProblems:
    def test_without_any_it_says_so(self, house: House, officer: Visitor) -> None:
        campaign = house.launched(prefix="/finance")
        assert "Nothing needs attention." in visible(officer.get(f"/campaigns/{campaign}"))

    def test_overdue_reviewers_and_what_nobody_is_asked_stand_there(
        self, house: House, officer: Visitor
    ) -> None:
        accounts = {"x": {"folders": {"/orphaned": "list"}}, "pia": {"folders": {"/sales": "list"}}}
        house.write_permissions(accounts, {})
        campaign = house.launched()
        assert "1 open question without a reviewer" in visible(
            officer.get(f"/campaigns/{campaign}")
        )
        with house.later(days=15):
            officer.sign_in(house.officer)
            text = visible(officer.get(f"/campaigns/{campaign}"))
        assert "2 overdue questions of 1 reviewer" in text

    def test_mails_that_did_not_arrive_are_listed_with_their_reason(
        self, house: House, officer: Visitor
    ) -> None:
        campaign = house.launched()
        reviewer_mails.send_due(house.db, house.head, now=clock.now())
        with house.db.transaction() as session:
            failed = {"state": MessageState.FAILED, "error": "550 no such mailbox"}
            mine = OutboxMessage.to_address == "charlie@house.example"
            session.execute(update(OutboxMessage).where(mine).values(failed))
        assert "1 email not delivered" in visible(officer.get(f"/campaigns/{campaign}"))
        text = visible(officer.get(f"/campaigns/{campaign}/mails"))
        assert "charlie@house.example" in text
        assert "550 no such mailbox" in text
        assert "alice" not in text


class TestTheCost:
    def test_the_board_asks_the_same_questions_for_many_folders_as_for_few(
        self, house: House, officer: Visitor
    ) -> None:
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            statements.append(statement)

        event.listen(house.db.engine, "before_cursor_execute", note)
        asked = []
        for name, folders in (("Few", 3), ("Many", 80)):
            many = {f"a{n}": {"folders": {f"/finance/f{n}": "list"}} for n in range(folders)}
            house.write_permissions(many, {})
            house.snapshot(accept_shrink=True)
            campaign = house.launched(name)
            del statements[:]
            officer.get(f"/campaigns/{campaign}")
            asked.append(len(statements))
        assert asked[0] == asked[1]
