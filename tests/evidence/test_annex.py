"""The annex for people: one line per item, and nothing in it that a spreadsheet would run."""

import csv
import io
import json
import tracemalloc
import zipfile
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.evidence.package import item_annex
from recert.evidence.package.csv_safety import neutral
from recert.evidence.package.workbook import Workbook
from tests.evidence.conftest import INBOX
from tests.support import packages
from tests.support.house import NOON, House
from tests.support.packages import Rows

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\u00a0=1", "\u200b=1", "\ufeff-1"),
    *("＝1", "＋1", "－1", "＠a", " ＝1", "\n=1", "\x1f=1", "−1", "'=1"),
]


def lines(package: Path) -> Rows:
    return packages.rows(packages.files(package)["annex/items.csv"])


def line(package: Path, account: str, folder: str) -> dict[str, str]:
    return next(r for r in lines(package) if (r["account"], r["folder"]) == (account, folder))


def cells(raw: bytes, sheet: int = 1) -> tuple[list[list[str]], bytes]:
    """The texts of a sheet, and its XML."""
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        xml = book.read(f"xl/worksheets/sheet{sheet}.xml")
    table = [
        ["".join(cell.itertext()) for cell in row]
        for row in ElementTree.fromstring(xml).iter(f"{MAIN}row")
    ]
    return table, xml


class TestALine:
    def test_there_is_one_for_each_item(self, package: Path) -> None:
        found, files = lines(package), packages.files(package)
        assert len(found) == 9
        listed = packages.rows(files["items.csv"])
        assert [row["item"] for row in found] == [row["item"] for row in listed]

    def test_it_tells_who_was_asked_who_answered_and_how_it_ended(self, package: Path) -> None:
        row = line(package, "pia", INBOX)
        assert row["person"] == "Pia Partner"
        assert row["rights"] == "see file names, add new files"
        assert row["reviewer"] == "Alice Archer <alice@house.example>"
        assert row["why_this_reviewer"] == "folder owner"
        assert row["decided_by"] == "alice@house.example"
        assert (row["channel"], row["assurance"]) == ("web", "signed in")
        assert (row["answer"], row["rights_remaining"]) == ("revoke", "no access")
        assert row["reason"].startswith("'=cmd|")
        assert row["order"].isdigit()
        assert row["verified_utc"] == NOON.isoformat()

    def test_its_times_are_utc_and_those_of_the_reviewers(self, package: Path) -> None:
        row = line(package, "pia", INBOX)
        for name in ("access_seen", "decided", "verified"):
            assert row[f"{name}_utc"] == "2026-11-23T12:00:00+00:00"
            assert row[f"{name}_local"] == "2026-11-23T13:00:00+01:00"

    def test_silence_is_a_policy_and_nobodys_answer(self, package: Path) -> None:
        row = next(row for row in lines(package) if row["answer"] == "no answer")
        assert (row["reason"], row["decided_utc"]) == ("", "")
        assert row["decided_by"] == "policy: kept without an answer"
        assert (row["channel"], row["assurance"]) == ("system", "policy")

    def test_an_item_that_was_asked_again_was_seen_later(self, house: House) -> None:
        campaign = house.launched()
        with house.later(hours=2) as at:
            house.give("pia", INBOX, "list")
            house.snapshot()
            house.refresh()
            row = line(house.export(campaign), "pia", INBOX)
        assert row["access_seen_utc"] == at.isoformat() == (NOON + timedelta(hours=2)).isoformat()
        assert (row["decided_by"], row["answer"]) == ("", "")

    def test_an_answer_that_was_passed_on_is_no_answer(self, house: House) -> None:
        campaign = house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE, reason="Old"))
        house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="Ask Bob"))
        row = line(house.export(campaign), "pia", INBOX)
        assert (row["decided_by"], row["answer"], row["reason"]) == ("", "", "")


class TestFormulas:
    @pytest.mark.parametrize("text", HOSTILE)
    def test_none_is_left_in_a_csv(self, text: str) -> None:
        assert neutral(text) == f"'{text}"

    @pytest.mark.parametrize("text", ["", "a=1", "1-1", "/finance", "a@b", " x", 7, None])
    def test_harmless_cells_stay_as_they_are(self, text: object) -> None:
        assert neutral(text) == text

    def test_a_sheet_has_texts_only(self, tmp_path: Path) -> None:
        hostile = [
            *HOSTILE,
            "http://x.example",
            "file://etc",
            "mailto:a@b",
            "{=1}",
            "<b>&\x01\ufffe",
        ]
        xml, table = written(tmp_path, hostile)
        assert b"<f>" not in xml
        assert b"hyperlink" not in xml
        seen = [row[1] for row in table[1:]]
        assert seen[: len(HOSTILE)] == [escaped(text) for text in HOSTILE]

    def test_what_looks_like_the_xml_of_a_sheet_is_a_text_too(self, tmp_path: Path) -> None:
        attack = "<r><t>x</t></r></is></c><c r='B9' t='str'><f>1+1</f><v>2</v></c><r></r>"
        xml, table = written(tmp_path, [attack])
        assert b"<f>" not in xml
        assert table[1][1] == attack

    def test_the_csv_is_read_back_without_one(self, package: Path) -> None:
        raw = packages.files(package)["annex/items.csv"].decode()
        for row in csv.reader(io.StringIO(raw, newline="")):
            assert not [cell for cell in row if neutral(cell) != cell and not cell.startswith("'")]


def escaped(text: str) -> str:
    """As a spreadsheet keeps characters that XML cannot hold."""
    return text.replace("\x1f", "_x001F_").replace("\r", "_x000D_")


def written(folder: Path, names: list[str]) -> tuple[bytes, list[list[str]]]:
    with Workbook(folder / "a.xlsx", item_annex.COLUMNS, now=NOON) as book:
        assert list(book.also([record(name)] for name in names))
    table, xml = cells((folder / "a.xlsx").read_bytes())
    return xml, table


def record(name: str) -> tuple[object, ...]:
    return (1, name, "/x", *[""] * (len(item_annex.COLUMNS) - 3))


class TestTheSheet:
    def test_it_says_the_same_as_the_csv(self, package: Path) -> None:
        table, _ = cells(packages.files(package)["annex/items.xlsx"])
        assert table[0] == list(item_annex.COLUMNS)
        assert [row[0] for row in table[1:]] == [row["item"] for row in lines(package)]

    def test_a_full_sheet_is_followed_by_another(self, tmp_path: Path) -> None:
        with Workbook(tmp_path / "a.xlsx", item_annex.COLUMNS, now=NOON, sheet_rows=2) as book:
            assert list(book.also([[record(str(n)) for n in range(5)]]))
        raw = (tmp_path / "a.xlsx").read_bytes()
        assert [len(cells(raw, sheet)[0]) for sheet in (1, 2, 3)] == [3, 3, 2]

    @pytest.mark.slow
    def test_memory_does_not_grow_with_the_items(self, tmp_path: Path) -> None:
        def peak(count: int) -> int:
            tracemalloc.start()
            with Workbook(tmp_path / f"{count}.xlsx", item_annex.COLUMNS, now=NOON) as book:
                for _ in book.also([record("main")] for _ in range(count)):
                    pass
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        assert peak(20_000) < peak(2_000) * 1.5


@pytest.fixture
def annexed(package: Path) -> dict[str, bytes]:
    return packages.files(package)


class TestTheVerifier:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"answer": "keep"}, "differs"),
            ({"decided_by": "bob@house.example"}, "differs"),
            ({"reason": "Fine"}, "differs"),
            ({"order": ""}, "differs"),
            ({"verified_utc": ""}, "differs"),
            ({"folder": "/elsewhere"}, "differs"),
            ({"item": "99"}, "not in the population"),
        ],
    )
    def test_it_compares_the_annex_with_the_lists(
        self,
        package: Path,
        annexed: dict[str, bytes],
        key: Ed25519PrivateKey,
        change: dict[str, str],
        says: str,
    ) -> None:
        def act(found: Rows) -> None:
            next(row for row in found if row["account"] == "pia").update(change)

        packages.edit("annex/items.csv", act)(annexed)
        assert says in packages.refused(packages.forged(package, annexed, key))

    def test_it_counts_the_lines(
        self, package: Path, annexed: dict[str, bytes], key: Ed25519PrivateKey
    ) -> None:
        packages.edit("annex/items.csv", lambda found: found.pop())(annexed)
        assert "lacks 1 of 9" in packages.refused(packages.forged(package, annexed, key))

    @pytest.mark.parametrize("name", ["annex/items.csv", "annex/items.xlsx"])
    def test_a_changed_byte_is_noticed(
        self, package: Path, annexed: dict[str, bytes], key: Ed25519PrivateKey, name: str
    ) -> None:
        manifest = json.loads(annexed["manifest.json"])
        raw = bytearray(annexed[name])
        raw[len(raw) // 2] ^= 1
        annexed[name] = bytes(raw)
        forged = packages.forged(package, annexed, key, manifest)
        assert f"{name} is not the file" in packages.refused(forged)
