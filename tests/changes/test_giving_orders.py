"""Orders that open accounts, add members and grant rights: carried out, verified, undone."""

import json

import pytest

from recert.changes import plans, queries, requests
from recert.changes.models import Order, OrderKind, OrderState
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    SetRights,
)
from recert.connectors.rights import ADD, READ, Rights
from recert.foundation import clock, schema
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.support.house import ACCOUNTS, House

NINA = OpenAccount("nina", groups=("finance",), display_name="Nina", email="nina@house.example")


def requested(house: House, change: Change, origin: str = "") -> Order:
    """An order for the change, after its round."""
    with house.db.transaction() as session:
        act = Act(session, house.admin, clock.now())
        server = session.get_one(Server, house.server_id)
        name = origin or f"test:{len(house.orders()) + 1}"
        requests.request(act, name, server, change, reason="Asked for by a test.")
    return house.run()


@pytest.fixture
def read(house: House) -> House:
    house.snapshot()
    return house


class TestAnOrderThatGives:
    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            (JoinGroup("seller", "finance"), OrderKind.JOIN),
            (LeaveGroup("bob", "finance"), OrderKind.LEAVE),
            (NINA, OrderKind.OPEN),
            (OpenAccount("off", reopen=True), OrderKind.OPEN),
            (CloseAccount("pia"), OrderKind.CLOSE),
            (SetRights("seller", "/finance", READ), OrderKind.GRANT),
            (SetRights("seller", "/sales", READ), OrderKind.REDUCE),
            (SetRights("seller", "/sales", Rights.NONE), OrderKind.REVOKE),
        ],
    )
    def test_is_carried_out_verified_and_undone(self, read, change, kind):
        before = read.permissions.read_bytes()
        order = requested(read, change)
        assert (order.kind, order.state) == (kind, OrderState.VERIFIED)
        assert plans.change_of(order) == change
        assert read.permissions.read_bytes() != before
        back = read.take_back(order.id)
        assert read.run().id == back.id
        assert read.orders()[-1].state is OrderState.VERIFIED
        assert read.permissions.read_bytes() == before

    def test_asking_twice_is_asking_once(self, read):
        first = requested(read, NINA, "scim:1")
        assert requested(read, NINA, "scim:1").id == first.id
        assert len(read.orders()) == 1

    def test_the_trail_holds_who_asked_and_for_what(self, read):
        order = requested(read, NINA)
        assert order.account_id is None
        assert order.created_by == read.admin.name
        actions = read.trail_actions()
        assert actions[-3:] == ["order.written", "order.applied", "order.checked"]

    def test_a_member_of_an_account_that_is_just_being_opened(self, read):
        with read.db.transaction() as session:
            act = Act(session, read.admin, clock.now())
            server = session.get_one(Server, read.server_id)
            requests.request(act, "a", server, OpenAccount("nina"))
            requests.request(act, "b", server, JoinGroup("nina", "finance"))
        read.run()
        assert [order.state for order in read.orders()] == [OrderState.VERIFIED] * 2
        entry = json.loads(read.permissions.read_text())["accounts"]["nina"]
        assert entry["groups"] == ["finance"]

    def test_another_account_that_was_opened_later_keeps_nobody_from_an_undo(self, read):
        first = requested(read, NINA)
        requested(read, OpenAccount("otto"))
        assert read.take_back(first.id).kind is OrderKind.UNDO

    def test_the_plan_names_what_a_membership_opens(self, read):
        order = requested(read, JoinGroup("seller", "finance"))
        assert order.plan
        gains = {(gain["folder"], Rights(gain["after"])) for gain in order.plan["gains"]}
        assert gains == {("/finance", ADD), ("/finance/inbox", ADD)}


class TestAnOrderThatCannotBe:
    def test_an_unknown_account(self, read):
        with pytest.raises(requests.NoSuchAccount, match="Server main: 'zoe'"):
            requested(read, JoinGroup("zoe", "finance"))
        assert read.orders() == []

    def test_an_unknown_folder(self, read):
        with pytest.raises(requests.NoSuchFolder, match="/nowhere"):
            requested(read, SetRights("pia", "/nowhere", READ))
        assert read.orders() == []

    def test_a_name_that_the_snapshot_has(self, read):
        with pytest.raises(requests.AccountExists, match="'pia'"):
            requested(read, OpenAccount("pia"))
        assert read.orders() == []

    def test_an_account_of_somebody_else_is_never_taken_for_the_new_one(self, read):
        eve = {"email": "eve@house.example", "groups": ["finance"]}
        read.write_permissions({**ACCOUNTS, "nina": eve})
        assert requested(read, NINA).state is OrderState.BLOCKED

    def test_a_name_that_was_taken_since_is_never_taken_over(self, read):
        read.write_permissions({**ACCOUNTS, "nina": {"home": "/sales"}})
        before = read.permissions.read_bytes()
        order = requested(read, NINA)
        assert order.state is OrderState.BLOCKED
        assert "already" in order.explanation
        assert read.permissions.read_bytes() == before

    def test_somebody_elses_change_in_between_is_not_overwritten(self, read):
        with read.db.transaction() as session:
            act = Act(session, read.admin, clock.now())
            server = session.get_one(Server, read.server_id)
            requests.request(act, "a", server, SetRights("seller", "/finance", READ))
        read.give("seller", "/finance", "upload")
        assert read.run().state is OrderState.CONFLICT
        assert read.entries("seller")["/finance"] == "upload"


class TestTheChangeList:
    def test_has_a_row_though_a_native_plan_was_made_before(self, read):
        off(read)
        requested(read, NINA)
        alone = {name: {**account, "groups": []} for name, account in ACCOUNTS.items()}
        read.write_permissions(alone, {})  # the group is gone: nothing can be written
        with read.db.transaction() as session:
            act = Act(session, read.admin, clock.now())
            server = session.get_one(Server, read.server_id)
            inventory.enable_writes(act, server, True)
        order = read.run()
        assert (order.state, order.plan is not None) == (OrderState.MANUAL, True)
        with read.db.reading() as session:
            (plan,) = plans.by_hand(session, [order])
        assert plan.after.startswith("open account,nina,")


class TestSeparation:
    def test_the_holder_of_an_opened_account_is_found_by_its_name(self, read):
        opened = OpenAccount("nina", email="charlie@house.example")
        order = requested(read, opened)
        read.snapshot()
        with read.db.reading() as session:
            assert queries.holder_of(session, order) == read.person("charlie").person_id


class TestTheSchema:
    def test_is_downgraded_though_an_opening_was_undone(self, read):
        read.take_back(requested(read, NINA).id)
        read.run()
        schema.downgrade(read.db, "0019")
        schema.upgrade(read.db)
        assert read.orders() == []


def off(house: House) -> None:
    """Writing is switched off."""
    with house.db.transaction() as session:
        act = Act(session, house.admin, clock.now())
        inventory.enable_writes(act, session.get_one(Server, house.server_id), False)
