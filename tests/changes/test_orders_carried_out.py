"""Orders on the embedded server: what is written, what is not, and what is said about it."""

import json

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from recert.changes.models import OrderState
from recert.connectors.rights import Rights
from recert.foundation import failpoints
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.support.house import ACCOUNTS, House

REVOKE = Reply(Answer.REVOKE)
INBOX = "/finance/inbox"


class TestAWrittenChange:
    def test_a_direct_entry_is_taken_away_and_nothing_else(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        before = json.loads(house.permissions.read_text())
        assert house.run().state is OrderState.VERIFIED
        after = json.loads(house.permissions.read_text())
        assert before["accounts"].pop("pia") != after["accounts"].pop("pia")
        assert before == after

    def test_access_given_by_a_group_is_taken_from_one_member_only(self, house: House) -> None:
        house.ordered("bob", "/finance", REVOKE)
        assert house.run().state is OrderState.VERIFIED
        assert house.entries("bob")["/finance"] == ""
        assert house.entries("lea") == {}

    def test_folders_below_keep_what_they_had(self, house: House) -> None:
        house.ordered("bob", "/finance", REVOKE)
        house.run()
        assert house.entries("bob")[INBOX] == "list download upload"

    def test_a_reduction_leaves_what_remains(self, house: House) -> None:
        house.ordered("batch", INBOX, Reply(Answer.REDUCE, Rights.LIST | Rights.DOWNLOAD))
        order = house.run()
        assert (order.state, order.rights_found) == (OrderState.VERIFIED, 3)
        assert house.entries("batch") == {INBOX: "list download"}

    def test_the_root_folder_is_a_folder_like_any(self, house: House) -> None:
        house.write_permissions({**ACCOUNTS, "root": {"folders": {"/": "list download"}}})
        with house.db.transaction() as session:
            mona = house.person("mona").person_id
            session.get_one(Server, house.server_id).owner_id = mona
        house.ordered("root", "/", REVOKE, by="mona")
        assert house.run().state is OrderState.VERIFIED
        assert house.entries("root")["/finance"] == "list download"
        assert "/" not in house.entries("root")

    def test_the_item_says_how_it_ended(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.VERIFIED
        assert "Looked again" in house.item("pia", INBOX).outcome


class TestSomebodyElseWasThere:
    def test_access_that_is_gone_already_is_verified_without_writing(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.give("pia", INBOX)
        before = house.permissions.read_bytes()
        order = house.run()
        assert (order.state, order.plan) == (OrderState.VERIFIED, None)
        assert house.permissions.read_bytes() == before

    def test_an_account_that_is_gone_has_no_access(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.give("pia")
        assert house.run().state is OrderState.VERIFIED

    def test_a_boundary_that_vanished_is_judged_by_the_folder_above(self, house: House) -> None:
        house.ordered("bob", INBOX, REVOKE)
        house.give("pia", INBOX)
        house.give("batch", INBOX)
        assert house.run().state is OrderState.VERIFIED
        assert house.entries("bob") == {INBOX: ""}

    def test_other_rights_than_the_decision_was_about_are_a_conflict(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.give("pia", INBOX, "list upload delete")
        before = house.permissions.read_bytes()
        order = house.run()
        assert order.state is OrderState.CONFLICT
        assert "list, upload, delete" in order.explanation
        assert house.permissions.read_bytes() == before

    def test_an_edit_between_plan_and_apply_is_never_overwritten(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        with failpoints.armed("plan written", lambda: house.give("pia", "/sales", "list")):
            order = house.run()
        assert order.state is OrderState.CONFLICT
        assert house.entries("pia") == {INBOX: "list upload", "/sales": "list"}

    def test_an_edit_of_another_account_is_kept(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        with failpoints.armed("plan written", lambda: house.give("batch", "/sales", "list")):
            assert house.run().state is OrderState.VERIFIED
        assert house.entries("batch")["/sales"] == "list"

    def test_access_that_was_given_back_is_reported_as_still_there(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        with failpoints.armed("before verify", lambda: house.give("pia", INBOX, "list")):
            house.carry_out()
        assert house.orders()[-1].state is OrderState.STILL_REACHABLE
        assert "still list, via own entry at /finance/inbox" in house.orders()[-1].explanation
        assert house.item("pia", INBOX).state is ItemState.STILL_REACHABLE


class TestWritingSwitchedOff:
    def switch(self, house: House, on: bool) -> None:
        with house.db.transaction() as session:
            server = session.get_one(Server, house.server_id)
            inventory.enable_writes(Act(session, house.admin, house.now), server, on)

    def test_the_order_waits_with_its_plan_shown(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        self.switch(house, on=False)
        before = house.permissions.read_bytes()
        order = house.run()
        assert order.state is OrderState.WAITING
        assert order.plan
        assert "list upload" in order.plan["diff"]
        assert house.permissions.read_bytes() == before
        assert house.run().state is OrderState.WAITING

    def test_it_is_carried_out_as_soon_as_somebody_switches_writing_on(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        self.switch(house, on=False)
        house.run()
        self.switch(house, on=True)
        assert house.run().state is OrderState.VERIFIED

    def test_what_another_did_meanwhile_cannot_be_undone_by_us(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        self.switch(house, on=False)
        house.run()
        house.give("pia", INBOX)
        self.switch(house, on=True)
        assert (house.run().state, house.run().plan) == (OrderState.VERIFIED, None)


class TestAServerInTrouble:
    def test_a_server_that_is_down_loses_nothing(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        away = house.permissions.rename(house.folder / "away")
        assert house.run().state is OrderState.RETRY
        away.rename(house.permissions)
        assert house.run().state is OrderState.RETRY  # its time has not come
        with house.later(minutes=1):
            assert house.run().state is OrderState.VERIFIED

    def test_after_three_misses_it_is_asked_every_five_minutes_for_ever(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        away, waits = house.permissions.rename(house.folder / "away"), []
        hours = 0.0
        for _ in range(8):
            with house.later(hours=hours) as at:
                waits.append((house.run().next_at - at).total_seconds())
            hours += 1
        assert all(wait <= 60 for wait in waits[:3])
        assert waits[3:] == [300] * 5
        away.rename(house.permissions)
        with house.later(days=40):
            order = house.run()
        assert (order.state, order.tries) == (OrderState.VERIFIED, 1)

    def test_a_broken_permission_file_blocks_and_stays_as_it_is(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        house.permissions.write_text('{"version": 1')
        assert house.run().state is OrderState.BLOCKED
        assert house.permissions.read_text() == '{"version": 1'

    def test_a_change_that_cannot_be_checked_now_is_checked_later(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        away = house.folder / "away"
        with failpoints.armed("before verify", lambda: house.permissions.rename(away)):
            order = house.run()
        assert order.state is OrderState.APPLIED
        assert "Not checked yet" in order.explanation
        away.rename(house.permissions)
        with house.later(minutes=6):
            assert house.run().state is OrderState.VERIFIED

    def test_another_server_does_not_wait_for_it(self, house: House) -> None:
        house.ordered("pia", INBOX, REVOKE)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("recert.changes.execution.look", _explode)
            order = house.run()
        assert order.state is OrderState.NEEDS_ATTENTION
        assert "ZeroDivisionError" in order.explanation


def _explode(*_details: object) -> None:
    raise ZeroDivisionError("a fault of ours")
