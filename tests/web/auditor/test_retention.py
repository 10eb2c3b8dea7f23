"""Retention and legal hold on the audit page."""

from tests.support.browser import Visitor, visible
from tests.support.house import House


class TestKeeping:
    def test_it_is_kept_longer_never_shorter(self, house: House, auditor: Visitor) -> None:
        path = f"/audit/campaigns/{house.launched()}"
        auditor.get(path)
        auditor.post(f"{path}/keep", years="10")
        assert "10 years after the review ends" in visible(auditor.get(path))
        assert "10 years" in visible(auditor.post(f"{path}/keep", 409, years="9"))
        assert "Use 1 to 100." in visible(auditor.post(f"{path}/keep", 422, years="900"))

    def test_a_hold_is_laid_and_lifted(self, house: House, officer: Visitor) -> None:
        path = f"/audit/campaigns/{house.launched()}"
        officer.get(path)
        officer.post(f"{path}/hold", reason="Case 12.")
        page = officer.get(path)
        assert "Legal hold since" in visible(page)
        assert "Lift the legal hold" in visible(page)
        officer.post(f"{path}/hold", 409, reason="Again.")
        assert "Give a reason." in visible(officer.post(f"{path}/release-hold", 422, reason=" "))
        officer.post(f"{path}/release-hold", reason="Case closed.")
        assert "Place a legal hold" in visible(officer.get(path))
        assert house.trail_actions()[-2:] == ["hold.laid", "hold.lifted"]

    def test_reviewers_and_administrators_may_not(self, house: House, admin: Visitor) -> None:
        path = f"/audit/campaigns/{house.launched()}"
        admin.get("/servers")
        for act in ("keep", "hold", "release-hold"):
            admin.post(f"{path}/{act}", 404, years="10", reason="So.")
