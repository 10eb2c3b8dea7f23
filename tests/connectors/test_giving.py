"""Every kind that declares a change of an account or a membership keeps what the contract says of
it: it plans, is carried out once, can be read back, and can be undone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from conformance import WORLDS, CsvWorld, EmbeddedWorld, Probe, Stated, cells

from recert.connectors import changes
from recert.connectors.changes import (
    Change,
    CloseAccount,
    CredentialKind,
    JoinGroup,
    LeaveGroup,
    NewCredential,
    OpenAccount,
    RotateCredential,
    SetRights,
)
from recert.connectors.contract import (
    CannotExpress,
    Cell,
    EditedByOthers,
    NameTaken,
    Standing,
)
from recert.connectors.embedded.passwords import hash_password
from recert.connectors.rights import READ, Rights
from recert.ftpserver.server import EmbeddedServer

World = EmbeddedWorld | CsvWorld
WRITING = [world for world in WORLDS if world.can_write]
NEW_SECRET = NewCredential(CredentialKind.PASSWORD_HASH, hash_password("secret", cheap=True))
DORA = OpenAccount("dora", groups=("auditors",), display_name="Dora", email="dora@example.com")
CHANGES = (
    JoinGroup("alice", "auditors"),
    LeaveGroup("bob", "auditors"),
    DORA,
    OpenAccount("charlie", reopen=True),
    CloseAccount("alice"),
    RotateCredential("alice", NEW_SECRET),
)


@pytest.fixture
def world(request, tmp_path) -> World:
    """Alice reads /finance, Bob reads all through a group, Charlie's account is closed."""
    world = request.param(tmp_path)
    world.state(
        Stated(
            accounts={
                "alice": {"folders": {"/finance": "list download"}},
                "bob": {"groups": ["auditors"]},
                "charlie": {"enabled": False, "folders": {"/finance": "list"}},
            },
            groups={"auditors": {"/": "list download"}},
        )
    )
    return world


def every_change(kinds):
    cases = [
        pytest.param(kind, change, id=f"{kind.kind}-{changes.NAMES[type(change)]}-{change.account}")
        for kind in kinds
        for change in CHANGES
    ]
    return pytest.mark.parametrize(("world", "change"), cases, indirect=["world"])


def skips_undeclared(world: World, change: Change) -> bool:
    """True when the kind does not declare the change: then it must refuse it in words."""
    if type(change) in world.connector().features.changes:
        return False
    with pytest.raises(CannotExpress, match="no way for Recert to"):
        world.connector().plan(change)
    return True


@every_change(WORLDS)
class TestEveryDeclaredChange:
    def test_is_planned_carried_out_and_read_back(self, world, change):
        if skips_undeclared(world, change):
            return
        plan = world.connector().plan(change)
        assert not plan.is_empty
        assert world.connector().standing(plan) is Standing.BEFORE
        world.carry_out(plan)
        assert world.connector().standing(plan) is Standing.AFTER
        assert world.connector().plan(change).is_empty

    def test_planning_writes_nothing(self, world, change):
        before = world.file.read_bytes()
        if not skips_undeclared(world, change):
            world.connector().plan(change)
        assert world.file.read_bytes() == before


@every_change(WRITING)
class TestCarryingOut:
    def test_twice_is_as_good_as_once(self, world, change):
        plan = world.connector().plan(change)
        world.connector().apply(plan)
        once = world.file.read_bytes()
        world.connector().apply(plan)
        assert world.file.read_bytes() == once

    def test_somebody_elses_edit_wins(self, world, change):
        plan = world.connector().plan(change)
        theirs = world.file.read_text().replace('"list download"', '"list"')
        theirs = theirs.replace('"enabled": false', '"name": "C", "enabled": false')
        world.file.write_text(theirs)
        with pytest.raises(EditedByOthers):
            world.connector().apply(plan)
        assert world.file.read_text() == theirs

    def test_undo_restores_every_byte_or_names_why_not(self, world, change):
        before = world.file.read_bytes()
        plan = world.connector().plan(change)
        world.connector().apply(plan)
        after = world.file.read_bytes()
        assert after != before
        if isinstance(change, RotateCredential):
            with pytest.raises(CannotExpress, match="is not kept"):
                world.connector().undo_plan(plan)
            assert world.file.read_bytes() == after
        else:
            world.connector().apply(world.connector().undo_plan(plan))
            assert world.file.read_bytes() == before

    def test_no_plan_shows_a_password(self, world, change):
        plan = world.connector().plan(change)
        shown = repr([plan.before, plan.after, plan.diff, repr(plan), changes.to_json(plan.change)])
        assert "scrypt" not in shown
        assert "argon2" not in shown


@pytest.mark.parametrize("world", WORLDS, indirect=True, ids=lambda kind: kind.kind)
class TestRefusals:
    def test_a_taken_name(self, world):
        for name in ("alice", "charlie"):
            with pytest.raises(NameTaken, match=name):
                world.connector().plan(replace(DORA, account=name))

    def test_an_unknown_group(self, world):
        with pytest.raises(CannotExpress, match="no group 'sales'"):
            world.connector().plan(JoinGroup("alice", "sales"))

    def test_an_unknown_account(self, world):
        for change in (JoinGroup("zoe", "auditors"), CloseAccount("zoe")):
            with pytest.raises(CannotExpress, match="no account 'zoe'"):
                world.connector().plan(change)


@pytest.mark.parametrize("world", [EmbeddedWorld], indirect=True, ids=["embedded"])
class TestThePermissionFile:
    def test_a_join_names_the_folders_that_it_opens(self, world):
        plan = world.connector().plan(JoinGroup("alice", "auditors"))
        assert plan.gains == (Cell("alice", "/", Rights.NONE, READ),)
        assert plan.side_effects == ()

    def test_joining_never_closes_a_folder(self, world):
        world.state(
            Stated(
                accounts={"alice": {"groups": ["a"]}},
                groups={"a": {"/": "list"}, "b": {"/": "list", "/in": ""}},
            )
        )
        with pytest.raises(CannotExpress, match="could do less in /in: list"):
            world.connector().plan(JoinGroup("alice", "b"))

    def test_a_new_account_opens_only_what_the_plan_names(self, world):
        plan = world.connector().plan(DORA)
        others = cells(world.connector())
        world.connector().apply(plan)
        gained = {(cell.account, cell.folder): cell.after for cell in plan.gains}
        assert gained == {("dora", "/"): READ, ("dora", "/finance"): READ}
        assert cells(world.connector()) == {**others, **gained}

    def test_a_real_client_signs_in_only_with_the_new_password(self, world):
        connector = world.connector()
        with EmbeddedServer(world.file) as server:
            probe = Probe(server, world.root)
            connector.apply(connector.plan(DORA))
            assert probe.tried("dora", "/", ["/finance"]) == {("dora", "/finance"): Rights.NONE}
            connector.apply(connector.plan(RotateCredential("dora", NEW_SECRET)))
            assert probe.tried("dora", "/", ["/finance"]) == {("dora", "/finance"): READ}
            connector.apply(connector.plan(CloseAccount("dora")))
            assert probe.tried("dora", "/", ["/finance"]) == {("dora", "/finance"): Rights.NONE}
            connector.apply(connector.plan(OpenAccount("dora", reopen=True)))
            assert probe.tried("dora", "/", ["/finance"]) == {("dora", "/finance"): READ}
            other = NewCredential(
                CredentialKind.PASSWORD_HASH, hash_password("another one", cheap=True)
            )
            connector.apply(connector.plan(RotateCredential("dora", other)))
            assert probe.tried("dora", "/", ["/finance"]) == {("dora", "/finance"): Rights.NONE}

    def test_an_end_date_is_enforced_by_the_server(self, world):
        past = datetime(2026, 1, 31, 12, tzinfo=UTC)
        plan = world.connector().plan(replace(DORA, expires=past, credential=NEW_SECRET))
        world.connector().apply(plan)
        fact = next(one for one in world.connector().read().accounts if one.name == "dora")
        assert (fact.enabled, fact.expires) == (False, past)
        with EmbeddedServer(world.file) as server:
            tried = Probe(server, world.root).tried("dora", "/", ["/finance"])
        assert tried == {("dora", "/finance"): Rights.NONE}

    @pytest.mark.parametrize("name", ["", " dora", "do\x00ra", "x" * 300])
    def test_a_name_that_the_file_cannot_hold(self, world, name):
        with pytest.raises(CannotExpress):
            world.connector().plan(replace(DORA, account=name))

    def test_a_credential_of_the_wrong_kind(self, world):
        key = NewCredential(CredentialKind.PUBLIC_KEY, "ssh-ed25519 AAAA")
        with pytest.raises(CannotExpress, match="no keys"):
            world.connector().plan(RotateCredential("alice", key))
        text = NewCredential(CredentialKind.PASSWORD_HASH, "secret")
        with pytest.raises(CannotExpress, match="password hash is refused"):
            world.connector().plan(RotateCredential("alice", text))


class TestChangesAsJson:
    @pytest.mark.parametrize("change", [*CHANGES, SetRights("alice", "/finance", READ)])
    def test_they_come_back_without_their_credential(self, change):
        back = changes.from_json(changes.to_json(change))
        if isinstance(change, RotateCredential):
            assert isinstance(back, RotateCredential)
            assert (back.account, back.credential.text) == ("alice", "")
        else:
            assert back == change

    def test_what_an_earlier_version_wrote_is_still_read(self):
        def kept(folder: str, rights: int, group: str) -> dict[str, object]:
            return {"account": "alice", "folder": folder, "rights": rights, "group": group}

        assert changes.from_json(kept("/a", 3, "")) == SetRights("alice", "/a", Rights(3))
        assert changes.from_json(kept("", 0, "sales")) == LeaveGroup("alice", "sales")
        assert changes.from_json(kept("", 0, "")) == CloseAccount("alice")
