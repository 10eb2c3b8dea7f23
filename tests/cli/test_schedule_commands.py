"""Schedules on the command line."""

import json

from recert.campaigns.schedule import runner
from tests.cli.conftest import Type
from tests.support.house import House

ADD = "schedule add Access --rhythm monthly --first 2026-11-30 --zone Europe/Berlin"


class TestSchedules:
    def test_added_listed_and_switched_off(self, house: House, recert: Type) -> None:
        assert "2026-11-30 07:00, 2026-12-30 07:00" in recert(f"{ADD} --silence high=revoke")
        row = json.loads(recert("schedule list --json"))
        assert (row["name"], row["active"], row["next"]) == ("Access", True, "2026-11-30 07:00")
        assert "monthly" in recert("schedule list")
        assert "is switched off" in recert("schedule off Access")
        assert json.loads(recert("schedule list --json"))["active"] is False
        assert "no schedule of this name" in recert("schedule off Access", 1)

    def test_the_calendar_exits_with_2_when_something_was_missed(
        self, house: House, recert: Type
    ) -> None:
        recert(ADD)
        assert "planned" in recert("schedule calendar")
        with house.later(days=7):
            runner.launch_due(house.db, now=house.now)
            told = recert("schedule calendar --json", 2).splitlines()
            assert json.loads(told[0])["state"] == "waiting"
            assert "main has no complete snapshot" in recert("schedule calendar", 2)

    def test_nonsense_is_named(self, recert: Type) -> None:
        assert "like 2027-01-31 08:00" in recert(f"{ADD} --at noon", 1)
        assert "Not understood" in recert("schedule add Access --rhythm x --first 2026-12-01", 1)
        assert "lies in the past" in recert(
            "schedule add Old --rhythm monthly --first 2020-01-01", 1
        )

    def test_help_is_there(self, recert: Type) -> None:
        for line in ("schedule", "schedule add", "schedule calendar"):
            assert "Usage:" in recert(f"{line} --help")
