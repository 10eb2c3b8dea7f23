"""Use cases can be tried out on the real database, and nothing of it stays."""

import pytest

from recert.foundation.db import Database
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.support.house import House


def test_what_is_written_is_seen_inside_and_taken_back(house: House) -> None:
    before = house.trail_actions()
    with house.db.rehearsal() as rehearsal:
        for _ in range(2):
            with rehearsal.transaction() as session:
                server = session.get_one(Server, house.server_id)
                inventory.want_snapshot(Act(session, house.admin, house.now), server)
        with rehearsal.reading() as session:
            assert session.get_one(Server, house.server_id).snapshot_wanted_at
    assert house.server().snapshot_wanted_at is None
    assert house.trail_actions() == before


def test_an_error_in_one_transaction_takes_back_only_that(house: House) -> None:
    with house.db.rehearsal() as rehearsal:
        with rehearsal.transaction() as session:
            session.get_one(Server, house.server_id).storage = "kept"
        with pytest.raises(ZeroDivisionError):
            lose(rehearsal, house.server_id)
        with rehearsal.reading() as session:
            assert session.get_one(Server, house.server_id).storage == "kept"
    assert house.server().storage == ""


def lose(db: Database, server_id: int) -> None:
    with db.transaction() as session:
        session.get_one(Server, server_id).storage = "lost"
        session.flush()
        raise ZeroDivisionError
