"""Readings that must not count: failed, partial, garbled, overtaken, or far too small."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recert.connectors import registry
from recert.connectors.contract import AccountFact, GrantFact, Reading
from recert.connectors.environment import World
from recert.connectors.rights import Rights
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import NotAllowed
from recert.inventory import queries, service, snapshots
from recert.inventory.models import (
    Account,
    Grant,
    Snapshot,
    SnapshotState,
)
from recert.trail.act import Act
from tests.inventory.conftest import (
    accounts_named,
    grants,
    live,
    rows,
)
from tests.support.house import ACCOUNTS, NOON, House, staff

COMPLETE, PARTIAL = SnapshotState.COMPLETE, SnapshotState.PARTIAL
FAILED, HELD = SnapshotState.FAILED, SnapshotState.HELD
READ_AND_ADD = Rights.LIST | Rights.DOWNLOAD | Rights.UPLOAD


def without(*names: str) -> dict[str, dict[str, Any]]:
    return {name: value for name, value in ACCOUNTS.items() if name not in names}


def many(count: int) -> dict[str, dict[str, Any]]:
    return {f"user{number:03d}": {"folders": {"/sales": "list"}} for number in range(count)}


def fake(monkeypatch: pytest.MonkeyPatch, reading: Reading) -> None:
    class Fake:
        def read(self) -> Reading:
            return reading

    monkeypatch.setattr(snapshots.registry, "connect", lambda *_: Fake())


class TestWhatMustNotCount:
    def nothing_changed(self, house: House, state: SnapshotState) -> snapshots.Outcome:
        before = rows(house)
        outcome = house.snapshot()
        assert outcome.state is state
        assert rows(house) == before
        assert house.trail_actions()[-1] == "snapshot.taken"
        with house.db.reading() as session:
            published = queries.last_complete(session, house.server_id)
            assert published
            assert published.id < outcome.snapshot_id
        return outcome

    def test_a_file_that_is_missing(self, house: House) -> None:
        house.snapshot()
        house.permissions.unlink()
        assert "permissions.json" in self.nothing_changed(house, FAILED).reason

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", '{"version": 2}', '{"version": 1, "root": "files"}', "\udcff"]
    )
    def test_a_file_that_is_garbled(self, house: House, content: str) -> None:
        house.snapshot()
        house.permissions.write_bytes(content.encode(errors="surrogateescape"))
        self.nothing_changed(house, FAILED)

    def test_a_file_with_half_of_its_bytes(self, house: House) -> None:
        house.snapshot()
        whole = house.permissions.read_bytes()
        house.permissions.write_bytes(whole[: len(whole) // 2])
        self.nothing_changed(house, FAILED)

    def test_a_connector_that_breaks_in_the_middle(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def grants_until_it_breaks() -> Iterator[GrantFact]:
            yield GrantFact("alice", "/", Rights.LIST, ("own entry at /",))
            raise ZeroDivisionError

        house.snapshot()
        before = rows(house)
        reading = Reading([AccountFact("alice")], [], ["/"], grants_until_it_breaks(), "f", "s")
        fake(monkeypatch, reading)
        with pytest.raises(ZeroDivisionError):
            house.snapshot()
        assert rows(house) == before
        with house.db.reading() as session:
            newest = queries.snapshots_of(session, house.server_id)[0]
        assert (newest.state, newest.reason) == (
            FAILED,
            "Unexpected: ZeroDivisionError. The log says more.",
        )

    def test_a_grant_of_nobody(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        house.snapshot()
        stray = iter([GrantFact("ghost", "/", Rights.LIST, ("own entry at /",))])
        fake(monkeypatch, Reading([AccountFact("alice")], [], ["/"], stray, "f", "s"))
        assert "'ghost'" in self.nothing_changed(house, FAILED).reason

    def test_a_problem_that_shows_at_the_end_of_the_stream(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.snapshot()
        reading = Reading([AccountFact("alice")], [], ["/"], iter([]), "f", "s")

        def ends_badly() -> Iterator[GrantFact]:
            yield GrantFact("alice", "/", Rights.LIST, ("own entry at /",))
            reading.problems.append("/finance could not be listed")

        reading.grants = ends_badly()
        fake(monkeypatch, reading)
        assert "/finance could not" in self.nothing_changed(house, PARTIAL).reason

    def test_one_that_a_newer_one_overtook(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.snapshot()
        real, nested = registry.connect, []

        def slowly(kind: str, settings: dict[str, str], world: World) -> Any:
            if not nested:
                nested.append(True)
                house.snapshot()
                house.write_permissions(without("pia"))
            return real(kind, settings, world)

        monkeypatch.setattr(snapshots.registry, "connect", slowly)
        outcome = house.snapshot()
        assert (outcome.state, outcome.reason) == (FAILED, "A newer snapshot was finished first.")
        assert accounts_named(house, "pia")[0].gone_snapshot_id is None

    def test_one_whose_process_died(self, house: House) -> None:
        with house.db.transaction() as session:
            died = Snapshot(server_id=house.server_id, state=SnapshotState.READING, started_at=NOON)
            session.add(died)
        with clock.frozen(NOON + timedelta(hours=13)):
            assert house.snapshot().state is COMPLETE
        with house.db.reading() as session:
            first = queries.snapshots_of(session, house.server_id)[-1]
        assert (first.state, first.reason) == (FAILED, "It was interrupted.")


class TestTheShrinkGuard:
    def grown(self, house: House, count: int) -> None:
        house.write_permissions(many(count), {})
        assert house.snapshot().state is COMPLETE

    def test_more_than_a_tenth_less_waits_for_a_person(self, house: House) -> None:
        self.grown(house, 20)
        before = rows(house)
        house.write_permissions(many(17), {})
        outcome = house.snapshot()
        assert (outcome.state, rows(house)) == (HELD, before)
        assert outcome.reason == "17 accounts where the last complete snapshot had 20."

    def test_it_stays_held_until_a_person_accepts_it(self, house: House) -> None:
        self.grown(house, 20)
        house.write_permissions(many(17), {})
        assert [house.snapshot().state for _ in range(3)] == [HELD] * 3
        outcome = house.snapshot(accept_shrink=True)
        assert outcome.state is COMPLETE
        assert outcome.reason.startswith("Accepted by adam@house.example: 17 accounts")
        assert live(house, Account) == 17

    def test_a_tenth_less_is_fine(self, house: House) -> None:
        self.grown(house, 20)
        house.write_permissions(many(18), {})
        assert house.snapshot().state is COMPLETE

    def test_below_twenty_a_share_says_nothing(self, house: House) -> None:
        self.grown(house, 19)
        house.write_permissions(many(1), {})
        assert house.snapshot().state is COMPLETE

    def test_but_an_empty_server_is_never_believed(self, house: House) -> None:
        self.grown(house, 3)
        house.write_permissions({}, {})
        assert house.snapshot().state is HELD

    def test_accounts_that_stay_without_grants_are_held_too(self, house: House) -> None:
        self.grown(house, 20)
        house.write_permissions({name: {} for name in many(20)}, {})
        assert "0 grants" in house.snapshot().reason


class TestAnExport:
    """The other kind: a CSV file that does or does not claim to be complete."""

    def add(self, house: House, complete: str) -> tuple[Path, int]:
        file = house.folder / "export.csv"
        file.write_text("folder,principal,rights\n/a,ann,read\n/b,ben,edit\n")
        settings = {"file": str(file), "complete": complete}
        with house.db.transaction() as session:
            made = service.add_server(Act(session, house.admin, NOON), "export", "csv", settings)
            return file, made.id

    def take(self, house: House, server_id: int) -> snapshots.Outcome:
        return snapshots.take(house.db, server_id, actor=house.officer, now=clock.now)

    def test_a_complete_one_counts(self, house: House) -> None:
        file, server_id = self.add(house, "yes")
        assert self.take(house, server_id).added == 2
        file.write_text("folder,principal,rights\n/a,ann,read\n")
        outcome = self.take(house, server_id)
        assert (outcome.state, outcome.gone) == (COMPLETE, 1)

    def test_one_that_is_not_complete_changes_nothing(self, house: House) -> None:
        _, server_id = self.add(house, "no")
        outcome = self.take(house, server_id)
        assert (outcome.state, outcome.grants) == (PARTIAL, 2)
        assert "does not claim to be complete" in outcome.reason
        assert live(house, Grant) == live(house, Account) == 0

    def test_a_bad_row_refuses_all_of_it(self, house: House) -> None:
        file, server_id = self.add(house, "yes")
        self.take(house, server_id)
        before = rows(house)
        file.write_text("folder,principal,rights\n/a,ann,reed\n")
        assert self.take(house, server_id).state is FAILED
        assert rows(house) == before

    def test_two_servers_do_not_touch_each_other(self, house: House) -> None:
        first = house.snapshot()
        before = grants(house, first.snapshot_id)
        _, server_id = self.add(house, "yes")
        self.take(house, server_id)
        assert grants(house, first.snapshot_id) == before
        assert house.snapshot().gone == 0


class TestWhoMayNot:
    def test_take_a_snapshot(self, house: House) -> None:
        for role in ([], [Role.AUDITOR]):
            who = staff("charlie@house.example", *role)
            with pytest.raises(NotAllowed):
                snapshots.take(house.db, house.server_id, actor=who, now=lambda: datetime.now(UTC))
        assert "snapshot.taken" not in house.trail_actions()
