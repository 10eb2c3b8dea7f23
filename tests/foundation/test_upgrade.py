"""From a database of schema 15 with data in it: one campaign signed off with its removal verified,
one that still asks. Everything goes on where it stood."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, CampaignState, ItemState
from recert.evidence import verifier
from recert.foundation import clock, schema
from recert.foundation.db import Database
from recert.inventory.models import Server
from recert.people.models import User
from recert.trail import service as trail
from tests.support.house import ACCOUNTS, NOON, House

KEPT = Path(__file__).parent / "schema_0015"
SIGNED_OFF, ASKING = 1, 2


@pytest.fixture
def old(database_kind: str, empty: Database, tmp_path: Path) -> Iterator[Database]:
    """The database as an earlier version left it."""
    if database_kind == "sqlite":
        path = tmp_path / "old.sqlite3"
        path.write_bytes(gzip.decompress((KEPT / "database.sqlite.gz").read_bytes()))
        db = Database(f"sqlite:///{path}")
        yield db
        db.dispose()
        return
    dump = gzip.decompress((KEPT / "dump.sql.gz").read_bytes()).decode()
    plain = "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))
    url = empty.engine.url.set(drivername="postgresql").render_as_string()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(plain.encode())
    yield empty


@pytest.fixture
def house(old: Database, tmp_path: Path) -> Iterator[House]:
    """The company that the old database is about, an hour later."""
    schema.upgrade(old)
    found = House(old, tmp_path)
    found.write_permissions(ACCOUNTS)
    found.server_id = 1
    with clock.frozen(NOON + timedelta(hours=1)), old.transaction() as session:
        session.get_one(Server, found.server_id).settings = {"file": str(found.permissions)}
    with clock.frozen(NOON + timedelta(hours=1)):
        yield found


def test_the_schema_is_the_newest_and_the_trail_unbroken(house: House) -> None:
    schema.check(house.db)
    with house.db.reading() as session:
        assert trail.verify(session) is None
        states = session.scalars(select(Campaign.state).order_by(Campaign.id)).all()
    assert states == [CampaignState.SIGNED_OFF, CampaignState.ACTIVE]


def test_evidence_of_what_was_signed_off_is_exported_and_genuine(house: House) -> None:
    lines = verifier.check(str(house.export(SIGNED_OFF)), None)
    assert any("complete and unchanged" in line or "trail" in line for line in lines), lines


def test_users_keep_their_roles(house: House) -> None:
    with house.db.reading() as session:
        roles = {user.email: user.roles for user in session.scalars(select(User))}
    assert sorted(roles) == ["adam@house.example", "aud@house.example", "olga@house.example"]
    assert all(roles.values())


def test_a_campaign_that_was_asking_goes_on_to_its_end(house: House) -> None:
    house.decide("seller", "/sales", Reply(Answer.REVOKE, reason="Has left."), by="charlie")
    house.finish("charlie")
    house.close(ASKING)
    house.carry_out()
    assert house.item("seller", "/sales").state is ItemState.VERIFIED
    assert house.export(ASKING).exists()
