"""The smallest edit: what it writes, what it leaves alone, and what it refuses."""

import json
import random

import pytest
from conformance import canonical, cells_in, document, random_world

from recert.connectors import embedded, file_store
from recert.connectors.changes import SetRights
from recert.connectors.contract import CannotExpress, EditedByOthers, ServerDataInvalid
from recert.connectors.embedded import edit
from recert.connectors.rights import ALL, READ, Rights, names


@pytest.fixture
def plan_for(permission_file):
    """The plan for a change of Alice's rights in a folder."""

    def plan(folder, rights, accounts, groups=None):
        connector = embedded.connect({"file": str(permission_file(accounts, groups))})
        return connector.plan(SetRights("alice", folder, rights))

    return plan


class TestTheEdit:
    def test_a_group_right_is_taken_by_an_own_entry(self, plan_for):
        plan = plan_for("/in", Rights.NONE, {"alice": {"groups": ["g"]}}, {"g": {"/in": "list"}})
        assert plan.before == "null"
        assert json.loads(plan.after) == {"/in": ""}

    def test_an_own_right_is_taken_by_removing_its_entry(self, plan_for):
        plan = plan_for("/in", Rights.NONE, {"alice": {"folders": {"/in": "list", "/x": "list"}}})
        assert json.loads(plan.after) == {"/x": "list"}

    def test_an_entry_keeps_its_place(self, plan_for):
        plan = plan_for("/in", Rights.LIST, {"alice": {"folders": {"/in": "upload", "/x": "list"}}})
        assert list(json.loads(plan.after).items()) == [("/in", "list"), ("/x", "list")]

    def test_only_the_topmost_folders_below_are_pinned(self, plan_for):
        others = {"bob": {"folders": {"/in/a": "list", "/in/a/deep": "", "/in/b": "list"}}}
        plan = plan_for("/in", Rights.NONE, {"alice": {"folders": {"/in": "list"}}, **others})
        assert json.loads(plan.after) == {"/in/a": "list", "/in/b": "list"}
        assert plan.side_effects == ()

    def test_the_diff_names_file_and_account(self, plan_for):
        plan = plan_for("/in", Rights.NONE, {"alice": {"folders": {"/in": "list"}}})
        assert plan.diff.splitlines()[0] == "--- permissions.json accounts.alice.folders"
        assert '-  "/in": "list"' in plan.diff.splitlines()

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            (SetRights("zoe", "/in", READ), "no account 'zoe'"),
            (SetRights("alice", "/out", READ), "outside the home '/in'"),
            (SetRights("alice", "/in/../x", READ), "no '..'"),
            (SetRights("alice", "/in/\x00", READ), "control characters"),
            (SetRights("alice", "/in", ALL), "no right 'share'"),
        ],
    )
    def test_what_the_file_cannot_say_is_refused(self, permission_file, change, complaint):
        file = permission_file({"alice": {"home": "/in"}})
        with pytest.raises(CannotExpress) as refused:
            embedded.connect({"file": str(file)}).plan(change)
        assert complaint in str(refused.value)

    @pytest.mark.parametrize("seed", range(20))
    def test_random_changes_change_one_cell_and_come_back(self, permission_file, seed):
        dice = random.Random(seed)
        stated = random_world(seed)
        stated.accounts = {
            name: {**entry, "enabled": True, "home": "/", "expires": "2099-01-01"}
            for name, entry in stated.accounts.items()
        }
        file = permission_file(stated.accounts, stated.groups)
        original = file.read_bytes()
        connector = embedded.connect({"file": str(file)})
        boundaries = connector.read().folders
        change = SetRights(
            dice.choice(sorted(stated.accounts)),
            dice.choice([*boundaries, "/c/new"]),
            Rights(dice.choice([0, 1, 3, 7, 511])),
        )
        folders = {*boundaries, change.folder}
        wanted = cells_in(connector, folders)
        plan = connector.plan(change)
        connector.apply(plan)
        wanted.pop((change.account, change.folder), None)
        if change.rights:
            wanted[change.account, change.folder] = change.rights
        assert cells_in(connector, folders) == wanted
        assert plan.side_effects == ()
        connector.apply(connector.undo_plan(plan))
        assert file.read_bytes() == original


class TestApplying:
    @pytest.fixture
    def connector(self, permission_file):
        accounts = {"alice": {"groups": ["g"], "folders": {"/in": "list"}}}
        return embedded.connect({"file": str(permission_file(accounts, {"g": {"/": "list"}}))})

    @pytest.mark.parametrize(
        "edit_of",
        [
            {"accounts": {"alice": {"groups": ["g"], "home": "/in", "folders": {"/in": "list"}}}},
            {"groups": {"g": {"/": "download"}}},
            {"accounts": {"bob": {}}},
        ],
        ids=["the account", "its group", "the account is gone"],
    )
    def test_an_edit_of_what_the_plan_was_made_from_wins(self, connector, permission_file, edit_of):
        plan = connector.plan(SetRights("alice", "/in", Rights.NONE))
        accounts = {"alice": {"groups": ["g"], "folders": {"/in": "list"}}}
        groups = {"g": {"/": "list"}}
        file = permission_file(**{"accounts": accounts, "groups": groups, **edit_of})
        theirs = file.read_bytes()
        with pytest.raises(EditedByOthers):
            connector.apply(plan)
        assert file.read_bytes() == theirs

    def test_a_new_folder_below_asks_for_a_new_plan(self, connector, permission_file):
        plan = connector.plan(SetRights("alice", "/in", Rights.NONE))
        accounts = {
            "alice": {"groups": ["g"], "folders": {"/in": "list"}},
            "bob": {"folders": {"/in/new": "list"}},
        }
        permission_file(accounts, {"g": {"/": "list"}})
        with pytest.raises(EditedByOthers):
            connector.apply(plan)

    def test_nothing_is_written_when_the_difference_is_not_the_plan(self, connector, monkeypatch):
        plan = connector.plan(SetRights("alice", "/in", Rights.NONE))
        written = []
        monkeypatch.setattr(file_store, "replace", lambda *given: written.append(given))
        monkeypatch.setattr(edit, "as_text", lambda _folders: canonical(document({"alice": {}})))
        native = edit.Native.of(canonical(document({"alice": {}, "bob": {}})).encode())
        with pytest.raises(ServerDataInvalid):
            edit.edited(native, plan)
        assert written == []

    def test_other_accounts_keep_their_own_spelling(self, permission_file):
        accounts = {
            "alice": {"folders": {"/in": "list"}},
            "bob": {"folders": {"/in": "download list", "/a": ""}, "name": "Böb"},
        }
        file = permission_file(accounts)
        connector = embedded.connect({"file": str(file)})
        connector.apply(connector.plan(SetRights("alice", "/in", READ)))
        accounts["alice"]["folders"]["/in"] = " ".join(names(READ))
        assert file.read_text(encoding="utf-8") == canonical(document(accounts))
