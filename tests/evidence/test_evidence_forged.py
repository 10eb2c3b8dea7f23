"""Everything that somebody might change in a package, with and without our key."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recert.evidence import verifier
from recert.foundation.secrets import fingerprint
from tests.support import packages
from tests.support.packages import Rows, edit

Forgery = Callable[[dict[str, bytes]], None]
FILES = sorted({*verifier.FILES, "manifest.json"})


def named(found: Rows, **wanted: str) -> dict[str, Any]:
    return next(row for row in found if all(row[name] == text for name, text in wanted.items()))


@pytest.mark.slow
class TestWithoutOurKey:
    def test_any_flipped_cut_or_added_byte_is_noticed(self, package: Path, tmp_path: Path) -> None:
        raw, chance, bad = package.read_bytes(), random.Random(4), tmp_path / "bad.zip"
        for _ in range(300):
            at, bit = chance.randrange(len(raw)), 1 << chance.randrange(8)
            flipped = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
            for changed in (flipped, raw[:at], raw + bytes([at % 256])):
                bad.write_bytes(changed)
                assert verifier.main([str(bad)]) == 2

    @pytest.mark.parametrize("name", FILES)
    def test_a_changed_file_under_another_key_is_not_ours(
        self, package: Path, key: Ed25519PrivateKey, name: str
    ) -> None:
        contents = packages.files(package)
        contents[name] = contents[name] + b" \n" if name != "trail.jsonl" else contents[name][1:]
        forged = packages.forged(package, contents, Ed25519PrivateKey.generate())
        ours = fingerprint(key.public_key().public_bytes_raw())
        assert verifier.main([str(forged), "--key", ours]) == 2

    @pytest.mark.parametrize("name", FILES)
    def test_a_file_that_is_not_the_manifests_is_noticed_even_under_our_key(
        self, package: Path, key: Ed25519PrivateKey, name: str
    ) -> None:
        contents = packages.files(package)
        manifest = json.loads(contents["manifest.json"])
        if name in manifest["files"]:
            manifest["files"][name]["sha256"] = "0" * 64
        else:
            manifest["files"]["more.txt"] = {"sha256": "0" * 64, "size": 0}
        forged = packages.forged(package, contents, key, manifest)
        assert "manifest" in packages.refused(forged)

    def test_a_package_without_its_seal_is_refused(self, package: Path) -> None:
        raw = package.read_bytes()
        package.write_bytes(raw[: raw.rindex(verifier.MARK)])
        assert packages.refused(package)

    @pytest.mark.parametrize("raw", [b"", b"PK", b"x" * 300, b"\x00" * 5000])
    def test_what_is_no_package_is_refused(self, tmp_path: Path, raw: bytes) -> None:
        (tmp_path / "no.zip").write_bytes(raw)
        assert verifier.main([str(tmp_path / "no.zip")]) == 2


def drop(name: str, **wanted: str) -> Forgery:
    return edit(name, lambda found: found.remove(named(found, **wanted)))


def put(name: str, wanted: dict[str, str], **values: Any) -> Forgery:
    return edit(name, lambda found: named(found, **wanted).update(values))


PIA = {"account": "pia"}
SALES = {"account": "seller"}
REVOKED = {"answer": "revoke"}
FORGERIES: dict[str, tuple[list[Forgery], str]] = {
    "an item is left out": ([drop("items.csv", **SALES)], "items of"),
    "an item stands twice": (
        [edit("items.csv", lambda found: found.append(found[0]))],
        "stands twice",
    ),
    "an item and its count are left out": (
        [
            drop("items.csv", **SALES),
            edit("population.csv", lambda f: f[0].update(items="8", reviewed="5", accounts="6")),
        ],
        "were launched",
    ),
    "the population does not add up": (
        [edit("population.csv", lambda f: f[0].update(accounts="99"))],
        "add up",
    ),
    "privileged accounts are counted away": (
        [put("items.csv", SALES, account_privileged="yes")],
        "1 privileged accounts",
    ),
    "an emergency account is counted away": (
        [edit("population.csv", lambda f: f[0].update(emergency="1"))],
        "0 emergency accounts",
    ),
    "keys are counted away": (
        [edit("population.csv", lambda f: f[0].update(service="0"))],
        "service accounts",
    ),
    "raw answers of another reading": (
        [edit("readings.csv", lambda f: f[0].update(recording_sha256="0" * 64))],
        "not the one of the trail",
    ),
    "another collector": (
        [edit("readings.csv", lambda f: f[0].update(collector="recert 99"))],
        "not the one of the trail",
    ),
    "an answer is another one": ([put("decisions.csv", REVOKED, answer="keep")], "differs"),
    "a reason is another one": ([put("decisions.csv", REVOKED, reason="Fine.")], "differs"),
    "the person is another one": ([put("decisions.csv", REVOKED, actor="bob@x")], "differs"),
    "the time is another one": ([put("decisions.csv", REVOKED, at="2026-01-01")], "differs"),
    "the rights are other ones": (
        [put("decisions.csv", REVOKED, rights_seen="list")],
        "differs",
    ),
    "a decision is left out": ([drop("decisions.csv", **REVOKED)], "in the trail only"),
    "a decision is added": (
        [edit("decisions.csv", lambda f: f.append({**f[0], "version": "9"}))],
        "not in the trail",
    ),
    "a batch tells of another item": (
        [edit("decisions.csv", lambda f: f.append({**f[-2], "item": "1", "batch": "x"}))],
        "not in the trail",
    ),
    "a revoked item shows a keep": ([put("items.csv", PIA, answer="keep")], "decision that counts"),
    "a revoked item shows nothing": (
        [put("items.csv", {**PIA, "answer": "revoke"}, answer="no answer", state="closed")],
        "decision that counts",
    ),
    "a revoked item is closed": (
        [put("items.csv", {**PIA, "answer": "revoke"}, state="closed")],
        "closed without that",
    ),
    "an unanswered item is called verified": (
        [put("items.csv", SALES, state="verified")],
        "nobody wanted",
    ),
    "an order is left out": ([drop("orders.jsonl", **PIA)], "no order"),
    "an order is about another account": (
        [put("orders.jsonl", PIA, account="batch")],
        "differs from the trail",
    ),
    "an order is not verified": ([put("orders.jsonl", PIA, state="conflict")], "its log ends"),
    "what a change left open is hidden or invented": (
        [put("orders.jsonl", PIA, left_over={"keys": 3})],
        "left open differs from the trail",
    ),
    "the second look saw other rights": (
        [put("orders.jsonl", PIA, rights_found=["list"])],
        "saw more",
    ),
    "a mail is left out": ([edit("mails.csv", lambda f: f.pop())], "list of mails"),
    "a mail went to somebody else": (
        [edit("mails.csv", lambda f: f[0].update(to="eve@x"))],
        "list of mails",
    ),
}


class TestConsistentForgeriesUnderOurKey:
    @pytest.mark.parametrize("what", FORGERIES)
    def test_they_contradict_the_rest_of_the_package(
        self, package: Path, key: Ed25519PrivateKey, what: str
    ) -> None:
        forgeries, says = FORGERIES[what]
        contents = packages.files(package)
        for forgery in forgeries:
            forgery(contents)
        assert says in packages.refused(packages.forged(package, contents, key))

    @pytest.mark.parametrize(
        "name", ["statement", "signed_off_by", "signed_figures", "launched_at", "due_at"]
    )
    def test_another_sign_off_or_date_is_noticed(
        self, package: Path, key: Ed25519PrivateKey, name: str
    ) -> None:
        contents = packages.files(package)
        about = {**json.loads(contents["campaign.json"]), name: "2026"}
        contents["campaign.json"] = json.dumps(about).encode()
        assert "trail" in packages.refused(packages.forged(package, contents, key))

    def test_a_missing_file_is_noticed(self, package: Path, key: Ed25519PrivateKey) -> None:
        contents = packages.files(package)
        del contents["decisions.csv"]
        assert "missing" in packages.refused(packages.forged(package, contents, key))

    def test_unreadable_contents_are_no_crash(self, package: Path, key: Ed25519PrivateKey) -> None:
        contents = {**packages.files(package), "trail.jsonl": b"[]\n"}
        assert packages.judged(packages.forged(package, contents, key))[0] == 2


class TestAForgedTrail:
    def broken(self, package: Path, key: Ed25519PrivateKey, change: Callable[[Rows], Any]) -> str:
        contents = packages.files(package)
        edit("trail.jsonl", change)(contents)
        return packages.refused(packages.forged(package, contents, key))

    def test_an_entry_that_is_missing_breaks_it(
        self, package: Path, key: Ed25519PrivateKey
    ) -> None:
        assert "missing" in self.broken(package, key, lambda found: found.pop(3))

    def test_the_end_cannot_be_cut_off(self, package: Path, key: Ed25519PrivateKey) -> None:
        assert "checkpoint" in self.broken(package, key, lambda found: found.pop())

    def test_an_entry_cannot_be_changed(self, package: Path, key: Ed25519PrivateKey) -> None:
        def change(found: Rows) -> None:
            found[4]["body"] = found[4]["body"].replace("house.example", "house.invalid")

        assert "was changed" in self.broken(package, key, change)

    def test_a_checkpoint_of_another_key_is_refused(
        self, package: Path, key: Ed25519PrivateKey
    ) -> None:
        contents, other = packages.files(package), Ed25519PrivateKey.generate()
        point = json.loads(contents["checkpoint.json"])
        point["public_key"] = other.public_key().public_bytes_raw().hex()
        contents["checkpoint.json"] = json.dumps(point).encode()
        assert "signature of the checkpoint" in packages.refused(
            packages.forged(package, contents, key)
        )

    @pytest.mark.parametrize(
        ("action", "says"),
        [
            ("decision.recorded", "not in the trail"),
            ("order.written", "not in the trail"),
            ("order.checked", "nobody looked again"),
            ("campaign.launched", "not in the trail"),
            ("campaign.signed_off", "sign-off"),
            ("mail.queued", "list of mails"),
        ],
    )
    def test_even_a_new_chain_does_not_hide_what_is_gone(
        self, package: Path, key: Ed25519PrivateKey, action: str, says: str
    ) -> None:
        contents = packages.files(package)

        def without(found: Rows) -> None:
            found[:] = [row for row in found if json.loads(row["body"])["action"] != action]
            packages.rechained(found, key, contents)

        edit("trail.jsonl", without)(contents)
        assert says in packages.refused(packages.forged(package, contents, key))


@pytest.mark.slow
class TestEd25519:
    def test_it_agrees_with_cryptography(self) -> None:
        chance = random.Random(7)
        for _ in range(200):
            key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
            public, message = key.public_key().public_bytes_raw(), chance.randbytes(50)
            good = key.sign(message)
            at = chance.randrange(64)
            bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
            assert verifier.signature_holds(public, message, good)
            assert not verifier.signature_holds(public, message, bad)

    def test_a_signature_has_one_form_only(self) -> None:
        key = Ed25519PrivateKey.generate()
        public, good = key.public_key().public_bytes_raw(), key.sign(b"x")
        scalar = int.from_bytes(good[32:], "little") + verifier.ORDER
        assert not verifier.signature_holds(public, b"x", good[:32] + scalar.to_bytes(32, "little"))
        assert not verifier.signature_holds(public[:31], b"x", good)
        assert not verifier.signature_holds(b"\xff" * 32, b"x", good)
