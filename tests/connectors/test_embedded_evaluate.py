"""Who can do what: the rules one by one, and the walk against the rules."""

import json
import time
import tracemalloc
from datetime import UTC, datetime

import pytest
from conformance import canonical, document, random_world

from recert.connectors import embedded
from recert.connectors.contract import ServerUnreachable
from recert.connectors.embedded import evaluate
from recert.connectors.embedded.format import parse
from recert.connectors.rights import READ, Rights

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def understood(accounts, groups=None):
    return parse(canonical(document(accounts, groups)).encode())


def rights(permissions, folder, account="alice"):
    return evaluate.access(permissions, permissions.accounts[account], folder).rights


class TestRules:
    def test_the_most_specific_path_wins(self):
        known = understood({"alice": {"folders": {"/": "list", "/in/deep": "", "/in": "upload"}}})
        assert rights(known, "/") == Rights.LIST
        assert rights(known, "/in") == rights(known, "/in/other") == Rights.UPLOAD
        assert rights(known, "/in/deep/er") == Rights.NONE

    def test_a_path_is_compared_by_its_parts(self):
        known = understood({"alice": {"folders": {"/in": "list"}}})
        assert rights(known, "/inbox") == Rights.NONE

    def test_the_own_entry_beats_the_group_at_the_same_path(self):
        known = understood(
            {"alice": {"groups": ["g"], "folders": {"/in": ""}}}, {"g": {"/in": "list"}}
        )
        assert rights(known, "/in") == Rights.NONE

    def test_a_deeper_group_entry_beats_the_own_one_above(self):
        known = understood(
            {"alice": {"groups": ["g"], "folders": {"/": ""}}}, {"g": {"/in": "list"}}
        )
        assert rights(known, "/in") == Rights.LIST

    def test_groups_at_one_path_are_added_together(self):
        known = understood(
            {"alice": {"groups": ["g", "h"]}}, {"g": {"/in": "list"}, "h": {"/in": "download"}}
        )
        found = evaluate.access(known, known.accounts["alice"], "/in/below")
        assert found.rights == READ
        assert found.via == ("group g at /in", "group h at /in")

    def test_outside_the_home_there_is_nothing(self):
        known = understood({"alice": {"home": "/in", "folders": {"/": "list"}}})
        assert rights(known, "/") == rights(known, "/inbox") == Rights.NONE
        assert rights(known, "/in") == rights(known, "/in/x") == Rights.LIST

    @pytest.mark.parametrize(
        ("entry", "note"),
        [
            ({"enabled": False}, "switched off in the permission file"),
            ({"expires": "2026-11-22"}, "expired on 2026-11-22"),
        ],
    )
    def test_an_ended_account_is_a_fact_without_grants(self, entry, note):
        known = understood({"alice": {**entry, "folders": {"/": "list"}}})
        fact = evaluate.account_fact(known.accounts["alice"], None, NOON)
        assert (fact.enabled, fact.note) == (False, note)
        assert list(evaluate.grants(known, None, NOON)) == []


class TestTheWalk:
    @pytest.mark.parametrize("seed", range(25))
    def test_it_finds_what_the_rules_say_at_every_boundary(self, seed):
        stated = random_world(seed)
        known = understood(stated.accounts, stated.groups)
        expected = {
            (name, folder): evaluate.access(known, account, folder)
            for folder in known.boundaries
            for name, account in known.accounts.items()
            if account.is_active(NOON) and evaluate.access(known, account, folder).rights
        }
        found = {
            (grant.account, grant.folder): evaluate.Access(grant.rights, grant.via)
            for grant in evaluate.grants(known, None, NOON)
        }
        assert found == expected

    def test_a_large_server_is_read_quickly_and_in_little_memory(self, tmp_path):
        folders = [f"/d{n // 50}/e{n % 50}" for n in range(2000)]
        groups = {
            f"g{n}": dict.fromkeys(folders[n * 20 : n * 20 + 100], "list") for n in range(100)
        }
        accounts = {f"a{n}": {"groups": [f"g{n % 100}"]} for n in range(1000)}
        file = tmp_path / "permissions.json"
        file.write_text(json.dumps(document(accounts, groups)))
        began = time.perf_counter()
        reading = embedded.connect({"file": str(file)}).read()
        first = next(reading.grants)
        tracemalloc.start()
        count = 1 + sum(1 for _ in reading.grants)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert first.rights == Rights.LIST
        assert count > 95_000
        assert peak < 4_000_000
        assert time.perf_counter() - began < 10  # under 0.5 s without tracing


class TestEveryFolder:
    def folders(self, file):
        return list(embedded.connect({"file": str(file)}).every_folder())

    def test_it_is_what_lies_on_disk_and_what_entries_name(self, permission_file, tmp_path):
        file = permission_file({"alice": {"folders": {"/a-b": "", "/gone/deep": "list"}}})
        for name in ("a/x", "a-b", "b", "b/hidden\x07/below"):
            (tmp_path / "files" / name).mkdir(parents=True)
        (tmp_path / "files" / "link").symlink_to("a")
        (tmp_path / "files" / "file").touch()
        assert self.folders(file) == ["/", "/a", "/a/x", "/a-b", "/b", "/gone/deep"]

    def test_a_missing_root_is_unreachable(self, permission_file, tmp_path):
        file = permission_file({"alice": {}})
        (tmp_path / "files").rmdir()
        with pytest.raises(ServerUnreachable):
            self.folders(file)
        failed = [
            check for check in embedded.connect({"file": str(file)}).checks() if not check.passed
        ]
        assert [check.name for check in failed] == ["folders"]
