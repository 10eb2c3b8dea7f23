"""Every command of the command line, with its exit code."""

import hashlib
import json
from pathlib import Path

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, CampaignState
from recert.changes.models import OrderState
from recert.connectors.embedded.passwords import parse_password
from recert.inventory.models import Snapshot, SnapshotState
from tests.cli.conftest import Type, closed
from tests.support.house import House


class TestTheWholeJob:
    def test_from_the_first_look_to_the_proof(
        self, house: House, recert: Type, tmp_path: Path
    ) -> None:
        assert "main: complete, 9 grants, 9 new, 0 gone." in recert("snapshot main")
        assert "9 items, 3 reviewers" in recert("campaign launch Winter --due 2026-12-20")
        number = house.item("pia", "/finance/inbox").id
        recert(f"decide {number} revoke --as alice@house.example --reason 'Contract over'")
        assert "is closed. 8 items without an answer" in closed(house, recert)
        assert "1 new orders" in recert("order run")
        recert("--as olga@house.example campaign sign-off Winter --statement 'Seen and accepted.'")
        assert house.campaign(1).state is CampaignState.SIGNED_OFF
        package = tmp_path / "evidence.zip"
        recert(f"evidence export Winter --out {package}")
        assert "Items: 9 (8 closed, 1 verified)" in recert(f"evidence verify {package}")
        assert "unbroken" in recert("trail verify")


class TestSystem:
    def test_upgrade_says_where_and_makes_the_keys(self, house: House, recert: Type) -> None:
        assert "up to date" in recert("db upgrade")
        assert (house.settings.keys / "signing.key").stat().st_mode & 0o777 == 0o600

    def test_doctor_is_content(self, recert: Type) -> None:
        assert recert("doctor").count("ok  ") == 4

    def test_users_are_added(self, recert: Type) -> None:
        line = "user add new@house.example --name New --role auditor --password 'long enough 1'"
        assert "can sign in as auditor" in recert(line)
        short = "user add new@house.example --name New --password short"
        assert "A password needs 12" in recert(short, 1)

    def test_wrong_usage_exits_with_3(self, recert: Type) -> None:
        assert "No such command" in recert("frobnicate", 3)
        assert "Missing argument" in recert("server add", 3)
        assert "KEY=VALUE" in recert("server add x embedded --set file", 3)

    @pytest.mark.parametrize(
        "line",
        ["", "db", "server", "campaign", "order", "evidence", "trail", "user", "embedded", "demo"],
    )
    def test_help_is_there(self, recert: Type, line: str) -> None:
        assert "Usage:" in recert(f"{line} --help")

    def test_a_checkpoint_is_printed(self, house: House, recert: Type) -> None:
        number, digest, _, signature = recert("trail checkpoint").split()
        assert int(number) == len(house.trail_actions())
        assert (len(digest), len(signature)) == (64, 128)


class TestServers:
    def test_one_is_added_listed_and_tested(self, house: House, recert: Type) -> None:
        recert(f"server add second embedded --set file={house.permissions}")
        rows = [json.loads(line) for line in recert("server list --json").splitlines()]
        assert [(row["name"], row["writes_enabled"]) for row in rows] == [
            ("main", True),
            ("second", False),
        ]
        assert "FAIL" not in recert("server test second")
        recert("server enable-writes second")
        assert "No other server has" in recert("server set-storage second fileserver1")
        assert "the same storage as second" in recert("server set-storage main fileserver1")
        assert "no storage label" in recert("server set-storage second ''")
        recert("server enable-writes second --off")

    def test_bad_input_names_the_object(self, recert: Type) -> None:
        assert "'ghost'" in recert("server test ghost", 1)
        assert "Unknown kind 'ftp'" in recert("server add x ftp", 1)
        assert "no setting 'port'" in recert("server add x embedded --set port=1", 1)
        missing = recert("server add x embedded --set file=/x --owner ghost@house.example", 1)
        assert "ghost@house.example" in missing

    def test_a_failed_test_says_cause_and_remedy(self, house: House, recert: Type) -> None:
        house.permissions.unlink()
        assert "remedy:" in recert("server test main", 2)

    def test_a_server_that_is_down_is_a_finding(self, house: House, recert: Type) -> None:
        house.permissions.rename(house.permissions.with_suffix(".away"))
        line = json.loads(recert("snapshot main --json", 2))
        assert line["state"] == SnapshotState.FAILED.value

    def test_a_garbled_file_is_named(self, house: House, recert: Type) -> None:
        house.permissions.write_text("{", encoding="utf-8")
        assert "is not JSON: Expecting property name" in recert("snapshot main", 2)


class TestGrants:
    def test_each_line_is_one_account_in_one_folder(self, house: House, recert: Type) -> None:
        house.snapshot()
        rows = [json.loads(line) for line in recert("grants main --jsonl").splitlines()]
        pia = next(row for row in rows if row["account"] == "pia")
        assert pia == {
            "account": "pia",
            "folder": "/finance/inbox",
            "rights": ["list", "upload"],
            "via": ["own entry at /finance/inbox"],
            "enabled": True,
        }
        assert len(rows) == 9

    def test_expand_tells_every_folder(self, house: House, recert: Type) -> None:
        (house.folder / "files" / "finance" / "inbox" / "deep").mkdir(parents=True)
        house.snapshot()
        rows = [json.loads(line) for line in recert("grants main --expand --jsonl").splitlines()]
        assert {row["folder"] for row in rows if row["account"] == "pia"} == {
            "/finance/inbox",
            "/finance/inbox/deep",
        }

    def test_without_a_snapshot_it_says_what_to_do(self, recert: Type) -> None:
        assert "Run: recert snapshot main" in recert("grants main", 1)

    def test_it_says_until_when_access_is_certified(self, house: House, recert: Type) -> None:
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.KEEP))
        house.finish("alice")
        rows = [json.loads(line) for line in recert("grants main --certified --jsonl").splitlines()]
        found = {row["account"]: row for row in rows if row["folder"] == "/finance/inbox"}
        assert found["pia"]["certified_at"] == "2026-11-23T12:00:00+00:00"
        assert found["pia"]["certified_until"] == "2027-02-23T12:00:00+00:00"
        assert found["batch"]["certified_until"] is None
        said = recert("grants main --certified")
        assert "/finance/inbox  pia  list, upload  certified until 2027-02-23" in said
        assert "/finance/inbox  batch  list, download, delete  not certified" in said

    def test_certificates_are_about_boundaries(self, recert: Type) -> None:
        assert "leave --expand away" in recert("grants main --certified --expand", 3)

    def test_a_difference_is_a_finding(self, house: House, recert: Type) -> None:
        house.snapshot()
        house.snapshot()
        assert recert("diff main") == ""
        house.write_permissions({"pia": {"folders": {"/finance/inbox": "list"}}}, {})
        house.snapshot()
        assert "+ /finance/inbox  pia  list  (own entry" in recert("diff main", 2)
        assert "Complete ones" in recert("diff main --from 99", 1)


class TestImports:
    def test_people_and_owners(self, recert: Type, tmp_path: Path) -> None:
        people, owners = tmp_path / "people.csv", tmp_path / "owners.csv"
        people.write_text("email,name,organisation\nz@house.example,Zoe,House\n", encoding="utf-8")
        owners.write_text("server,folder,owner_email\nmain,/z,z@house.example\n", encoding="utf-8")
        assert "1 people imported." in recert(f"people import {people}")
        assert "1 owners imported." in recert(f"owners import {owners}")

    def test_a_bad_file_changes_nothing(self, house: House, recert: Type, tmp_path: Path) -> None:
        before = house.trail_actions()
        owners = tmp_path / "owners.csv"
        owners.write_text(
            "server,folder,owner_email\nmain,x,ghost@house.example\n", encoding="utf-8"
        )
        said = recert(f"owners import {owners}", 1)
        assert "line 2, folder" in said
        assert house.trail_actions() == before


class TestCampaigns:
    def test_a_dry_run_launches_nothing(self, house: House, recert: Type) -> None:
        house.snapshot()
        before = house.trail_actions()
        assert "Nothing was launched." in recert("campaign launch Winter --dry-run")
        assert recert("campaign list --json") == ""
        assert house.trail_actions() == before

    def test_it_is_refused_by_policy_with_4(self, recert: Type) -> None:
        assert "no complete snapshot" in recert("campaign launch Winter", 4)

    def test_show_lists_every_item(self, house: House, recert: Type) -> None:
        house.launched()
        rows = [json.loads(line) for line in recert("campaign show Autumn --json").splitlines()]
        assert len(rows) == 9
        assert {row["state"] for row in rows} == {"open"}

    def test_remind_counts_the_mails(self, house: House, recert: Type) -> None:
        house.launched()
        assert "3 reminders" in recert("campaign remind Autumn")

    def test_void_needs_a_reason(self, house: House, recert: Type) -> None:
        house.launched()
        recert("campaign void Autumn", 3)
        recert("campaign void Autumn --reason 'Wrong scope'")
        assert house.campaign(1).state is CampaignState.VOID

    def test_an_unknown_one_is_named(self, recert: Type) -> None:
        assert "'Ghost'" in recert("campaign show Ghost", 1)

    def test_deciding_for_somebody_else_is_refused(self, house: House, recert: Type) -> None:
        house.launched()
        number = house.item("pia", "/finance/inbox").id
        said = recert(f"decide {number} keep --as charlie@house.example", 4)
        assert "was not asked of you" in said

    def test_reduce_names_what_remains(self, house: House, recert: Type) -> None:
        house.launched()
        number = house.item("pia", "/finance/inbox").id
        recert(f"decide {number} reduce --as alice@house.example --rights list")
        assert house.item("pia", "/finance/inbox").answer_rights == 1
        assert "'fly'" in recert(f"decide {number} reduce --as alice@house.example --rights fly", 1)


class TestOrders:
    def revoke(self, house: House) -> None:
        """Pia's access is gone and verified."""
        house.launched()
        house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()

    def test_one_is_shown_with_plan_and_log(self, house: House, recert: Type) -> None:
        self.revoke(house)
        said = recert("order show 1")
        assert '-  "/finance/inbox": "list upload"' in said
        assert "Looked again" in said
        assert json.loads(recert("order list --json"))["state"] == "verified"

    def test_undo_can_be_seen_first(self, house: House, recert: Type) -> None:
        self.revoke(house)
        before = house.permissions.read_bytes()
        assert "+" in recert("order undo 1 --dry-run")
        assert house.permissions.read_bytes() == before
        house.user(house.officer)
        assert "Say why" in recert("order undo 1", 1)
        house.user(house.admin)
        recert("--as adam@house.example order undo 1 --reason Mistake")
        recert("order undo 1 --approved-by olga@house.example")
        assert "# order" in recert("order run --dry-run", 2)
        recert("order run")
        assert house.orders()[-1].state is OrderState.VERIFIED

    def test_a_ticket_is_noted(self, house: House, recert: Type) -> None:
        house.ordered("pia", "/finance/inbox", Reply(Answer.REVOKE))
        assert "one line" in recert("order ticket 1 ' '", 1)
        recert("order ticket 1 CHG-4711")
        assert "ticket: CHG-4711" in recert("order show 1")
        house.carry_out()
        recert("order ticket 1 CHG-4712", 4)

    def test_a_verified_one_is_not_retried(self, house: House, recert: Type) -> None:
        self.revoke(house)
        assert "is verified" in recert("order retry 1", 4)
        assert "Asked for: 7" in recert("order retry 7", 1)

    def test_an_empty_change_list_has_its_header(self, recert: Type) -> None:
        assert recert("order changes main").startswith("action")


class TestEvidence:
    def test_a_changed_package_is_a_finding(
        self, house: House, recert: Type, tmp_path: Path
    ) -> None:
        house.launched()
        package = tmp_path / "evidence.zip"
        recert(f"evidence export Autumn --out {package}")
        raw = bytearray(package.read_bytes())
        raw[100] ^= 1
        package.write_bytes(raw)
        assert "NOT GENUINE" in recert(f"evidence verify {package}", 2)


class TestSubjects:
    def test_groups_services_and_templates(
        self, house: House, recert: Type, tmp_path: Path
    ) -> None:
        groups, services = tmp_path / "groups.csv", tmp_path / "services.csv"
        groups.write_text("server,group,owner_email\nmain,finance,charlie@house.example\n")
        services.write_text("server,account,owner_email\nmain,batch,bob@house.example\n")
        assert "1 owners of groups" in recert(f"owners import-groups {groups}")
        assert "1 service accounts" in recert(f"owners import-services {services}")
        assert "Holders of administrative rights" in recert("campaign templates")
        house.snapshot()
        assert "3 items, 1 reviewers" in recert("campaign launch Groups --template groups")
        assert "group finance" in recert("campaign show Groups --json")
        assert "no template of this name" in recert("campaign launch X1 --template nope", 1)
        orphans = recert("campaign launch Orphans --template orphans --dry-run")
        assert "3 items" in orphans

    def test_a_second_look(self, house: House, recert: Type) -> None:
        house.snapshot()
        line = 'campaign launch Twice --stage "manager:kept:3" --vote "the last"'
        assert "9 items" in recert(line)
        assert house.campaign(1).stages == {
            "later": [{"who": "manager", "sees": "kept", "days": 3}],
            "vote": "the last",
        }
        assert "is nobody" in recert("campaign launch Odd --stage someone", 1)


class TestRecordings:
    def test_a_snapshot_is_read_again_and_handed_over(
        self, house: House, recert: Type, tmp_path: Path
    ) -> None:
        house.user(house.admin)
        recert("snapshot main")
        house.permissions.unlink()
        assert "comes out the same from its recording" in recert("snapshot replay main")
        assert json.loads(recert("snapshot replay 1 --json"))["same"] is True
        said = recert(f"snapshot export-raw 1 --out {tmp_path}/raw.gz")
        assert hashlib.sha256((tmp_path / "raw.gz").read_bytes()).hexdigest() in said
        assert "is there already" in recert(f"snapshot export-raw 1 --out {tmp_path}/raw.gz", 1)
        assert json.loads(recert("snapshot prune --days 1 --json")) == {"removed": []}

    def test_what_differs_is_named(self, house: House, recert: Type) -> None:
        number = house.snapshot().snapshot_id
        with house.db.transaction() as session:
            session.get_one(Snapshot, number).grants = 8
        said = recert("snapshot replay main", 2)
        assert "differs from its recording: grants: 8 then, 9 now." in said


def test_a_password_of_the_permission_file_is_made_by_command(recert: Type) -> None:
    stored = recert("embedded hash", stdin="harbour pine\nharbour pine\n").splitlines()[-1]
    assert parse_password(stored).matches("harbour pine")
