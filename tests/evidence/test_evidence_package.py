"""From a campaign to a package that an auditor accepts."""

import ast
import csv
import inspect
import io
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from recert import trail
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence import verifier
from recert.evidence.models import Package
from recert.evidence.package import export
from recert.evidence.package.csv_safety import neutral
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, NotAllowed
from recert.foundation.secrets import fingerprint
from tests.evidence.conftest import INBOX, played
from tests.support import packages
from tests.support.house import House


class TestAPackage:
    def test_it_is_accepted_by_the_verifier_inside(
        self, package: Path, key: Ed25519PrivateKey
    ) -> None:
        print_of_key = fingerprint(key.public_key().public_bytes_raw())
        code, said = packages.judged(package, "--key", print_of_key)
        assert (code, "GENUINE: the package is complete and unchanged." in said) == (0, True)
        assert "Items: 9 (7 closed, 2 verified)" in said

    def test_without_a_key_it_does_not_say_that_we_made_it(self, package: Path) -> None:
        code, said = packages.judged(package)
        assert (code, "GENUINE" in said) == (0, False)
        assert "nothing about who sealed it" in said

    def test_reading_one_leaves_other_readers_of_csv_as_they_were(self, package: Path) -> None:
        usual = csv.field_size_limit()
        verifier.check(str(package))
        assert csv.field_size_limit() == usual

    def test_another_key_is_not_the_one_that_was_asked_for(self, package: Path) -> None:
        other = fingerprint(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
        code, said = packages.judged(package, "--key", other)
        assert (code, "another key" in said) == (2, True)

    def test_it_is_written_down(self, house: House) -> None:
        package = house.export(played(house))
        with house.db.reading() as session:
            kept = session.scalars(select(Package)).one()
        assert kept.size == package.stat().st_size
        assert house.trail_actions()[-2:] == ["evidence.exported", "evidence.sealed"]

    def test_every_decision_is_in_it_with_its_reason(self, package: Path) -> None:
        made = packages.rows(packages.files(package)["decisions.csv"])
        reasons = [verifier._plain(row["reason"]) for row in made]
        assert '=cmd|" /C calc"!A0\r\n"über", 日本' in reasons
        assert "'=quoted" in reasons
        assert [row["answer"] for row in made].count("keep") == 4

    def test_no_cell_can_be_run_by_a_spreadsheet(self, package: Path) -> None:
        for name, raw in packages.files(package).items():
            if name.endswith(".csv"):
                cells = [
                    c for row in csv.reader(io.StringIO(raw.decode(), newline="")) for c in row
                ]
                assert not [c for c in cells if c[:1] in "=+@\t\r" and c], name
                assert not [c for c in cells if c[:1] == "-" and not c[1:].isdigit()], name

    @pytest.mark.parametrize(
        "text",
        ["=1", "+1", "-1", "@a", "\ta", "'a", "'=1", "''", "'", "a'", "", " =1", "＝1", "\n=1"],
    )
    def test_a_neutral_cell_gives_its_text_back(self, text: str) -> None:
        assert verifier._plain(neutral(text)) == text

    def test_orders_tell_before_and_after(self, package: Path) -> None:
        lines = packages.files(package)["orders.jsonl"].splitlines()
        order = next(o for o in map(json.loads, lines) if o["account"] == "pia")
        assert "list upload" in order["plan"]["before"]
        assert (order["state"], order["rights_found"]) == ("verified", [])
        assert [step["state"] for step in order["log"]][-1] == "verified"


class TestOtherCampaigns:
    def test_one_without_any_decision_can_be_proved(self, house: House) -> None:
        code, said = packages.judged(house.export(house.launched()))
        assert (code, "Items with a decision: 0" in said) == (0, True)

    def test_one_that_still_runs_can_be_proved(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        assert packages.judged(house.export(campaign))[0] == 0

    def test_one_whose_access_changed_on_the_way_can_be_proved(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        house.decide("batch", INBOX, Reply(Answer.KEEP))
        house.give("pia", INBOX, "list")
        house.give("batch", INBOX)
        house.snapshot()
        assert house.refresh() == 2
        with house.later(minutes=11):
            house.snapshot()
            house.close(campaign)
        assert packages.judged(house.export(campaign))[0] == 0

    def test_one_after_another_of_the_same_server_can_be_proved(self, house: House) -> None:
        played(house)
        second = house.launched(name="Winter")
        assert packages.judged(house.export(second))[0] == 0

    def test_a_change_that_was_taken_back_is_told(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        house.finish("alice")
        house.carry_out()
        house.take_back(house.orders()[0].id)
        house.carry_out()
        house.close(campaign)
        package = house.export(campaign)
        assert packages.judged(package)[0] == 0
        orders = packages.files(package)["orders.jsonl"].splitlines()
        assert [json.loads(line)["kind"] for line in orders] == ["revoke", "undo"]

    def test_answers_that_come_during_the_export_do_not_spoil_it(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        campaign = house.launched()
        real = export._write

        def answer_meanwhile(*details: object) -> None:
            house.decide("pia", INBOX, Reply(Answer.REVOKE))
            real(*details)  # type: ignore[arg-type]

        monkeypatch.setattr(export, "_write", answer_meanwhile)
        assert packages.judged(house.export(campaign))[0] == 0


class TestWhoMayNot:
    def test_a_draft_or_void_campaign_proves_nothing(self, house: House) -> None:
        house.snapshot()
        draft = house.drafted("Spring")
        with pytest.raises(BadInput, match="draft"):
            house.export(draft)
        house.void(draft)
        with pytest.raises(BadInput, match="void"):
            house.export(draft)

    @pytest.mark.parametrize("who", ["admin", "alice"])
    def test_neither_administrators_nor_reviewers_may(self, house: House, who: str) -> None:
        campaign = house.launched()
        actor: Actor = house.admin if who == "admin" else house.person(who)
        target, key = house.folder / "no.zip", Ed25519PrivateKey.generate()
        with pytest.raises(NotAllowed):
            export.export(house.db, campaign, target, key, actor=actor, now=house.now)
        assert not target.exists()


class TestTheVerifierItself:
    SOURCE = inspect.getsource(verifier)

    def test_it_needs_nothing_but_the_standard_library(self) -> None:
        tree = ast.parse(self.SOURCE)
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)

    def test_it_is_python_3_9(self) -> None:
        ast.parse(self.SOURCE, feature_version=(3, 9))

    def test_it_says_when_there_is_no_file(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert verifier.main([str(tmp_path / "no.zip")]) == 1
        assert "cannot be read" in capsys.readouterr().out


def test_the_trail_still_holds(house: House) -> None:
    house.export(played(house))
    with house.db.reading() as session:
        assert trail.service.verify(session) is None
