"""The auditor's own pages: samples, remarks, verdicts, and what nobody certified."""

import csv
import io
from datetime import timedelta

import pytest
from flask import Flask

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence.audit import findings
from tests.evidence.conftest import played
from tests.support.browser import Visitor, visible
from tests.support.house import ACCOUNTS, House


class TestSamples:
    def test_one_is_drawn_shown_and_listed(self, house: House, auditor: Visitor) -> None:
        campaign = house.launched()
        page = f"/audit/campaigns/{campaign}"
        assert "Draw a sample" in visible(auditor.get(page))
        where = auditor.post(f"{page}/samples", size=3, seed="mine")
        text = visible(auditor.get(where))
        assert "Seed mine" in text
        assert text.count("Item ") >= 3
        assert "mine" in visible(auditor.get(page))

    def test_a_strange_size_is_explained(self, house: House, auditor: Visitor) -> None:
        page = f"/audit/campaigns/{house.launched()}"
        auditor.get(page)
        assert "Enter 1 to 1000." in visible(auditor.post(f"{page}/samples", 422, size=0))
        auditor.get(f"{page}/samples/99", 404)

    def test_a_sample_of_another_review_is_not_there(self, house: House, auditor: Visitor) -> None:
        first, second = house.launched("First"), house.launched("Second")
        auditor.get(f"/audit/campaigns/{first}")
        where = auditor.post(f"/audit/campaigns/{first}/samples", size=3)
        auditor.get(where.replace(f"/{first}/", f"/{second}/"), 404)


class TestRemarksAndVerdicts:
    def test_they_stand_on_the_page_of_the_review(self, house: House, auditor: Visitor) -> None:
        campaign = played(house)
        page, item = f"/audit/campaigns/{campaign}", house.item("pia", "/finance/inbox").id
        auditor.get(page)
        auditor.post(f"{page}/remarks", text="<b>Why so late?</b>", item=item)
        auditor.post(f"{page}/verdict", judgement="rejected", reason="Four are missing")
        auditor.post(f"{page}/verdict", judgement="accepted", reason="")
        text = visible(auditor.get(page))
        assert "<b>Why so late?</b>" in text
        assert f"item {item}" in text
        assert "Accepted by aud@house.example" in text
        assert "rejected by aud@house.example" in text

    def test_a_reject_without_a_reason_is_refused(self, house: House, auditor: Visitor) -> None:
        page = f"/audit/campaigns/{played(house)}"
        auditor.get(page)
        text = auditor.post(f"{page}/verdict", 422, judgement="rejected")
        assert "Say why you reject it." in visible(text)

    def test_there_is_no_verdict_before_the_sign_off(self, house: House, auditor: Visitor) -> None:
        page = f"/audit/campaigns/{house.launched()}"
        assert "Accept or reject" not in visible(auditor.get(page))
        auditor.post(f"{page}/verdict", 409, judgement="accepted")

    def test_the_officer_reads_them_and_writes_none(self, house: House, officer: Visitor) -> None:
        page = f"/audit/campaigns/{played(house)}"
        assert "Draw a sample" not in visible(officer.get(page))
        for what in ("samples", "remarks", "verdict"):
            officer.post(f"{page}/{what}", 404, size=3, text="x", judgement="accepted")
        with house.db.reading() as session:
            assert findings.findings(session, 1) == findings.Findings([], [], [])


class TestTheFigures:
    def test_they_stand_beside_the_statement(
        self, house: House, auditor: Visitor, officer: Visitor
    ) -> None:
        campaign = played(house)
        for visitor, page in ((auditor, "/audit"), (officer, "")):
            text = visible(visitor.get(f"{page}/campaigns/{campaign}"))
            assert "Signed totals: 9 questions; 3 kept, 1 reduced, 1 removed" in text
            assert "4 exceptions; 2 changes verified" in text


class TestWhatNobodyCertified:
    def test_it_is_asked_by_date_days_and_server(
        self, house: House, app: Flask, auditor: Visitor
    ) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.KEEP))
        house.finish("alice")
        text = visible(auditor.get("/audit/uncertified"))
        assert "Pia Partner" not in text
        assert "seller main /sales" in text
        with house.later(days=50) as at:
            day = (at - timedelta(days=1)).date().isoformat()
            asked = f"/audit/uncertified?days=20&at={day}&server={house.server_id}"
            again = Visitor(app).sign_in(house.auditor)
            assert "Pia Partner" in visible(again.get(asked))

    def test_a_server_that_was_not_seen_yet_is_named(self, house: House, auditor: Visitor) -> None:
        house.snapshot()
        text = visible(auditor.get("/audit/uncertified?at=2020-01-01"))
        assert "no data for: main" in text

    @pytest.mark.parametrize("query", ["days=x", "days=0", "days=9999", "at=never", "server=99"])
    def test_a_strange_question_is_explained(self, auditor: Visitor, query: str) -> None:
        auditor.get(f"/audit/uncertified?{query}", 422)
        auditor.get(f"/audit/uncertified/csv?{query}", 422)

    def test_the_file_has_all_of_it_and_no_formula(
        self, house: House, app: Flask, auditor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        many = {f"=cmd{n}": {"folders": {"/sales": "list"}} for n in range(30)}
        house.write_permissions({**ACCOUNTS, **many})
        house.snapshot()
        monkeypatch.setattr("recert.web.auditor.uncertified.CHUNK", 100)
        monkeypatch.setattr("recert.evidence.audit.uncertified.BATCH", 7)
        answer = auditor.client.get("/audit/uncertified/csv?days=30")
        assert answer.mimetype == "text/csv"
        assert "not-certified-2026-11-23-30-days.csv" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))
        assert len(rows) == 39
        assert sum(row["account"].startswith("'=cmd") for row in rows) == 30
        assert rows[0]["certified_last"] == ""

    def test_more_than_a_page_is_walked(
        self, house: House, auditor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.snapshot()
        monkeypatch.setattr("recert.evidence.audit.uncertified.page.__defaults__", (None, 4))
        html = auditor.get("/audit/uncertified")
        assert html.count("<tr>") == 5
        assert "after=" in html
