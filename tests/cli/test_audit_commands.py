"""The auditor's commands."""

import json

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.foundation.actor import Role
from tests.cli.conftest import Type, closed
from tests.evidence.conftest import played
from tests.support.house import House, staff


class TestSamplesRemarksVerdicts:
    def test_from_the_sample_to_the_verdict(self, house: House, recert: Type) -> None:
        item = (played(house), house.item("pia", "/finance/inbox").id)[1]
        lines = recert("audit sample Autumn --size 3 --seed s --json").splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row["seed"] for row in rows] == ["s", "s", "s"]
        again = recert("audit sample 1 --size 3 --seed s")
        assert "Seed s" in again
        assert all(str(row["item"]) in again for row in rows)
        assert "Noted." in recert(f"audit remark Autumn 'Fine so far.' --item {item}")
        house.user(house.auditor)
        by_aud = "--as aud@house.example audit"
        assert "Autumn is rejected." in recert(f"{by_aud} reject Autumn --reason 'Too few answers'")
        assert "Autumn is accepted." in recert(f"{by_aud} accept Autumn")
        assert house.trail_actions()[-1] == "audit.judged"

    def test_rejecting_without_a_reason_is_wrong_usage(self, house: House, recert: Type) -> None:
        assert "Missing option '--reason'" in recert("audit reject Autumn", 3)

    def test_it_waits_for_the_sign_off(self, house: House, recert: Type) -> None:
        house.launched()
        house.user(house.auditor)
        line = "--as aud@house.example audit accept Autumn"
        assert "Refused: Only a campaign that is signed off" in recert(line, 4)

    def test_whoever_launched_by_command_does_not_accept_by_command(
        self, house: House, recert: Type
    ) -> None:
        house.user(staff("ada@house.example", *Role))
        recert("snapshot main")
        recert("--as ada@house.example campaign launch Winter --due 2026-12-20")
        closed(house, recert)
        recert("--as olga@house.example campaign sign-off Winter --statement 'Seen.'")
        assert "You drafted the campaign" in recert("--as ada@house.example audit accept Winter", 4)
        assert "Say who you are" in recert("audit accept Winter", 4)


class TestWhatNobodyCertified:
    def test_it_is_listed_and_is_a_finding(self, house: House, recert: Type) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.KEEP))
        house.finish("alice")
        rows = [json.loads(s) for s in recert("audit uncertified --days 30 --json", 2).splitlines()]
        assert len(rows) == 8
        assert rows[0]["certified_last"] is None
        text = recert("audit uncertified --days 30 --server main", 2)
        assert "main  /sales  seller  " in text
        assert "pia" not in text

    def test_a_date_without_a_snapshot_is_told(self, house: House, recert: Type) -> None:
        house.snapshot()
        text = recert("audit uncertified --days 30 --at 2020-01-01")
        assert "main: no complete snapshot until then." in text
        assert "is not a date" in recert("audit uncertified --days 30 --at soon", 1)

    def test_help_is_there(self, recert: Type) -> None:
        for line in ("", "sample", "remark", "accept", "reject", "uncertified"):
            assert "Usage:" in recert(f"audit {line} --help")


class TestKeeping:
    def test_hold_keep_and_release(self, house: House, recert: Type) -> None:
        house.launched()
        assert "is under a legal hold" in recert("audit hold Autumn --reason 'Case 12'")
        assert "already" in recert("audit hold Autumn --reason 'Case 12'", 4)
        assert "kept for 9 years" in recert("audit keep Autumn --years 9")
        assert "can grow but not shrink" in recert("audit keep Autumn --years 2", 4)
        assert "is lifted" in recert("audit release-hold Autumn --reason 'Closed'")
