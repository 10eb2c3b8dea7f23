"""The register of emergency accounts."""

import pytest

from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, MovedMeanwhile, NotAllowed
from recert.inventory import emergency_accounts
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.activity.test_logs import load, log, transfer
from tests.campaigns.triggers.test_micro_campaigns import look
from tests.cases.test_audit_criteria import excluded
from tests.support.house import House, staff


def mark(house: House, account: str, reason: str = "Outages.", **more: object) -> int:
    who = {"actor": house.admin, "now": house.now, **more}
    with house.db.transaction() as session:
        server = session.get_one(Server, house.server_id)
        return emergency_accounts.mark(Act(session, **who), server, account, reason).id


def end(house: House, number: int) -> None:
    with house.db.transaction() as session:
        emergency_accounts.end(Act(session, house.admin, house.now), number)


class TestTheRegister:
    def test_it_names_what_is_wrong(self, house: House) -> None:
        house.snapshot()
        with pytest.raises(BadInput, match="has no account 'nobody'"):
            mark(house, "nobody")
        with pytest.raises(BadInput, match="kept for"):
            mark(house, "batch", " ")
        number = mark(house, "batch")
        with pytest.raises(BadInput, match="already"):
            mark(house, "batch")
        end(house, number)
        with pytest.raises(MovedMeanwhile):
            end(house, number)
        with pytest.raises(emergency_accounts.NoSuchEmergencyAccount):
            end(house, 99)
        mark(house, "batch")  # again is another entry

    @pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR])
    def test_only_administrators_write_in_it(self, house: House, role: Role) -> None:
        house.snapshot()
        before = house.trail_actions()
        with pytest.raises(NotAllowed):
            mark(house, "batch", actor=staff("otto@house.example", role))
        assert house.trail_actions() == before

    def test_a_use_that_an_exclusion_hides_stands_in_the_trail(self, house: House) -> None:
        excluded(house)
        house.snapshot()
        look(house)
        mark(house, "batch")
        with house.later(hours=1):
            load(house, log(house.folder, (transfer("batch", "/finance/inbox/a"), house.now)))
            assert look(house) == 0
        assert house.trail_actions().count("emergency_account.used") == 1
