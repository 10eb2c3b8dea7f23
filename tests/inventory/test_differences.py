"""What lies between two snapshots, in every folder, and how much memory it takes."""

import itertools
import random
import tracemalloc
from typing import Any

import pytest

from recert.connectors.contract import AccountFact, GrantFact, GroupFact, Reading
from recert.connectors.rights import Rights
from recert.foundation.db import Database
from recert.inventory import expansion, queries, service, snapshot_staging
from recert.inventory.models import (
    Snapshot,
    SnapshotState,
)
from tests.inventory.conftest import (
    grants,
    snapshot_row,
)
from tests.support.house import ACCOUNTS, House

COMPLETE, PARTIAL = SnapshotState.COMPLETE, SnapshotState.PARTIAL
FAILED, HELD = SnapshotState.FAILED, SnapshotState.HELD
READ_AND_ADD = Rights.LIST | Rights.DOWNLOAD | Rights.UPLOAD


def without(*names: str) -> dict[str, dict[str, Any]]:
    return {name: value for name, value in ACCOUNTS.items() if name not in names}


class TestAnyTwoSnapshots:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_their_difference_is_the_difference_of_what_was_in_them(
        self, house: House, seed: int
    ) -> None:
        dice = random.Random(seed)
        numbers, truth = [], {}
        for _ in range(10):
            house.write_permissions(*self.shuffled(dice))
            numbers.append(house.snapshot(accept_shrink=True).snapshot_id)
            truth[numbers[-1]] = self.rows_in(house, numbers[-1])
        for older, newer in itertools.combinations(numbers, 2):
            assert self.rows_in(house, older) == truth[older]
            came, went = self.rows_between(house, older, newer)
            assert came == truth[newer] - truth[older]
            assert went == truth[older] - truth[newer]

    def rows_in(self, house: House, number: int) -> set[tuple[object, ...]]:
        with house.db.reading() as session:
            return set(map(tuple, queries.grants_in(session, session.get_one(Snapshot, number))))

    def rows_between(self, house: House, older: int, newer: int) -> list[set[tuple[object, ...]]]:
        with house.db.reading() as session:
            pair = (session.get_one(Snapshot, number) for number in (older, newer))
            return [set(map(tuple, rows)) for rows in queries.difference(session, *pair)]

    def shuffled(self, dice: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
        folders = ["/a", "/a/b", "/a/b/c", "/d", "/d/é"]
        words = ["", "list", "list download", "upload"]

        def some() -> dict[str, str]:
            return {path: dice.choice(words) for path in folders if dice.random() < 0.4}

        groups = {name: {"folders": some()} for name in ("g", "h") if dice.random() < 0.8}
        accounts = {
            f"user{number}": {
                "folders": some(),
                "enabled": dice.random() < 0.8,
                "groups": [name for name in groups if dice.random() < 0.5],
            }
            for number in range(6)
            if dice.random() < 0.7
        }
        return accounts, groups

    def test_an_old_one_still_tells_the_old_truth(self, house: House) -> None:
        first = house.snapshot()
        old = grants(house, first.snapshot_id)
        house.write_permissions({"only": {"folders": {"/": "list"}}}, {})
        house.snapshot(accept_shrink=True)
        assert grants(house, first.snapshot_id) == old

    def test_a_pair_needs_two_complete_ones(self, house: House) -> None:
        first = house.snapshot()
        with house.db.reading() as session, pytest.raises(queries.NoSuchSnapshot):
            queries.pair(session, house.server_id, None, None)
        house.permissions.write_text("")
        house.snapshot()
        house.write_permissions(without("pia"))
        second = house.snapshot()
        with house.db.reading() as session:
            pair = queries.pair(session, house.server_id, None, None)
        assert [each.id for each in pair] == [first.snapshot_id, second.snapshot_id]


class TestEveryFolder:
    def test_it_behaves_like_the_nearest_boundary_above(self, house: House) -> None:
        for path in ("finance/inbox/2026/11", "finance/archive", "sales", "nobody/at/all"):
            (house.folder / "files" / path).mkdir(parents=True)
        snapshot = snapshot_row(house, house.snapshot())
        with house.db.reading() as session:
            connector = service.connector_of(house.server())
            told = [
                (row.account, row.folder)
                for row in expansion.expand(
                    queries.grants_in(session, snapshot),
                    queries.boundaries_in(session, snapshot),
                    connector.every_folder(),
                )
            ]
        assert ("pia", "/finance/inbox/2026/11") in told
        assert ("alice", "/finance/archive") in told
        assert ("alice", "/finance/inbox") in told
        assert not [folder for _, folder in told if folder.startswith("/nobody")]
        assert len(told) == len(set(told))


class TestMemory:
    def peak(self, db: Database, count: int) -> int:
        accounts = [AccountFact(f"user{number}") for number in range(100)]
        folders = ["/", *(f"/folder{number}" for number in range(100))]
        stream = (
            GrantFact(f"user{n % 100}", f"/folder{n // 100 % 100}", Rights(1 + n % 7), ("own",))
            for n in range(count)
        )
        reading = Reading(accounts, [GroupFact("g", ("user1",))], folders, stream, "f", "s")
        with db.connection() as connection, connection.begin():
            tracemalloc.start()
            snapshot_staging.stage(connection, reading)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak

    def test_it_does_not_grow_with_the_number_of_grants(self, house: House) -> None:
        self.peak(house.db, 1000)
        small, large = (self.peak(house.db, count) for count in (10_000, 50_000))
        assert large < small * 1.5 + 200_000
