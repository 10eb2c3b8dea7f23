"""Snapshots of a real permission file: what came, what went, and whose it is."""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from recert.connectors.embedded import last_logins
from recert.connectors.rights import Rights
from recert.inventory import snapshot_merge
from recert.inventory.models import (
    Folder,
    Group,
    GroupMember,
    SnapshotState,
)
from recert.people import service as people
from recert.trail.act import Act
from tests.inventory.conftest import (
    accounts_named,
    difference,
    grants,
    live,
    rows,
    snapshot_row,
)
from tests.support.house import ACCOUNTS, GROUPS, NOON, House

COMPLETE, PARTIAL = SnapshotState.COMPLETE, SnapshotState.PARTIAL
FAILED, HELD = SnapshotState.FAILED, SnapshotState.HELD
READ_AND_ADD = Rights.LIST | Rights.DOWNLOAD | Rights.UPLOAD


def without(*names: str) -> dict[str, dict[str, Any]]:
    return {name: value for name, value in ACCOUNTS.items() if name not in names}


class TestTheFirstOne:
    def test_it_says_what_everybody_can_do(self, house: House) -> None:
        outcome = house.snapshot()
        assert outcome.state is COMPLETE
        assert grants(house, outcome.snapshot_id) >= {
            ("alice", "/finance", READ_AND_ADD),
            ("pia", "/finance/inbox", Rights.LIST | Rights.UPLOAD),
            ("batch", "/finance/inbox", Rights.LIST | Rights.DOWNLOAD | Rights.DELETE),
        }
        assert (outcome.added, outcome.gone) == (outcome.grants, 0)

    def test_it_writes_one_entry_with_its_fingerprint(self, house: House) -> None:
        outcome = house.snapshot()
        assert house.trail_actions()[-1] == "snapshot.taken"
        assert len(snapshot_row(house, outcome).fingerprint) == 64
        assert snapshot_row(house, outcome).source == "file permissions.json"

    def test_accounts_are_joined_to_people_by_mail(self, house: House) -> None:
        house.snapshot()
        assert accounts_named(house, "alice")[0].person_id == house.person("alice").person_id
        assert accounts_named(house, "seller")[0].person_id is None

    def test_a_switched_off_account_is_known_and_has_nothing(self, house: House) -> None:
        outcome = house.snapshot()
        (off,) = accounts_named(house, "off")
        assert not off.enabled
        assert "off" not in {account for account, _, _ in grants(house, outcome.snapshot_id)}


class TestAnUnchangedOne:
    def test_it_writes_no_row(self, house: House) -> None:
        house.snapshot()
        before = rows(house)
        outcome = house.snapshot()
        assert rows(house) == before
        assert (outcome.state, outcome.added, outcome.gone) == (COMPLETE, 0, 0)

    def test_another_order_in_the_file_is_no_change(self, house: House) -> None:
        house.snapshot()
        before = rows(house)
        house.write_permissions(dict(reversed(ACCOUNTS.items())))
        house.snapshot()
        assert rows(house) == before


class TestAChange:
    def after(self, house: House, accounts: dict[str, Any], groups: dict[str, Any] = GROUPS) -> Any:
        first = house.snapshot().snapshot_id
        house.write_permissions(accounts, groups)
        second = house.snapshot().snapshot_id
        return difference(house, first, second)

    def test_a_new_account(self, house: House) -> None:
        new = {**ACCOUNTS, "new": {"folders": {"/sales": "list"}}}
        assert self.after(house, new) == ({("new", "/sales", Rights.LIST)}, set())

    def test_an_account_that_is_gone(self, house: House) -> None:
        added, gone = self.after(house, without("seller"))
        assert added == set()
        assert {(account, folder) for account, folder, _ in gone} == {("seller", "/sales")}

    def test_other_rights_are_another_row(self, house: House) -> None:
        less = {**ACCOUNTS, "pia": {**ACCOUNTS["pia"], "folders": {"/finance/inbox": "list"}}}
        added, gone = self.after(house, less)
        assert added == {("pia", "/finance/inbox", Rights.LIST)}
        assert gone == {("pia", "/finance/inbox", Rights.LIST | Rights.UPLOAD)}

    def test_the_same_rights_for_another_reason_are_another_row(self, house: House) -> None:
        own = {**ACCOUNTS, "lea": {"folders": {"/finance": "list download upload"}}}
        added, gone = self.after(house, own)
        assert added
        assert added == gone

    def test_switching_off_takes_the_grants_and_keeps_the_account(self, house: House) -> None:
        added, gone = self.after(house, {**ACCOUNTS, "pia": {**ACCOUNTS["pia"], "enabled": False}})
        assert (added, len(gone)) == (set(), 1)
        assert len(accounts_named(house, "pia")) == 1
        assert not accounts_named(house, "pia")[0].enabled

    def test_an_account_that_came_back_is_another_account(self, house: House) -> None:
        first = house.snapshot()
        house.write_permissions(without("pia"))
        second = house.snapshot()
        house.write_permissions(ACCOUNTS)
        third = house.snapshot()
        old, new = accounts_named(house, "pia")
        assert (old.gone_snapshot_id, new.first_snapshot_id) == (
            second.snapshot_id,
            third.snapshot_id,
        )
        assert grants(house, first.snapshot_id) == grants(house, third.snapshot_id)
        assert (third.added, third.gone) == (1, 0)

    def test_a_folder_that_came_back_is_another_folder(self, house: House) -> None:
        first = house.snapshot()
        house.write_permissions(without("seller", "off"))
        house.snapshot()
        house.write_permissions(ACCOUNTS)
        third = house.snapshot()
        assert grants(house, first.snapshot_id) == grants(house, third.snapshot_id)
        with house.db.reading() as session:
            sales = session.scalars(select(Folder).where(Folder.path == "/sales")).all()
        assert [folder.gone_snapshot_id is None for folder in sales] == [False, True]

    def test_groups_and_their_members_are_intervals(self, house: House) -> None:
        house.snapshot()
        assert (live(house, Group), live(house, GroupMember)) == (1, 3)
        alone = {**ACCOUNTS, "bob": {}, "lea": {}}
        house.write_permissions(alone)
        house.snapshot(accept_shrink=True)
        assert (live(house, Group), live(house, GroupMember)) == (1, 1)
        house.write_permissions({**alone, "alice": {}}, {})
        house.snapshot(accept_shrink=True)
        assert (live(house, Group), live(house, GroupMember)) == (0, 0)
        house.write_permissions(ACCOUNTS)
        house.snapshot()
        assert (live(house, Group), live(house, GroupMember)) == (1, 3)

    def test_names_of_other_scripts_are_names(self, house: House) -> None:
        odd = {**ACCOUNTS, "jörg ß": {"folders": {"/Straße/日本": "list"}}}
        added, _ = self.after(house, odd)
        assert added == {("jörg ß", "/Straße/日本", Rights.LIST)}

    def test_the_last_sign_in_is_noted(self, house: House) -> None:
        house.snapshot()
        at = NOON - timedelta(days=3)
        last_logins.path_of(house.permissions).write_text(json.dumps({"pia": at.isoformat()}))
        house.snapshot()
        assert accounts_named(house, "pia")[0].last_login_at == at
        assert accounts_named(house, "alice")[0].last_login_at is None


class TestWhoAnAccountBelongsTo:
    def test_it_follows_the_mail_address(self, house: House) -> None:
        house.snapshot()
        moved = {**ACCOUNTS, "alice": {**ACCOUNTS["alice"], "email": "BOB@House.Example"}}
        house.write_permissions(moved)
        house.snapshot()
        assert accounts_named(house, "alice")[0].person_id == house.person("bob").person_id

    def test_without_an_address_it_is_nobodys(self, house: House) -> None:
        house.snapshot()
        house.write_permissions({**ACCOUNTS, "alice": {"groups": ["finance"]}})
        house.snapshot()
        assert accounts_named(house, "alice")[0].person_id is None

    def test_a_person_who_comes_later_is_found(self, house: House) -> None:
        house.write_permissions({**ACCOUNTS, "seller": {"email": "New@Münchén.example"}})
        house.snapshot()
        text = "email,name,organisation\nnew@münchén.example,New,House\n"
        with house.db.transaction() as session:
            people.import_people(Act(session, house.admin, NOON), text)
            snapshot_merge.match_persons(session, house.server_id)
        assert accounts_named(house, "seller")[0].person_id
