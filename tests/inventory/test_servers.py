"""Registering servers and allowing Recert to change them."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.connectors.contract import SettingsInvalid
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.inventory import queries, service
from recert.inventory.models import Server
from recert.inventory.service import NoSuchServer, ServerExists
from recert.trail.act import Act
from tests.foundation.test_db import at_once
from tests.support.house import NOON, House, staff

FILE = {"file": "/srv/permissions.json"}


def add(house: House, name: str, kind: str = "embedded", **settings: str) -> None:
    with house.db.transaction() as session:
        service.add_server(Act(session, house.admin, NOON), name, kind, settings or FILE)


def names(house: House) -> list[str]:
    with house.db.reading() as session:
        return list(session.scalars(select(Server.name).order_by(Server.name)))


class TestAdding:
    def test_writing_is_off_until_somebody_switches_it_on(self, house: House) -> None:
        add(house, " second ")
        with house.db.reading() as session:
            server = service.server_by_name(session, "second")
        assert not server.writes_enabled
        assert server.snapshot_wanted_at is None
        assert house.trail_actions()[-1] == "server.added"

    @pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\x00b", "\u202eevil"])
    def test_a_bad_name_is_refused(self, house: House, name: str) -> None:
        with pytest.raises(BadInput, match="1 to 64 printable"):
            add(house, name)
        assert names(house) == ["main"]

    def test_a_name_is_taken_once(self, house: House) -> None:
        with pytest.raises(ServerExists, match="main"):
            add(house, "main")

    def test_two_people_at_once_add_it_once(self, house: House) -> None:
        def attempt(_number: int) -> bool:
            try:
                add(house, "second")
            except ServerExists:
                return False
            return True

        assert sorted(map(bool, at_once(4, attempt))) == [False, False, False, True]

    def test_an_unknown_kind_is_named_with_the_known_ones(self, house: House) -> None:
        with pytest.raises(SettingsInvalid, match=r"'vms'.*embedded, csv"):
            add(house, "second", "vms")

    @pytest.mark.parametrize(
        ("settings", "word"),
        [({"file": ""}, "file"), ({"colour": "red"}, "colour"), ({"complete": "yes"}, "file")],
    )
    def test_a_bad_setting_is_named(
        self, house: House, settings: dict[str, str], word: str
    ) -> None:
        with pytest.raises(SettingsInvalid, match=word):
            add(house, "second", "csv", **settings)
        assert names(house) == ["main"]

    def test_one_that_is_not_there_is_named(self, house: House) -> None:
        with house.db.reading() as session, pytest.raises(NoSuchServer, match="'ghost'"):
            service.server_by_name(session, "ghost")


class TestWriting:
    def test_it_is_switched_off_and_on_with_an_entry_each(self, house: House) -> None:
        for enabled in (False, True):
            with house.db.transaction() as session:
                server = session.get_one(Server, house.server_id)
                service.enable_writes(Act(session, house.admin, NOON), server, enabled)
            assert house.server().writes_enabled is enabled
        assert house.trail_actions()[-2:] == ["server.writes_disabled", "server.writes_enabled"]


class TestTheStorageLabel:
    def label(self, house: House, name: str, label: str) -> list[str]:
        with house.db.transaction() as session:
            server = service.server_by_name(session, name)
            return service.set_storage(Act(session, house.admin, NOON), server, label)

    def test_it_says_who_shows_the_same(self, house: House) -> None:
        add(house, "second")
        assert self.label(house, "main", " fileserver1 ") == []
        assert self.label(house, "second", "fileserver1") == ["main"]
        assert self.label(house, "second", "") == []
        assert house.trail_actions()[-1] == "server.storage_set"

    @pytest.mark.parametrize("label", ["x" * 65, "a\nb", "a\u202eb"])
    def test_a_bad_one_is_refused(self, house: House, label: str) -> None:
        with pytest.raises(BadInput, match="at most 64 printable"):
            self.label(house, "main", label)


class TestWantingASnapshot:
    def test_twice_is_once(self, house: House) -> None:
        for _ in range(2):
            with house.db.transaction() as session:
                server = session.get_one(Server, house.server_id)
                service.want_snapshot(Act(session, house.officer, NOON), server)
        with house.db.reading() as session:
            assert queries.wanted_snapshots(session, now=house.now) == [house.server_id]
        house.snapshot()
        with house.db.reading() as session:
            assert queries.wanted_snapshots(session, now=house.now) == []

    def test_the_overview_shows_the_published_and_the_newest(self, house: House) -> None:
        first = house.snapshot()
        house.permissions.unlink()
        second = house.snapshot()
        with house.db.reading() as session:
            ((_, published, newest),) = queries.servers_overview(session)
        assert (published.id, newest.id) == (first.snapshot_id, second.snapshot_id)


Verb = Callable[[Session, Server, Actor], object]
VERBS: dict[str, Verb] = {
    "add": lambda s, _, who: service.add_server(Act(s, who, NOON), "b", "embedded", FILE),
    "write": lambda s, server, who: service.enable_writes(Act(s, who, NOON), server, True),
    "label": lambda s, server, who: service.set_storage(Act(s, who, NOON), server, "nas"),
    "want": lambda s, server, who: service.want_snapshot(Act(s, who, NOON), server),
}


class TestWhoMayNot:
    @pytest.mark.parametrize(
        ("verb", "role"),
        [
            ("add", None),
            ("add", Role.AUDITOR),
            ("add", Role.OFFICER),
            ("write", Role.AUDITOR),
            ("write", Role.OFFICER),
            ("label", None),
            ("label", Role.OFFICER),
            ("want", None),
            ("want", Role.AUDITOR),
        ],
    )
    def test_change_servers(self, house: House, verb: str, role: Role | None) -> None:
        before = house.trail_actions()
        who = staff("charlie@house.example", *([role] if role else []))
        with pytest.raises(NotAllowed), house.db.transaction() as session:
            VERBS[verb](session, session.get_one(Server, house.server_id), who)
        assert house.trail_actions() == before
