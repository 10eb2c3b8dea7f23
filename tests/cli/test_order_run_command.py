"""`recert order run`: what it would do, and what keeps it from a server."""

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes import requests, rules
from recert.changes.models import OrderState, ServerLease
from recert.connectors.changes import JoinGroup
from recert.connectors.rights import Rights
from recert.foundation import clock
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.cli.conftest import Type
from tests.support.house import House

INBOX = "/finance/inbox"
REVOKE = Reply(Answer.REVOKE)


def decided(house: House) -> None:
    """Two final decisions, no order yet."""
    house.launched()
    house.decide("pia", INBOX, REVOKE)
    house.decide("batch", INBOX, Reply(Answer.REDUCE, Rights.LIST))
    house.finish("alice")


class TestADryRun:
    def test_it_plans_the_orders_that_a_run_would_write_first(
        self, house: House, recert: Type
    ) -> None:
        decided(house)
        before, entries = house.permissions.read_bytes(), house.trail_actions()
        said = recert("order run --dry-run", 2)
        assert f"# new order on main: revoke pia in {INBOX}" in said
        assert f"# new order on main: reduce batch in {INBOX}" in said
        assert f'-  "{INBOX}": "list upload"' in said
        assert "2 new orders, 2 plans. Nothing was changed." in said
        assert (house.permissions.read_bytes(), house.trail_actions()) == (before, entries)
        assert house.orders() == []

    def test_it_says_what_a_change_would_open(self, house: House, recert: Type) -> None:
        house.snapshot()
        with house.db.transaction() as session:
            act = Act(session, house.admin, clock.now())
            server = session.get_one(Server, house.server_id)
            joins = JoinGroup("seller", "finance")
            made = requests.request(act, "test:1", server, joins, reason="Asked for by a test.")
            number = made.id
        said = recert("order run --dry-run", 2)
        assert "+ would open /finance to seller" in said
        house.run()
        said = recert(f"order show {number}", 0)
        assert "+ opens: seller in /finance: no access -> list, download" in said

    def test_the_run_after_it_does_exactly_that(self, house: House, recert: Type) -> None:
        decided(house)
        recert("order run --dry-run", 2)
        assert "2 new orders, 2 moved." in recert("order run")
        assert {order.state for order in house.orders()} == {OrderState.VERIFIED}
        assert "0 new orders, 0 plans" in recert("order run --dry-run")

    def test_it_tells_what_a_run_would_not_write(self, house: House, recert: Type) -> None:
        decided(house)
        house.give("pia", INBOX, "list")
        house.give("batch", INBOX)
        said = recert("order run --dry-run", 2)
        assert "Conflict: the account now has list" in said
        assert "Already so on the server: nothing would be written." in said

    def test_it_tells_that_writing_is_switched_off(self, house: House, recert: Type) -> None:
        decided(house)
        with house.db.transaction() as session:
            server = session.get_one(Server, house.server_id)
            inventory.enable_writes(Act(session, house.admin, house.now), server, False)
        said = recert("order run --dry-run", 2)
        assert "It would wait: writing is switched off for this server." in said
        assert f'-  "{INBOX}": "list upload"' in said
        recert("order run", 2)  # now they wait, and whoever may switch it on still sees the plans
        said = recert("order run --dry-run", 2)
        assert f'-  "{INBOX}": "list upload"' in said

    def test_a_server_that_is_down_is_named_at_its_orders(self, house: House, recert: Type) -> None:
        decided(house)
        house.permissions.rename(house.folder / "away")
        said = recert("order run --dry-run", 2)
        assert said.count("It would become 'retry'") == 2


class TestAServerThatAnotherRunHolds:
    def test_it_is_named_with_since_when_and_until_when(self, house: House, recert: Type) -> None:
        """As after a run that was killed: nobody gives its lease back."""
        house.ordered("pia", INBOX, REVOKE)
        with house.db.transaction() as session:
            until = house.now + rules.LEASE
            values = {"fencing": 1, "since": house.now, "until": until}
            session.add(ServerLease(server_id=house.server_id, **values))
        said = recert("order run", 1)
        assert "0 moved." in said
        assert "Error: Another run holds this server. main, since 2026-11-23 12:00:00 UTC" in said
        assert "the hold ends at 2026-11-23 12:02:00 UTC" in said
        with house.later(minutes=3):
            assert "1 moved." in recert("order run")
