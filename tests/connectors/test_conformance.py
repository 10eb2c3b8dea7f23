"""Every kind keeps the contract of `recert.connectors.contract`. The classes name the promises."""

import pytest
from conformance import (
    WORLDS,
    CsvWorld,
    EmbeddedWorld,
    Probe,
    Stated,
    cells,
    cells_in,
    grants,
    random_world,
)

from recert.connectors.changes import SetRights
from recert.connectors.contract import (
    EditedByOthers,
    ServerDataInvalid,
    ServerUnreachable,
    Standing,
)
from recert.connectors.rights import ADD, READ, Rights
from recert.ftpserver.server import EmbeddedServer

Any = EmbeddedWorld | CsvWorld
WRITING = [world for world in WORLDS if world.can_write]
REVOKE = SetRights("alice", "/finance", Rights.NONE)


def finance() -> Stated:
    """Alice reads /finance and adds to its inbox, Bob reads all through a group."""
    return Stated(
        accounts={
            "alice": {"folders": {"/finance": "list download", "/finance/inbox": "list upload"}},
            "bob": {"groups": ["auditors"]},
            "charlie": {"enabled": False, "folders": {"/finance": "list"}},
        },
        groups={"auditors": {"/": "list download"}},
    )


@pytest.fixture
def world(request, tmp_path) -> Any:
    world = request.param(tmp_path)
    world.state(finance())
    return world


def every_kind(test):
    return pytest.mark.parametrize("world", WORLDS, indirect=True, ids=lambda one: one.kind)(test)


def every_writing_kind(test):
    return pytest.mark.parametrize("world", WRITING, indirect=True, ids=lambda one: one.kind)(test)


@every_kind
class TestReading:
    def test_it_changes_nothing(self, world):
        before = world.file.read_bytes()
        reading = world.connector().read()
        assert list(reading.grants)
        assert list(world.connector().checks())[-1].passed
        assert world.file.read_bytes() == before
        assert [path.name for path in world.file.parent.glob("*.lock")] == []

    def test_it_names_who_can_do_what_and_why(self, world):
        found = {(one.account, one.folder): one for one in grants(world.connector())}
        assert found["alice", "/finance"].rights == READ
        assert found["alice", "/finance/inbox"].rights == Rights.LIST | Rights.UPLOAD
        assert found["bob", "/finance"].rights == READ
        assert found["bob", "/finance"].via == ("group auditors at /",)

    def test_a_disabled_account_is_named_and_has_nothing(self, world):
        reading = world.connector().read()
        charlie = next(one for one in reading.accounts if one.name == "charlie")
        assert not charlie.enabled
        assert charlie.note
        assert "charlie" not in {grant.account for grant in reading.grants}

    def test_folders_come_parents_first_and_every_grant_lies_in_one(self, world):
        reading = world.connector().read()
        folders = list(reading.folders)
        assert folders == ["/", "/finance", "/finance/inbox"]
        seen = [grant.folder for grant in reading.grants]
        assert seen == sorted(seen, key=folders.index)
        assert set(folders) <= set(world.connector().every_folder()) | {"/finance/inbox"}

    def test_some_accounts_can_be_asked_for(self, world):
        reading = world.connector().read(accounts=["alice"])
        assert [one.name for one in reading.accounts] == ["alice"]
        assert {grant.account for grant in reading.grants} == {"alice"}

    def test_the_fingerprint_follows_the_source(self, world):
        first = world.connector().read().fingerprint
        assert world.connector().read().fingerprint == first
        world.state(Stated(accounts={"alice": {"folders": {"/finance": "list"}}}))
        assert world.connector().read().fingerprint != first

    def test_a_missing_source_is_unreachable(self, world):
        world.file.unlink()
        with pytest.raises(ServerUnreachable):
            world.connector().read()

    def test_a_garbled_source_is_refused_and_left_alone(self, world):
        for garbage in (b"", b"\xff\xfe\x00{", b'{"version": 1', b"folder;x\n\x00"):
            world.file.write_bytes(garbage)
            with pytest.raises(ServerDataInvalid):
                world.connector().read()
            assert world.file.read_bytes() == garbage
            failed = [check for check in world.connector().checks() if not check.passed]
            assert [check.remedy for check in failed if check.cause] != []

    def test_hostile_names_are_carried_unchanged(self, world):
        folder = "/Ablage \"Ü\" 'x'; $(rm) ,/日本 語"
        name = 'Jean "d\'Arc", Müller; |'
        world.state(Stated(accounts={name: {"folders": {folder: "list"}}}))
        assert cells(world.connector()) == {(name, folder): Rights.LIST}

    @pytest.mark.parametrize("control", ["\x00", "\x1b", "\n", "\x85", "\u2028"])
    def test_control_characters_are_refused(self, world, control):
        for name, folder in ((f"al{control}ice", "/finance"), ("alice", f"/fin{control}ance")):
            world.state(Stated(accounts={name: {"folders": {folder: "list"}}}))
            with pytest.raises(ServerDataInvalid):
                world.connector().read()


@every_kind
class TestPlanning:
    def test_it_only_reads(self, world):
        def state() -> list[tuple[object, ...]]:
            """Without the time of the last reading, which reading may change."""
            found = ((path, path.stat()) for path in world.file.parent.iterdir())
            return sorted((p, s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns) for p, s in found)

        before = state()
        plan = world.connector().plan(REVOKE)
        assert not plan.is_empty
        assert state() == before

    def test_it_is_empty_when_the_server_is_as_wanted(self, world):
        assert world.connector().plan(SetRights("alice", "/finance", READ)).is_empty

    def test_standing_tells_before_after_and_other(self, world):
        plan = world.connector().plan(REVOKE)
        assert world.connector().standing(plan) is Standing.BEFORE
        world.carry_out(plan)
        assert world.connector().standing(plan) is Standing.AFTER
        stated = finance()
        stated.accounts["alice"]["folders"]["/finance"] = "list"
        world.state(stated)
        assert world.connector().standing(plan) is Standing.OTHER


@every_writing_kind
class TestWriting:
    @pytest.mark.parametrize("account", ["alice", "bob"])
    @pytest.mark.parametrize("folder", ["/", "/finance", "/finance/inbox", "/new"])
    @pytest.mark.parametrize("rights", [Rights.NONE, Rights.LIST, READ, ADD])
    def test_exactly_the_planned_cell_changes(self, world, account, folder, rights):
        folders = {*world.connector().read().folders, folder}
        wanted = cells_in(world.connector(), folders)
        plan = world.connector().plan(SetRights(account, folder, rights))
        world.connector().apply(plan)
        wanted.pop((account, folder), None)
        if rights:
            wanted[account, folder] = rights
        assert cells_in(world.connector(), folders) == wanted
        assert plan.side_effects == ()

    def test_twice_is_as_good_as_once(self, world):
        plan = world.connector().plan(REVOKE)
        world.connector().apply(plan)
        once = world.file.read_bytes()
        world.connector().apply(plan)
        assert world.file.read_bytes() == once

    def test_somebody_elses_edit_wins(self, world):
        plan = world.connector().plan(REVOKE)
        stated = finance()
        stated.accounts["alice"]["folders"]["/finance"] = "list"
        world.state(stated)
        theirs = world.file.read_bytes()
        with pytest.raises(EditedByOthers):
            world.connector().apply(plan)
        assert world.file.read_bytes() == theirs

    def test_an_edit_of_another_account_is_kept(self, world):
        plan = world.connector().plan(REVOKE)
        stated = finance()
        stated.accounts["charlie"]["enabled"] = True
        world.state(stated)
        world.connector().apply(plan)
        found = cells(world.connector())
        assert ("alice", "/finance") not in found
        assert found["charlie", "/finance"] == Rights.LIST

    def test_undo_restores_every_byte(self, world):
        before = world.file.read_bytes()
        plan = world.connector().plan(REVOKE)
        world.connector().apply(plan)
        assert world.file.read_bytes() != before
        world.connector().apply(world.connector().undo_plan(plan))
        assert world.file.read_bytes() == before

    def test_undo_is_refused_when_the_change_does_not_stand(self, world):
        plan = world.connector().plan(REVOKE)
        with pytest.raises(EditedByOthers):
            world.connector().undo_plan(plan)


@pytest.mark.slow
class TestTruth:
    def test_a_real_client_can_do_what_the_grants_say_and_nothing_else(self, tmp_path, world_seed):
        world = EmbeddedWorld(tmp_path)
        stated = random_world(world_seed)
        world.state(stated)
        folders = list(world.connector().read().folders)
        said = cells(world.connector())
        with EmbeddedServer(world.file) as server:
            probe = Probe(server, world.root)
            for name, entry in stated.accounts.items():
                for cell, rights in probe.tried(name, entry["home"], folders).items():
                    assert rights == said.pop(cell, Rights.NONE), cell
        assert said == {}
        print(
            f"seed {world_seed}: {len(stated.accounts) * len(folders) * 9} cells compared, 0 wrong"
        )

    def test_a_change_is_true_for_a_real_client_too(self, tmp_path, world_seed):
        world = EmbeddedWorld(tmp_path)
        stated = random_world(world_seed)
        stated.accounts["alice"] = {"groups": sorted(stated.groups), "folders": {"/": "list"}}
        world.state(stated)
        with EmbeddedServer(world.file) as server:
            probe = Probe(server, world.root)
            for folder, rights in (("/a", READ), ("/", Rights.NONE), ("/a", Rights.NONE)):
                world.connector().apply(world.connector().plan(SetRights("alice", folder, rights)))
                folders = list(world.connector().read().folders)
                said = cells(world.connector())
                for cell, could in probe.tried("alice", "/", folders).items():
                    assert could == said.get(cell, Rights.NONE), cell
                assert said.get(("alice", folder), Rights.NONE) == rights
