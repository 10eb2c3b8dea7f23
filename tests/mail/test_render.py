"""Mails from templates."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import UndefinedError

from recert.mail.render import Reader, render

HOSTILE = "<img src=x onerror=alert(1)>"
BERLIN = Reader("en", ZoneInfo("Europe/Berlin"))


def context(**more: Any) -> dict[str, Any]:
    item = {
        "account": "pia",
        "person": "Pia Partner",
        "organisation": "Partner Ltd",
        "folder": "/finance/inbox",
        "server": "main",
        "words": ["see file names", "delete files"],
        "link": "http://localhost/d/token",
        "facts": [("since", datetime(2026, 3, 1, tzinfo=UTC))],
    }
    return {
        "person": SimpleNamespace(name="Alice Archer"),
        "campaign": SimpleNamespace(
            name="Autumn", due_at=datetime(2026, 12, 7, 11, 30, tzinfo=UTC)
        ),
        "progress": SimpleNamespace(open=3, total=5),
        "minutes": 1,
        "items": [item],
        "folders": [],
        "by_link": True,
        "by_reply": True,
        "new": 1,
        "before": ["Bob Brook"],
        "name": "Alice Archer",
        "unsubscribe": "",
        "review_link": "http://localhost/reviews/1",
        **more,
    }


def item(**more: str) -> dict[str, Any]:
    return {**context()["items"][0], **more}


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.links += [value or "" for name, value in attributes if name == "href"]


@pytest.mark.parametrize(
    "kind", ["invitation", "reminder", "last_call", "escalation", "reassignment"]
)
class TestEveryMail:
    def test_it_names_people_folders_rights_and_the_day(self, kind: str) -> None:
        subject, text, html = render(kind, BERLIN, **context())
        assert "Autumn" in subject
        for part in (text, html):
            for word in ("Alice Archer", "Pia Partner", "/finance/inbox", "delete files"):
                assert word in part
            assert "7 December 2026, 12:30 CET" in part
            assert "http://localhost/d/token" in part
            assert "2 more" in part

    def test_hostile_names_stay_text(self, kind: str) -> None:
        hostile = item(folder=f"/{HOSTILE}", person=HOSTILE, server=HOSTILE, organisation=HOSTILE)
        campaign = SimpleNamespace(name=HOSTILE, due_at=context()["campaign"].due_at)
        person = SimpleNamespace(name=HOSTILE)
        mail = context(items=[hostile], campaign=campaign, person=person)
        _, text, html = render(kind, BERLIN, **mail)
        assert HOSTILE in text
        assert not {"img", "script"}.intersection(Tags(html).found)
        assert "&lt;img src=x onerror=alert(1)&gt;" in html

    def test_a_link_cannot_leave_its_attribute(self, kind: str) -> None:
        link = 'http://localhost/d/x" onclick="alert(1)'
        _, _, html = render(kind, BERLIN, **context(items=[item(link=link)]))
        assert link in Tags(html).links

    def test_the_subject_is_one_line(self, kind: str) -> None:
        campaign = SimpleNamespace(
            name="Autumn\r\nBcc: x@y\u2028z", due_at=context()["campaign"].due_at
        )
        subject, _, _ = render(kind, BERLIN, **context(campaign=campaign))
        assert len(subject.splitlines()) == 1

    def test_something_missing_is_an_error_and_no_gap(self, kind: str) -> None:
        without = context()
        del without["review_link"]
        with pytest.raises(UndefinedError, match="review_link"):
            render(kind, BERLIN, **without)

    def test_one_question_is_not_two(self, kind: str) -> None:
        one = SimpleNamespace(open=1, total=1)
        subject, text, _ = render(kind, BERLIN, **context(progress=one))
        assert re.search("1 (overdue )?question ", subject)
        assert "1 minute." in text
        assert "more in your review" not in text
