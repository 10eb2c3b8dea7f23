"""The printable summary, read back."""

import http.server
import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from weasyprint.urls import URLFetchingError

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence.package import pdf, summary
from recert.foundation import durations
from recert.foundation.secrets import fingerprint
from tests.evidence.conftest import INBOX, played
from tests.support import packages
from tests.support.house import NOON, House

SEAL = summary.Seal("c" * 64, 7, "d" * 64, "0123")


def text_of(raw: bytes) -> str:
    pages = PdfReader(io.BytesIO(raw)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def printed(house: House, campaign_id: int) -> bytes:
    with house.db.reading() as session:
        campaign = house.campaign(campaign_id)
        return summary.pdf(session, campaign, SEAL, house.settings.zone, now=NOON)


class TestThePages:
    def test_they_tell_the_whole_review(self, package: Path) -> None:
        raw = packages.files(package)["summary.pdf"]
        text = text_of(raw)
        for expected in (
            "Autumn",
            "State: signed off",
            "main 23 Nov 2026, 13:00 CET 7 6 0 0 1 9",
            "Together 7 6 0 0 1 9",
            "9 3 1 1 4 0 0",
            "2 of 2 wanted changes were carried out and verified",
            "4 accesses stay although no person wanted to keep them",
            "Nobody answered. Kept by policy",
            "Alice Archer, alice@house.example",
            "+ Seen & agreed by the board.",
            "by olga@house.example, over the totals above",
            "1 of",
        ):
            assert expected in text
        assert len(PdfReader(io.BytesIO(raw)).pages) <= 3

    def test_they_are_tied_to_the_package(self, package: Path) -> None:
        _, said = packages.judged(package)
        text = text_of(packages.files(package)["summary.pdf"]).replace(" ", "")
        contents = next(line for line in said.splitlines() if line.startswith("Contents: "))
        assert contents.partition(": ")[2] in text
        trail = next(line for line in said.splitlines() if line.startswith("Trail up to"))
        assert trail.replace(" ", "") in text

    def test_they_name_the_key(self, package: Path, key: Any) -> None:
        text = text_of(packages.files(package)["summary.pdf"]).replace(" ", "")
        assert fingerprint(key.public_key().public_bytes_raw()).replace(" ", "") in text

    def test_the_same_state_gives_the_same_bytes(self, house: House) -> None:
        campaign = played(house)
        assert printed(house, campaign) == printed(house, campaign)

    def test_a_review_that_still_runs_has_one_too(self, house: House) -> None:
        text = text_of(printed(house, house.launched()))
        assert "Not signed off." in text
        assert "9 0 0 0 0 0 9" in text

    def test_names_are_texts_and_nothing_else(self, house: House) -> None:
        campaign = house.launched(name='<img src="http://x/"> {{ 7*7 }} <script>')
        assert '<img src="http://x/"> {{ 7*7 }} <script>' in text_of(printed(house, campaign))

    def test_a_long_list_is_cut_and_says_so(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(summary, "MOST_EXCEPTIONS", 2)
        monkeypatch.setattr(summary, "MOST_REVIEWERS", 1)
        text = text_of(printed(house, played(house)))
        assert "and 2 more, listed in annex/items.csv" in text
        assert "more reviewers" in text


class TestTimes:
    def test_they_run_from_the_decision_to_the_second_look(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        with house.later(hours=5):
            house.finish("alice")
            house.carry_out()
        with house.db.reading() as session:
            took = summary.durations(session, campaign)
        assert took == summary.Duration(1, *[timedelta(hours=5)] * 3)
        assert "median 5 hours, 95th percentile 5 hours" in text_of(printed(house, campaign))

    def test_the_percentile_is_the_nearest_rank(self) -> None:
        took = durations.summed(range(1, 101))
        assert took
        seconds = (took.median, took.percentile_95, took.longest)
        assert [each.total_seconds() for each in seconds] == [50.5, 95, 100]
        assert durations.summed([]) is None

    @pytest.mark.parametrize(
        ("gap", "words"),
        [
            (timedelta(seconds=5), "less than a minute"),
            (timedelta(minutes=1), "1 minute"),
            (timedelta(hours=26), "1 day 2 hours"),
            (timedelta(days=3, minutes=4), "3 days 4 minutes"),
        ],
    )
    def test_they_are_told_in_words(self, gap: timedelta, words: str) -> None:
        assert durations.lasted(gap) == words


class _Listening(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _Listening.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class TestTheFetcher:
    def test_nothing_is_asked_of_the_network(self, listener: str) -> None:
        html = (
            f'<link rel="stylesheet" href="{listener}/a.css"><img src="{listener}/b.png">'
            f"<style>@import url({listener}/c.css);"
            f"@font-face {{ font-family: x; src: url({listener}/d.woff) }}"
            f"body {{ background: url({listener}/e.png); font-family: x }}</style>"
            f'<object data="{listener}/f.svg"></object><link rel="attachment" href="{listener}/g">x'
        )
        assert text_of(summary.printed(html)) == "x"
        assert _Listening.asked == []

    def test_no_file_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "secret.svg").write_text(
            '<svg xmlns="http://www.w3.org/2000/svg"><text y="20">secret</text></svg>'
        )
        (tmp_path / "key").write_text("secret")
        here = f"file://{tmp_path}"
        html = f'<img src="{here}/secret.svg"><link rel="attachment" href="{here}/key">x'
        raw = summary.printed(html)
        assert text_of(raw) == "x"
        assert not PdfReader(io.BytesIO(raw)).attachments

    @pytest.mark.parametrize("url", ["http://a/", "file:///etc/passwd", "data:,x", "ftp://a/b"])
    def test_it_refuses_whatever_it_is_asked_for(self, url: str) -> None:
        for ask in (pdf.Refusing(), pdf.Refusing().fetch, pdf.Refusing().open):
            with pytest.raises((ValueError, URLFetchingError)):
                ask(url)
