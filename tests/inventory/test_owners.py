"""Owners of folders, and who answers for a folder that has none of its own."""

import json
from typing import Any
from unicodedata import normalize

import pytest
from sqlalchemy import select

from recert.foundation.actor import Role
from recert.foundation.errors import NotAllowed
from recert.inventory import queries, routing, service
from recert.inventory.models import FolderOwner
from recert.people.csv_rows import CsvRejected
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.foundation.test_db import at_once
from tests.support.house import ACCOUNTS, NOON, House, staff

HEADER = "server,folder,owner_email,substitute_email\n"


def load(house: House, *rows: str, header: str = HEADER) -> int:
    text = header + "".join(f"{row}\n" for row in rows)
    with house.db.transaction() as session:
        return service.import_owners(Act(session, house.officer, NOON), text)


def owners(house: House) -> dict[str, tuple[Any, ...]]:
    with house.db.reading() as session:
        found = session.scalars(select(FolderOwner))
        return {one.path: (one.id, one.person_id, one.substitute_id) for one in found}


def routes(house: House) -> dict[str, str]:
    """The path at which each boundary finds its owner."""
    with house.db.reading() as session:
        rows, _ = queries.folders_of(session, house.server_id)
        return {row.path: row.owned_at for row in rows}


class TestTheNearestOwner:
    owners = {"/": 1, "/finance": 2, "/finance/inbox/deep": 3}

    @pytest.mark.parametrize(
        ("path", "owner"),
        [
            ("/", 1),
            ("/sales", 1),
            ("/financeer", 1),
            ("/finance", 2),
            ("/finance/inbox", 2),
            ("/finance/inbox/deep", 3),
            ("/finance/inbox/deep/er", 3),
        ],
    )
    def test_it_is_the_one_of_the_folder_or_of_the_next_above(self, path: str, owner: int) -> None:
        assert routing.nearest(path, self.owners, {}) == owner

    def test_without_one_at_the_top_there_may_be_none(self) -> None:
        memory: dict[str, int | None] = {}
        assert routing.nearest("/sales/2026", {"/finance": 2}, memory) is None
        assert memory == {"/sales/2026": None, "/sales": None, "/": None}

    def test_memory_spares_the_way_up(self) -> None:
        memory: dict[str, int | None] = {"/finance": 7}
        assert routing.nearest("/finance/a/b", {}, memory) == 7
        assert memory["/finance/a"] == 7

    def test_the_order_of_questions_does_not_matter(self) -> None:
        paths = ["/finance/inbox/deep/er", "/finance/inbox", "/", "/sales", "/finance"]
        one, two = dict[str, int | None](), dict[str, int | None]()
        forward = {path: routing.nearest(path, self.owners, one) for path in paths}
        backward = {path: routing.nearest(path, self.owners, two) for path in reversed(paths)}
        assert forward == backward


class TestRoutes:
    def test_a_snapshot_computes_them(self, house: House) -> None:
        house.snapshot()
        assert routes(house) == {
            "/": None,
            "/finance": "/finance",
            "/finance/inbox": "/finance",
            "/sales": "/sales",
        }

    def test_an_import_of_owners_computes_them_anew(self, house: House) -> None:
        house.snapshot()
        load(house, "main,/finance/inbox,bob@house.example,", "main,/,mona@house.example,")
        assert routes(house)["/finance/inbox"] == "/finance/inbox"
        assert routes(house)["/"] == "/"

    def test_a_folder_that_is_gone_has_none(self, house: House) -> None:
        house.snapshot()
        house.write_permissions({name: {} for name in ACCOUNTS})
        house.snapshot()
        assert "/sales" not in routes(house)

    def test_importing_and_looking_at_once_is_fine(self, house: House) -> None:
        house.snapshot()
        acts = (
            lambda: load(house, "main,/finance/inbox,bob@house.example,"),
            house.snapshot,
        )
        at_once(6, lambda number: acts[number % 2]())
        assert routes(house)["/finance/inbox"] == "/finance/inbox"

    def test_a_name_that_looks_the_same_is_the_same(self, house: House) -> None:
        other_way = normalize("NFD", "/büro")
        house.write_permissions({"alice": {"folders": {other_way: "list"}}})
        house.snapshot()
        load(house, "main,/büro,alice@house.example,")
        assert other_way != "/büro"
        assert routes(house)[other_way] == "/büro"


class TestImporting:
    def test_an_owner_changes_and_keeps_his_number(self, house: House) -> None:
        before = owners(house)
        load(house, "main,/finance,bob@house.example,alice@house.example")
        after = owners(house)
        assert after["/finance"][0] == before["/finance"][0]
        assert after["/finance"][1] == house.person("bob").person_id
        assert after["/sales"] == before["/sales"]
        assert house.trail_actions()[-1] == "owners.imported"

    def test_the_trail_names_every_owner_that_changed(self, house: House) -> None:
        load(house, "main,/finance,bob@house.example,", "main,/sales,charlie@house.example,")
        with house.db.reading() as session:
            newest = session.scalars(select(TrailEntry).order_by(TrailEntry.seq.desc())).first()
        assert newest
        assert json.loads(newest.body)["details"] == {
            "rows": 2,
            "changed": [["main", "/finance", "alice@house.example", "bob@house.example"]],
        }

    def test_an_empty_substitute_is_nobody_and_a_missing_column_says_nothing(
        self, house: House
    ) -> None:
        short = "server,folder,owner_email\n"
        load(house, "main,/finance,alice@house.example", header=short)
        assert owners(house)["/finance"][2] == house.person("bob").person_id
        load(house, "main,/finance,alice@house.example,")
        assert owners(house)["/finance"][2] is None

    @pytest.mark.parametrize("path", ["/finance/", "//finance", "\\finance", " /finance "])
    def test_a_path_has_one_form(self, house: House, path: str) -> None:
        load(house, f"main,{path},bob@house.example,")
        assert set(owners(house)) == {"/finance", "/sales"}


class TestABadFile:
    @pytest.mark.parametrize(
        ("row", "error"),
        [
            ("other,/finance,alice@house.example,", "server: there is no server 'other'"),
            ("Main,/finance,alice@house.example,", "server: there is no server 'Main'"),
            (",/finance,alice@house.example,", "server: it is empty"),
            ("main,finance,alice@house.example,", "folder: 'finance' is not an absolute"),
            ("main,,alice@house.example,", "folder: '' is not an absolute"),
            ("main,/a/../b,alice@house.example,", "folder: '/a/../b' is not an absolute"),
            ("main,/a\x07b,alice@house.example,", "folder: it contains control characters"),
            ("main,/finance,ghost@house.example,", "nobody has the address ghost@house.example"),
            ("main,/finance,,", "owner_email: '' is not a mail address"),
            ("main,/finance,alice,", "owner_email: 'alice' is not a mail address"),
            ("main,/x,alice@house.example,ghost@x.example", "nobody has the address ghost@x"),
            ("main,/finance/,bob@house.example,\nmain,/finance,bob@house.example,", "twice"),
            ("main,/finance", "row: it has more or fewer cells"),
        ],
    )
    def test_it_is_named_and_changes_nothing(self, house: House, row: str, error: str) -> None:
        before = owners(house), house.trail_actions()
        with pytest.raises(CsvRejected) as refusal:
            load(house, "main,/sales,bob@house.example,", row)
        assert len(refusal.value.errors) == 1
        assert error in str(refusal.value.errors[0])
        assert (owners(house), house.trail_actions()) == before

    def test_every_error_is_listed(self, house: House) -> None:
        with pytest.raises(CsvRejected) as refusal:
            load(house, "x,/a,g@h.example,g@h.example", "y,/a,alice@house.example,")
        assert [(error.line, error.column) for error in refusal.value.errors] == [
            (2, "server"),
            (2, "owner_email"),
            (2, "substitute_email"),
            (3, "server"),
        ]


class TestWhoMayNot:
    @pytest.mark.parametrize("roles", [(), (Role.AUDITOR,)])
    def test_import_owners(self, house: House, roles: tuple[Role, ...]) -> None:
        before = owners(house)
        who = staff("charlie@house.example", *roles)
        with pytest.raises(NotAllowed), house.db.transaction() as session:
            service.import_owners(Act(session, who, NOON), HEADER)
        assert owners(house) == before
