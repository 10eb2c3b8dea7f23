"""A server that is only known from an export: a person changes it, the next import proves it."""

from pathlib import Path

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from recert.changes import plans
from recert.changes.models import Order, OrderState
from recert.connectors.csv_export import change_list
from recert.inventory import service as inventory
from recert.trail.act import Act
from tests.support.house import House

HEADER = "principal,folder,rights,email\n"
BEFORE = HEADER + "pia,/finance/inbox,list upload,pia@partner.example\nbob,/finance,list,\n"
AFTER = HEADER + "bob,/finance,list,\n"


@pytest.fixture
def export(house: House) -> Path:
    """Server `main` is an export now; pia's access shall go."""
    return connect(house, complete="yes")


def connect(house: House, complete: str) -> Path:
    file = house.folder / "export.csv"
    file.write_text(BEFORE)
    with house.db.transaction() as session:
        settings = {"file": str(file), "complete": complete}
        made = inventory.add_server(Act(session, house.admin, house.now), "export", "csv", settings)
        owners = "server,folder,owner_email\nexport,/finance,alice@house.example\n"
        session.flush()
        house.server_id = made.id
        inventory.import_owners(Act(session, house.admin, house.now), owners)
    return file


def ordered(house: House) -> Order:
    house.ordered("pia", "/finance/inbox", Reply(Answer.REVOKE))
    return house.run()


def test_the_order_stands_on_the_change_list(house: House, export: Path) -> None:
    order = ordered(house)
    assert order.state is OrderState.MANUAL
    listed = change_list([plans.loaded(order.plan or {})])
    assert "revoke,pia,/finance/inbox" in listed
    assert export.read_text() == BEFORE


def test_it_waits_as_long_as_there_is_no_new_import(house: House, export: Path) -> None:
    ordered(house)
    export.write_text(AFTER)
    with house.later(days=2):
        assert house.run().state is OrderState.MANUAL


def test_a_later_import_verifies_it(house: House, export: Path) -> None:
    ordered(house)
    export.write_text(AFTER)
    with house.later(hours=1):
        house.snapshot(accept_shrink=True)
        house.carry_out()
    assert house.orders()[-1].state is OrderState.VERIFIED
    assert house.item("pia", "/finance/inbox").state is ItemState.VERIFIED


def test_an_import_that_still_shows_it_says_so(house: House, export: Path) -> None:
    ordered(house)
    with house.later(hours=1):
        house.snapshot()
        order = house.run()
    assert order.state is OrderState.MANUAL
    assert "the last reading still shows" in order.explanation


def test_a_partial_import_proves_nothing(house: House, export: Path) -> None:
    ordered(house)
    with house.db.transaction() as session:
        server = session.get_one(type(house.server()), house.server_id)
        server.settings = {**server.settings, "complete": "no"}
    export.write_text(AFTER)
    with house.later(hours=1):
        house.snapshot(accept_shrink=True)
        assert house.run().state is OrderState.MANUAL


def test_an_order_done_by_hand_is_taken_back_by_hand(house: House, export: Path) -> None:
    ordered(house)
    export.write_text(AFTER + "pia,/other,list,pia@partner.example\n")
    with house.later(hours=1):
        house.snapshot(accept_shrink=True)
        done = house.run()
        house.take_back(done.id)
        taken_back = house.run()
    assert taken_back.state is OrderState.MANUAL
    assert "grant,pia,/finance/inbox" in change_list([plans.loaded(taken_back.plan or {})])
