"""The auditor's pages: everything to read, nothing to write."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence import verifier
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
        for expected in ("Needed", "Contract over", "signed in", "Looked again", "asked of Alice"):
            assert expected in text

    def test_the_trail_is_walked_and_checked(self, house: House, auditor: Visitor) -> None:
        house.launched()
        assert "campaign.launched" in visible(auditor.get("/audit/trail"))
        auditor.post("/audit/trail/verify")
        assert "The trail is unbroken" in visible(auditor.get("/audit/trail"))

    def test_items_are_filtered_by_state(self, house: House, auditor: Visitor) -> None:
        campaign_id = house.launched()
        assert "pia" in visible(auditor.get(f"/campaigns/{campaign_id}/items?state=open"))
        page = auditor.get(f"/campaigns/{campaign_id}/items?state=verified")
        assert "There are no such items." in visible(page)


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
