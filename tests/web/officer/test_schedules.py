"""The pages of scheduled reviews."""

from datetime import UTC, datetime

from recert.campaigns.schedule import runner
from recert.foundation import clock
from tests.support.browser import Visitor, visible
from tests.support.house import House

PATH = "/campaigns/schedules"
FIELDS = {
    "name": "Access",
    "rhythm": "quarterly",
    "first_day": "2026-12-31",
    "at": "08:00",
    "zone": "Europe/Berlin",
    "days": "14",
    "folder": "/",
}


def add(house: House, officer: Visitor, code: int = 302, **more: str) -> str:
    officer.get(f"{PATH}/new")
    return officer.post(f"{PATH}/new", code, **{**FIELDS, **more}, servers=house.server_id)


class TestTheForm:
    def test_it_opens_with_what_is_usual(self, house: House, officer: Visitor) -> None:
        page = officer.get(f"{PATH}/new")
        assert 'value="Europe/Berlin"' in page
        assert 'value="quarterly"' in page

    def test_a_schedule_is_added_and_shown_with_its_days(
        self, house: House, officer: Visitor
    ) -> None:
        assert add(house, officer) == PATH
        page = visible(officer.get(PATH))
        assert "quarterly, from 2026-12-31 on, 08:00 Europe/Berlin" in page
        assert "planned" in page

    def test_what_cannot_be_is_named_and_kept(self, house: House, officer: Visitor) -> None:
        page = add(house, officer, 422, rhythm="often")
        assert "Not understood: 'often'" in visible(page)
        assert 'value="often"' in page
        assert "Use 1 to 366 days." in visible(add(house, officer, 422, days="0"))
        past = add(house, officer, 422, first_day="2026-01-01")
        assert "The first review lies in the past." in visible(past)
        assert "Mars" in visible(add(house, officer, 422, zone="Mars/Olympus"))

    def test_a_name_that_is_on_is_refused(self, house: House, officer: Visitor) -> None:
        add(house, officer)
        assert "Switch it off before" in visible(add(house, officer, 409))


class TestTheCalendar:
    def test_a_finding_is_told_on_top(
        self, house: House, officer: Visitor, auditor: Visitor
    ) -> None:
        add(house, officer, first_day="2026-11-24", rhythm="monthly")
        with clock.frozen(datetime(2026, 11, 24, 7, tzinfo=UTC)):
            runner.launch_due(house.db, now=clock.now())
            auditor.sign_in(house.auditor)
            page = visible(auditor.get(PATH))
        assert "1 scheduled review did not start as planned" in page
        assert "main has no complete snapshot" in page
        assert "New schedule" not in page

    def test_a_launched_one_leads_to_its_board(self, house: House, officer: Visitor) -> None:
        add(house, officer, first_day="2026-11-24", rhythm="monthly")
        with clock.frozen(datetime(2026, 11, 24, 7, tzinfo=UTC)):
            house.snapshot()
            runner.launch_due(house.db, now=clock.now())
            officer.sign_in(house.officer)
            page = officer.get(PATH)
        assert "Access 2026-11" in visible(page)
        assert 'href="/campaigns/1"' in page


class TestSwitchingOff:
    def test_the_button_does_it_once(self, house: House, officer: Visitor) -> None:
        add(house, officer)
        officer.get(PATH)
        officer.post(f"{PATH}/1/off")
        assert "switched off" in visible(officer.get(PATH))
        officer.post(f"{PATH}/1/off", 404)
        officer.post(f"{PATH}/9/off", 404)
