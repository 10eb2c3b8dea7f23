"""The auditor's pages: everything to read, nothing to write."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text, update
from werkzeug.test import EnvironBuilder

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence import verifier
from recert.foundation import clock
from recert.foundation.errors import NotAllowed
from recert.foundation.jobs.registration import JobContext
from recert.trail import checks
from recert.trail.act import Act
from recert.trail.models import TrailCheck
from tests.support.browser import Visitor, visible
from tests.support.house import House


class TestReading:
    def test_a_review_adds_up(self, house: House, auditor: Visitor) -> None:
        campaign_id = house.launched()
        text = visible(auditor.get(f"/audit/campaigns/{campaign_id}"))
        assert "main 1, 23 Nov 2026, 13:00 CET file permissions.json 7 6 0 0 1 9" in text

    def test_an_item_tells_its_whole_story(self, house: House, auditor: Visitor) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.KEEP, reason="Needed"))
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE, reason="Contract over"))
        house.finish("alice")
        house.carry_out()
        item = house.item("pia", "/finance/inbox")
        text = visible(auditor.get(f"/audit/items/{item.id}"))
        for expected in ("Needed", "Contract over", "signed in", "Looked again", "reviewer: Alice"):
            assert expected in text

    def test_the_trail_is_shown(self, house: House, auditor: Visitor) -> None:
        house.launched()
        assert "campaign.launched" in visible(auditor.get("/audit/trail"))

    def test_items_are_filtered_by_state(self, house: House, auditor: Visitor) -> None:
        campaign_id = house.launched()
        assert "pia" in visible(auditor.get(f"/campaigns/{campaign_id}/items?state=open"))
        page = auditor.get(f"/campaigns/{campaign_id}/items?state=verified")
        assert "No matching items." in visible(page)


class TestCheckingTheTrail:
    PAGE = "/audit/trail"

    @pytest.fixture
    def job_context(self, house: House) -> JobContext:
        return house.app().extensions["recert.job_context"]  # type: ignore[no-any-return]

    def ask(self, auditor: Visitor) -> str:
        auditor.get(self.PAGE)
        auditor.post(f"{self.PAGE}/verify")
        return visible(auditor.get(self.PAGE))

    def let_work(self, job_context: JobContext) -> None:
        assert checks.check_trail(job_context) == 1
        assert job_context.servers.wait(30)

    def test_the_worker_checks_it_and_the_page_shows_up_to_where(
        self, house: House, auditor: Visitor, job_context: JobContext
    ) -> None:
        house.launched()
        last = len(house.trail_actions())
        assert "Verify the whole chain" in visible(auditor.get(self.PAGE))
        page = self.ask(auditor)
        assert "Verification is queued" in page
        assert "Verify the whole chain" not in page
        self.let_work(job_context)
        page = visible(auditor.get(self.PAGE))
        assert f"The audit trail is intact up to entry {last}. " in page
        assert "Verify the whole chain" in page
        assert len(house.trail_actions()) == last
        assert checks.check_trail(job_context) == 0

    def test_a_broken_trail_is_said_and_the_old_result_stays_until_the_next(
        self, house: House, auditor: Visitor, job_context: JobContext
    ) -> None:
        house.launched()
        self.ask(auditor)
        self.let_work(job_context)
        with house.db.transaction() as session:
            session.execute(text("UPDATE trail_head SET seq = seq + 1"))
        page = self.ask(auditor)
        assert "The audit trail is intact" in page
        self.let_work(job_context)
        page = visible(auditor.get(self.PAGE))
        assert "The audit trail is BROKEN at entry " in page
        assert "the last entries are missing" in page

    def test_no_request_walks_the_trail(
        self, auditor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def walked(*_details: object) -> None:
            raise AssertionError("a request walked the trail")

        monkeypatch.setattr(checks, "verify", walked)
        assert "Verification is queued" in self.ask(auditor)

    def test_a_reviewer_may_not_ask(self, house: House) -> None:
        with house.db.transaction() as session, pytest.raises(NotAllowed):
            checks.want(Act(session, house.person("alice"), house.now))

    def test_asking_twice_is_asking_once_and_a_dead_worker_is_followed(
        self, house: House, auditor: Visitor
    ) -> None:
        self.ask(auditor)
        first = self.check(house)
        with house.db.transaction() as session:
            checks.want(Act(session, house.auditor, clock.now()))
        assert self.check(house).asked_at == first.asked_at
        with house.db.transaction() as session:
            session.execute(update(TrailCheck).values(begun_at=house.now))
        with house.db.reading() as session:
            soon, later = house.now + timedelta(minutes=59), house.now + timedelta(minutes=61)
            assert not checks.is_wanted(session, now=soon)
            assert checks.is_wanted(session, now=later)

    def check(self, house: House) -> TrailCheck:
        with house.db.reading() as session:
            found = checks.newest(session)
        assert found
        return found


class TestEvidence:
    def test_nothing_stays_behind_when_the_reader_hangs_up(
        self,
        house: House,
        app: Flask,
        auditor: Visitor,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "rest"))
        (tmp_path / "rest").mkdir()
        campaign_id = house.launched()
        auditor.get(f"/audit/campaigns/{campaign_id}")
        cookie = auditor.client.get_cookie("recert")
        assert cookie
        request = EnvironBuilder(
            f"/audit/campaigns/{campaign_id}/evidence",
            method="POST",
            data={"csrf_token": auditor.token},
            headers={"Cookie": f"recert={cookie.value}"},
        )
        said: list[str] = []
        answer: Any = app.wsgi_app(request.get_environ(), lambda code, *_: said.append(code))
        answer.close()  # before the first byte was read
        assert said == ["200 OK"]
        assert list((tmp_path / "rest").iterdir()) == []

    def test_the_download_is_genuine(self, house: House, auditor: Visitor, tmp_path: Path) -> None:
        campaign_id = house.launched()
        auditor.get(f"/audit/campaigns/{campaign_id}")
        answer = auditor.client.post(
            f"/audit/campaigns/{campaign_id}/evidence", data={"csrf_token": auditor.token}
        )
        assert answer.mimetype == "application/zip"
        path = tmp_path / "evidence.zip"
        path.write_bytes(answer.get_data())
        assert any("Items: 9" in line for line in verifier.check(str(path)))
        assert house.trail_actions()[-2:] == ["evidence.exported", "evidence.sealed"]
