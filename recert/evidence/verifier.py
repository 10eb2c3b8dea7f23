#!/usr/bin/env python3
"""Checks an evidence package of Recert without Recert.

    python3 verify.py PACKAGE.zip [--key FINGERPRINT]

Needs Python 3.9 or newer and nothing else. It checks that

1. not one byte of the package was changed after it was sealed (Ed25519 signature over the file);
2. the package holds exactly the files its manifest names, each with its hash;
3. the trail is an unbroken hash chain that ends where a signed checkpoint says;
4. the population adds up, and every item of it is there, as many as were launched; facts,
   population, readings, exclusions, accounts and items are those that the launch wrote into the
   trail, followed over every later change of who is asked and of what;
5. the decisions of the list are those of the trail, none changed, missing or added, and each item
   shows the one that counts;
6. every final decision to reduce or revoke led to an order for just that, and every verified order
   has an independent second read in the trail that found no more rights than wanted; people,
   times, plan and log of an order are those of the trail;
7. the sign-off with its totals, who closed, released and objected, and the mails are those of
   the trail; each item ended as it was signed;
8. the auditors' acts are those of the trail, and their samples are drawn again from the seeds;
9. the annex for people (CSV) has the same items, answers and orders;
10. the totals of each reviewer are those of the items and decisions; the instruction they
    confirmed and their newest training are those of the trail, if recorded since the package's
    trail begins;
11. the persons responsible for late changes are those of the trail.

Ask for the key's fingerprint by another way than the package itself (it stands on the sign-off
page) and give it with --key: only that proves *who* sealed it.

It names the first file and field that differ. It does not prove notes of the moment: names of
reviewers, the state and answer of the mail server for each mail, who else reaches the folder
through another server (also_open), and the counts by risk class.

Exit code 0: everything holds. 2: something does not. 1: the file could not be read.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import heapq
import io
import json
import sqlite3
import struct
import sys
import zipfile
from datetime import datetime
from functools import lru_cache, partial
from statistics import median
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple

MARK = b"recert-evidence-1 "
START = "0" * 64
Point = Tuple[int, int, int, int]
Row = Dict[str, str]
Body = Dict[str, Any]
FILES = {
    "README.txt",
    "annex/items.csv",
    "annex/items.xlsx",
    "auditor.jsonl",
    "campaign.json",
    "checkpoint.json",
    "decisions.csv",
    "items.csv",
    "late.csv",
    "mails.csv",
    "orders.jsonl",
    "population.csv",
    "readings.csv",
    "reviewers.csv",
    "summary.pdf",
    "trail.jsonl",
    "verify.py",
}


MOST_MEMBERS = 64
MOST_MEMBER = 64 << 30  # bytes of one file, unpacked
MOST_READ_WHOLE = 64 << 20  # bytes of a file that is read at once, and of one line of the others
MOST_FIELD = 16 << 20  # characters of one cell
MOST_RATIO = 250  # what a file over a million bytes may grow by when it is unpacked
RIGHTS = (
    *("list", "download", "upload", "overwrite", "delete"),
    *("rename", "mkdir", "rmdir", "chmod", "share"),
)


class Broken(Exception):
    """Something in the package does not hold."""


def same(member: str, field: str, shown: Any, recorded: Any, where: str = "the trail") -> None:
    """Broken, naming file and field, unless both are the same."""
    if shown != recorded:
        raise Broken(f"{member}: {field} is {_short(shown)}, in {where} it is {_short(recorded)}")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


# --- Rows are kept in a database on disk, because a package may hold millions of them -------------


class Rows:
    """Values by number, on the disk, in the order of their numbers."""

    def __init__(self, store: sqlite3.Connection, kind: str) -> None:
        self.store, self.kind = store, kind

    def __setitem__(self, number: Any, value: Any) -> None:
        put = "INSERT OR REPLACE INTO value VALUES (?, ?, ?)"
        self.store.execute(put, (self.kind, int(number), _packed(value)))

    def add(self, number: Any, value: Any) -> bool:
        """False when there is one with this number."""
        put = "INSERT INTO value VALUES (?, ?, ?)"
        try:
            self.store.execute(put, (self.kind, int(number), _packed(value)))
        except sqlite3.IntegrityError:
            return False
        return True

    def get(self, number: Any, default: Any = None) -> Any:
        """The value, or the default."""
        query = "SELECT value FROM value WHERE kind = ? AND number = ?"
        row = self.store.execute(query, (self.kind, int(number))).fetchone()
        return json.loads(row[0]) if row else default

    def __getitem__(self, number: Any) -> Any:
        value = self.get(number)
        if value is None:
            raise KeyError(number)
        return value

    def __contains__(self, number: Any) -> bool:
        query = "SELECT 1 FROM value WHERE kind = ? AND number = ?"
        return self.store.execute(query, (self.kind, int(number))).fetchone() is not None

    def __len__(self) -> int:
        query = "SELECT count(*) FROM value WHERE kind = ?"
        return int(self.store.execute(query, (self.kind,)).fetchone()[0])

    def numbers(self) -> Iterator[int]:
        """The numbers of all values, in order."""
        query = "SELECT number FROM value WHERE kind = ? ORDER BY number"
        return (row[0] for row in self.store.execute(query, (self.kind,)))

    def items(self) -> Iterator[Tuple[str, Any]]:
        """All numbers and values, in the order of the numbers."""
        query = "SELECT number, value FROM value WHERE kind = ? ORDER BY number"
        for number, value in self.store.execute(query, (self.kind,)):
            yield str(number), json.loads(value)

    def values(self) -> Iterator[Any]:
        """All values, in the order of their numbers."""
        return (value for _, value in self.items())


def _packed(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Trail:
    """The entries of the trail by action and object."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self.store = store
        store.execute("CREATE TABLE trail (seq INTEGER PRIMARY KEY, action, object, body)")
        self.begins, self.key = "", b""
        self.body = lru_cache(maxsize=64)(self._body)  # many decisions stand in one entry

    def add(self, body: Body, text: str) -> None:
        """One entry more."""
        self.begins = self.begins or body["at"]
        values = (body["seq"], body["action"], body["object"], text)
        self.store.execute("INSERT INTO trail VALUES (?, ?, ?, ?)", values)

    def all_are_there(self) -> None:
        """From now on it is only read."""
        self.store.execute("CREATE INDEX trail_by_name ON trail (action, object, seq)")

    def _body(self, seq: int) -> Body:
        query = "SELECT body FROM trail WHERE seq = ?"
        body: Body = json.loads(self.store.execute(query, (seq,)).fetchone()[0])
        return body

    def get(self, action: str, subject: str) -> List[Body]:
        """The entries of one action about one object, oldest first."""
        query = "SELECT body FROM trail WHERE action = ? AND object = ? ORDER BY seq"
        return [json.loads(row[0]) for row in self.store.execute(query, (action, subject))]

    def last(self, action: str, subject: str) -> Optional[Body]:
        """The newest entry of one action about one object."""
        entries = self.get(action, subject)
        return entries[-1] if entries else None

    def of(self, action: str) -> Iterator[Body]:
        """All entries of one kind, oldest first."""
        query = "SELECT body FROM trail WHERE action = ? ORDER BY seq"
        return (json.loads(row[0]) for row in self.store.execute(query, (action,)))

    def with_text(self, text: str) -> Iterator[Body]:
        """All entries that hold a text, oldest first."""
        query = "SELECT body FROM trail WHERE instr(body, ?) > 0 ORDER BY seq"
        return (json.loads(row[0]) for row in self.store.execute(query, (text,)))

    def __len__(self) -> int:
        return int(self.store.execute("SELECT count(*) FROM trail").fetchone()[0])


def _store() -> sqlite3.Connection:
    """A database that lies on the disk when it grows, and goes when it is closed."""
    store = sqlite3.connect("")
    for pragma in (
        "PRAGMA journal_mode=OFF",
        "PRAGMA synchronous=OFF",
        "PRAGMA cache_size=-65536",
        "PRAGMA temp_store=FILE",
    ):
        store.execute(pragma)
    store.execute(
        "CREATE TABLE value (kind, number INTEGER, value, PRIMARY KEY (kind, number)) WITHOUT ROWID"
    )
    return store


# --- Ed25519, verification only, after RFC 8032 section 5.1 and its appendix A -------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def _x_of(y: int, sign: int) -> Optional[int]:
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = _x_of(BASE_Y, 0) or 0
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(factor: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _point(raw: bytes) -> Optional[Point]:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def signature_holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """True when the Ed25519 signature over the message was made with this key."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, start = _point(public_key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or start is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    left = _times(scalar, BASE)
    right = _add(start, _times(int.from_bytes(digest, "little") % ORDER, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (
        left[1] * right[2] - right[1] * left[2]
    ) % P == 0


def fingerprint(public_key: bytes) -> str:
    """The key's SHA-256 in groups of four digits."""
    text = hashlib.sha256(public_key).hexdigest()
    return " ".join(text[at : at + 4] for at in range(0, 64, 4))


# --- The seal: the zip's comment signs every byte before it --------------------------------------


def check_seal(path: str) -> bytes:
    """The public key that sealed the file; Broken when a byte was changed."""
    size_of_seal = len(MARK) + 64 + 1 + 128
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        if size < size_of_seal + 22:
            raise Broken("the file is too short to be a sealed package")
        file.seek(size - size_of_seal)
        seal = file.read()
        file.seek(0)
        digest, left = hashlib.sha256(), size - size_of_seal
        while left:
            block = file.read(min(left, 1 << 20))
            digest.update(block)
            left -= len(block)
        file.seek(size - size_of_seal - 2)
        declared_size = struct.unpack("<H", file.read(2))[0]
    if not seal.startswith(MARK) or declared_size != size_of_seal:
        raise Broken("the seal is missing or was changed")
    try:
        public_key, signature = (
            bytes.fromhex(part.decode("ascii")) for part in seal.split(b" ")[1:]
        )
    except ValueError as error:
        raise Broken("the seal was changed") from error
    if seal != MARK + public_key.hex().encode() + b" " + signature.hex().encode():
        raise Broken("the seal was changed")
    if not signature_holds(public_key, b"recert-evidence-1\n" + digest.digest(), signature):
        raise Broken("the file was changed after it was sealed")
    return public_key


# --- The contents ---------------------------------------------------------------------------------


def check_limits(package: zipfile.ZipFile) -> None:
    """Broken when unpacking would take more than any real package takes. Nothing is unpacked."""
    members = package.infolist()
    if len(members) > MOST_MEMBERS:
        raise Broken(f"it holds {len(members)} files, where at most {MOST_MEMBERS} are taken")
    for member in members:
        size, packed = member.file_size, member.compress_size
        if size > MOST_MEMBER or (size > 1 << 20 and size > packed * MOST_RATIO):
            raise Broken(
                f"{member.filename} would grow from {packed} to {size} bytes: not unpacked"
            )
        whole = member.filename.endswith((".json", ".txt", ".py"))
        if whole and size > MOST_READ_WHOLE:
            raise Broken(f"{member.filename} has {size} bytes: not unpacked")


def _text_lines(package: zipfile.ZipFile, name: str) -> Iterator[str]:
    with package.open(name) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        while True:
            line = text.readline(MOST_READ_WHOLE)
            if len(line) == MOST_READ_WHOLE:
                raise Broken(f"{name} has a line of more than {MOST_READ_WHOLE} characters")
            if not line:
                return
            yield line


def _lines(package: zipfile.ZipFile, name: str) -> Iterator[Body]:
    return (json.loads(line) for line in _text_lines(package, name))


def _rows(package: zipfile.ZipFile, name: str) -> Iterator[Row]:
    return csv.DictReader(_text_lines(package, name))


def _json(package: zipfile.ZipFile, name: str) -> Body:
    content: Body = json.loads(package.read(name))
    return content


def changed_member(path: str) -> str:
    """A sentence about the first file that differs from the manifest, when the seal is broken."""
    try:
        with zipfile.ZipFile(path) as package:
            check_limits(package)
            check_manifest(package)
    except Broken as error:
        return str(error)
    except Exception as error:  # it is not even a zip file any more
        return f"it cannot be unpacked any more ({error})"
    return "its files are those of the manifest; what stands between them was changed"


def check_manifest(package: zipfile.ZipFile) -> Dict[str, Any]:
    """Broken unless the package holds exactly what its manifest names."""
    try:
        manifest = _json(package, "manifest.json")
    except Exception as error:
        raise Broken(f"manifest.json cannot be read ({error})") from error
    names = package.namelist()
    if len(names) != len(set(names)) or set(names) != set(manifest["files"]) | {"manifest.json"}:
        raise Broken("the package does not hold exactly the files of its manifest")
    missing = FILES - set(names)
    if missing:
        raise Broken("missing from the package: " + ", ".join(sorted(missing)))
    for name, listed in manifest["files"].items():
        digest, size = hashlib.sha256(), 0
        try:
            with package.open(name) as file:
                for block in iter(partial(file.read, 1 << 20), b""):
                    digest.update(block)
                    size += len(block)
        except Exception as error:  # its checksum or its packing is broken
            raise Broken(f"{name} cannot be unpacked ({error})") from error
        if (digest.hexdigest(), size) != (listed["sha256"], listed["size"]):
            raise Broken(f"{name} is not the file of the manifest")
    others = {name: listed for name, listed in manifest["files"].items() if name != "summary.pdf"}
    lines = "".join(f"{listed['sha256']}  {name}\n" for name, listed in sorted(others.items()))
    if hashlib.sha256(lines.encode()).hexdigest() != manifest["contents_sha256"]:
        raise Broken("manifest.json: the hash of the contents is not that of its files")
    return dict(manifest)


def check_trail(package: zipfile.ZipFile, store: sqlite3.Connection) -> Trail:
    """The entries; Broken when the chain does not hold."""
    trail = Trail(store)
    previous, number, first = START, 1, True
    for entry in _lines(package, "trail.jsonl"):
        body = json.loads(entry["body"])
        if first:
            previous, number, first = entry["previous"], entry["seq"], False
            if number == 1 and previous != START:
                raise Broken("trail.jsonl: the trail does not begin at its beginning")
        if entry["seq"] != number or body["seq"] != number:
            raise Broken(f"trail.jsonl: entry {number} of the trail is missing")
        expected = hashlib.sha256(f"{previous}\n{entry['body']}".encode()).hexdigest()
        if entry["previous"] != previous or entry["hash"] != expected:
            raise Broken(f"trail.jsonl: entry {number} of the trail was changed")
        trail.add(body, entry["body"])
        previous, number = expected, number + 1
    trail.all_are_there()
    point = _json(package, "checkpoint.json")
    if point["hash"] != previous or point["seq"] != number - 1:
        raise Broken("trail.jsonl: the trail does not end where its checkpoint says")
    text = f"recert-trail-checkpoint-1\n{point['seq']}\n{point['hash']}\n{point['at']}\n"
    trail.key, signature = bytes.fromhex(point["public_key"]), bytes.fromhex(point["signature"])
    if not signature_holds(trail.key, text.encode(), signature):
        raise Broken("checkpoint.json: the signature of the checkpoint is wrong")
    return trail


def check_population(package: zipfile.ZipFile, store: sqlite3.Connection) -> Rows:
    """The items by number; Broken when the population does not add up."""
    items = Rows(store, "items")
    store.execute("CREATE TABLE account (server, name, facts, PRIMARY KEY (server, name))")
    counts: Dict[str, List[int]] = {}
    for row in _rows(package, "items.csv"):
        if not items.add(row["item"], row):
            raise Broken(f"items.csv: item {row['item']} stands twice")
        server_counts = counts.setdefault(row["server"], [0, 0])
        server_counts[0] += 1
        server_counts[1] += _note_account(store, row)
    expected = 0
    for row in _rows(package, "population.csv"):
        parts = (row["reviewed"], row["excluded"], row["out_of_scope"], row["without_rights"])
        if int(row["accounts"]) != sum(int(part) for part in parts):
            raise Broken(f"population.csv: the population of {row['server']} does not add up")
        tallied = tuple(counts.get(row["server"], (0, 0)))
        if tallied != (int(row["items"]), int(row["reviewed"])):
            raise Broken(
                f"items.csv: {tallied[0]} items of {tallied[1]} accounts stand in the list of"
                f" server {row['server']}, where population.csv has {row['items']} of"
                f" {row['reviewed']}"
            )
        check_sorts(store, row)
        expected += tallied[0]
    if len(items) != expected:
        raise Broken(f"items.csv: {len(items)} items where the population has {expected}")
    return items


ACCOUNT_FACTS = (
    *("account_kind", "account_enabled", "account_keys"),
    *("account_privileged", "account_emergency", "person", "organisation"),
)


def _note_account(store: sqlite3.Connection, row: Row) -> bool:
    """True for the first row of an account (or topic, where there is none). Broken when the facts
    of an account differ between its rows."""
    name = ("account:" + row["account"]) if row["account"] else "topic:" + row.get("topic", "")
    facts = [row.get(field, "") for field in ACCOUNT_FACTS]
    query = "SELECT facts FROM account WHERE server = ? AND name = ?"
    stored = store.execute(query, (row["server"], name)).fetchone()
    if stored is None:
        store.execute("INSERT INTO account VALUES (?, ?, ?)", (row["server"], name, _packed(facts)))
        return True
    if row["account"]:
        for field, earlier, fact in zip(ACCOUNT_FACTS, json.loads(stored[0]), facts):
            same(f"items.csv: item {row['item']}", field, fact, earlier, "another item")
    return False


def _accounts(store: sqlite3.Connection, server: str = "") -> Iterator[Tuple[str, str, Row]]:
    """Server, name and facts of every account, in their order."""
    query = (
        "SELECT server, name, facts FROM account WHERE name LIKE 'account:%' "
        "AND (server = ? OR ? = '') ORDER BY server, name"
    )
    for record in store.execute(query, (server, server)):
        yield record[0], record[1][8:], dict(zip(ACCOUNT_FACTS, json.loads(record[2])))


def check_sorts(store: sqlite3.Connection, row: Row) -> None:
    """Broken when the accounts of a sort are not as many as the list of items has."""
    names = ("service", "shared", "anonymous", "privileged", "emergency", "with_keys")
    counts = dict.fromkeys(names, 0)
    for _, _, facts in _accounts(store, row["server"]):
        if facts["account_kind"] in counts:
            counts[facts["account_kind"]] += 1
        counts["privileged"] += facts["account_privileged"] == "yes"
        counts["emergency"] += facts["account_emergency"] == "yes"
        counts["with_keys"] += facts["account_keys"] not in ("", "0")
    for name in names:
        if counts[name] != int(row[name]):
            kind = "accounts with keys" if name == "with_keys" else f"{name} accounts"
            raise Broken(
                f"population.csv: {name}: {counts[name]} {kind} of {row['server']},"
                f" of {row[name]} counted"
            )


def check_readings(package: zipfile.ZipFile, trail: Trail) -> None:
    """Broken when the readings are not those that the trail recorded with their snapshots."""
    snapshots = {row["snapshot"]: row for row in _rows(package, "population.csv")}
    readings = {row["snapshot"]: row for row in _rows(package, "readings.csv")}
    if set(snapshots) != set(readings):
        raise Broken("readings.csv: snapshot: it and population.csv name different snapshots")
    for number, row in readings.items():
        if row["fingerprint"] != snapshots[number]["raw_sha256"]:
            raise Broken(f"readings.csv: fingerprint: snapshot {number} has two fingerprints")
        for entry in trail.get("snapshot.taken", f"snapshot:{number}"):
            details = entry["details"]
            recording = details.get("recording", {"sha256": "", "size": 0})
            where = f"readings.csv: the reading of snapshot {number} is not the one of the trail"
            same(where, "fingerprint", row["fingerprint"], details["fingerprint"])
            same(where, "collector", row["collector"], details.get("collector", ""))
            same(where, "recording_sha256", row["recording_sha256"], recording["sha256"])
            same(where, "recording_size", int(row["recording_size"]), recording["size"])


def check_campaign(package: zipfile.ZipFile, items: Rows, trail: Trail) -> str:
    """The reference of the campaign in the trail; Broken when its dates or totals differ."""
    about = _json(package, "campaign.json")
    launched = _launch(about, trail)
    reference, details = str(launched["object"]), launched["details"]
    # Every extension of the due date is in the trail; the last one counts.
    extended = trail.get("campaign.extended", reference)
    due = [launched, *extended][-1]["details"]["due"]
    member = "campaign.json"
    same(member, "name", about["name"], details["name"])
    same(member, "launched_by", about["launched_by"], launched["actor"])
    same(member, "launched_at", about["launched_at"], launched["at"])
    same(member, "due_at", about["due_at"], due)
    same(member, "due_date_extended", about.get("due_date_extended", 0), len(extended))
    if details["items"] != len(items):
        raise Broken(f"items.csv: {len(items)} items where {details['items']} were launched")
    for drafted in trail.get("campaign.drafted", reference):
        drafted_details = drafted["details"]
        same(member, "policy", about["policy"], drafted_details.get("policy", about["policy"]))
        same(member, "scope", about["scope"], drafted_details.get("scope", about["scope"]))
        same(member, "about", about["about"], drafted_details.get("about", about["about"]))
        same(member, "zone", about["zone"], drafted_details.get("zone", about["zone"]))
        same(member, "created_by", about["created_by"], drafted["actor"])
        same(member, "created_at", about["created_at"], drafted["at"])
    allowed = trail.last("campaign.old_snapshots_allowed", reference)
    if allowed:
        same(
            member,
            "older_snapshots_allowed_by",
            about["older_snapshots_allowed_by"],
            allowed["actor"],
        )
        same(
            member,
            "older_snapshots_allowed_because",
            about["older_snapshots_allowed_because"],
            allowed["details"]["reason"],
        )
    _check_routing(about, details, items)
    _check_warnings(package, about, launched, trail)
    _check_steps(about, reference, extended, trail)
    _check_people(about, items, reference, trail)
    return reference


MAPPING = ("manager", "left_on", "active", "organisation_kind")


def _check_warnings(package: zipfile.ZipFile, about: Body, launched: Body, trail: Trail) -> None:
    """The first page names what the launch warned of, and every change of people and owners while
    the review ran."""
    if "warnings" not in about:
        return
    signed = trail.last("campaign.signed_off", launched["object"])
    servers = {row["server"] for row in _rows(package, "population.csv")}
    launch_entries = [launched["seq"]] * len(launched["details"].get("warnings", ()))
    later_entries = []
    for action in ("people.imported", "person.left", "owners.imported", "owner.changed"):
        for body in trail.of(action):
            if body["seq"] > launched["seq"] and (not signed or body["seq"] < signed["seq"]):
                later_entries += [body["seq"]] if _changes_who_is_asked(body, servers) else []
    later_entries += _steps_alone(package, launched["object"], trail)
    same(
        "campaign.json",
        "warnings (their entries of the trail)",
        [warning["entry"] for warning in about["warnings"]],
        launch_entries + sorted(later_entries),
    )
    texts = [warning["text"] for warning in about["warnings"] if warning["kind"] == "launch"]
    same("campaign.json", "warnings", texts, launched["details"].get("warnings", []))


TYPED = (
    *("campaign.drafted", "campaign.launched", "campaign.old_snapshots_allowed", "policy.agreed"),
    *("campaign.close_asked", "campaign.closed", "campaign.released", "campaign.signed_off"),
)


def _steps_alone(package: zipfile.ZipFile, reference: str, trail: Trail) -> List[int]:
    """The entries of steps that one person took alone, or an operator without saying for whom or
    for several people, and of answers about one's own access."""
    entries = [body["seq"] for body in trail.get("decisions.own_access_found", reference)]
    alone = list(trail.of("separation.one_person"))
    if any(body["object"].startswith("item:") for body in alone):
        items = {f"item:{row['item']}" for row in _rows(package, "items.csv")}
        entries += [body["seq"] for body in alone if body["object"] in items]
    entries += [body["seq"] for body in alone if body["object"] == reference]
    bodies = [body for action in TYPED for body in trail.get(action, reference)]
    people: Dict[str, Set[str]] = {}
    for body in sorted(bodies, key=lambda one: int(one["seq"])):
        name, deputy, login = body["actor"].partition(" (operator: ")
        if body["actor"].startswith("operator: "):
            entries.append(body["seq"])
        elif deputy:
            people.setdefault(login, set()).add(name.lower())
            entries += [body["seq"]] if len(people[login]) > 1 else []
    return entries


def _changes_who_is_asked(body: Body, servers: Set[str]) -> bool:
    details = body["details"]
    if body["action"] == "people.imported":
        return any(
            not one.get("new") and any(name in one for name in MAPPING)
            for one in details.get("changed", ())
        )
    if body["action"] != "owners.imported":
        return body["action"] == "person.left" or details["server"] in servers
    rows = [*details.get("changed", ()), *details.get("also_changed", ())]
    if isinstance(details.get("rows"), list):
        rows += [row for row in details["rows"] if len(row) > 3 and row[2] != row[3]]
    return any(row[0] in servers for row in rows)


def _launch(about: Body, trail: Trail) -> Body:
    """The entry of the launch. Old packages do not say its number: it is found by the name."""
    if about.get("reference"):
        launched = trail.last("campaign.launched", about["reference"])
        if launched:
            return launched
    for body in trail.of("campaign.launched"):
        if body["details"]["name"] == about["name"] and not about.get("reference"):
            return body
    raise Broken("campaign.json: reference: the launch of the campaign is not in the trail")


def _check_steps(about: Body, reference: str, extended: List[Body], trail: Trail) -> None:
    """Compares who asked for an early close, closed, released and signed, when and why."""
    member = "campaign.json"
    asked = trail.last("campaign.close_asked", reference)
    if asked and extended and extended[-1]["seq"] > asked["seq"]:
        asked = None
    same(
        member,
        "early_close_asked_by",
        about["early_close_asked_by"],
        asked["actor"] if asked else None,
    )
    same(
        member,
        "early_close_asked_because",
        about["early_close_asked_because"],
        asked["details"]["reason"] if asked else None,
    )
    closed = trail.last("campaign.closed", reference)
    same(member, "closed_by", about["closed_by"], closed["actor"] if closed else None)
    same(member, "closed_at", about["closed_at"], closed["at"] if closed else None)
    releases = [
        {
            "by": body["actor"],
            "at": body["at"],
            "reason": body["details"]["reason"],
            "count": body["details"]["count"],
            "digest": body["details"]["digest"],
            "halted_after_wave": body["details"]["wave"],
        }
        for body in trail.get("campaign.released", reference)
    ]
    _same_list(
        member, "releases_by_a_second_person", about["releases_by_a_second_person"], releases
    )
    signed = trail.last("campaign.signed_off", reference)
    last = "signed off" if signed else "closing" if closed else "active"
    same(member, "state", about["state"], last, "the trail (where the sign-off stands)")
    names = ("signed_off_by", "signed_off_at", "statement", "signed_figures")
    values = [None] * 4
    if signed:
        values = [
            signed["actor"],
            signed["at"],
            signed["details"]["statement"],
            signed["details"]["figures"],
        ]
    for name, value in zip(names, values):
        same(f"{member}: the sign-off", name, about[name], value)


def _same_list(member: str, field: str, shown: List[Body], recorded: List[Body]) -> None:
    """Broken, naming the first difference, unless both lists are the same."""
    if len(shown) != len(recorded):
        raise Broken(
            f"{member}: {field} has {len(shown)} entries, in the trail it has {len(recorded)}"
        )
    for number, (shown_entry, recorded_entry) in enumerate(zip(shown, recorded), start=1):
        for name in {**shown_entry, **recorded_entry}:
            same(
                member,
                f"{field}, entry {number}, {name}",
                shown_entry.get(name),
                recorded_entry.get(name),
            )


def _check_people(about: Body, items: Rows, reference: str, trail: Trail) -> None:
    """Compares the objections to removals, and the ownership disputes of folders."""
    objections = []
    for body in trail.of("item.objected"):
        number = body["object"].partition(":")[2]
        if number not in items:
            continue
        settled = (
            [body]
            if body["details"]["asked_again"]
            else trail.get("item.objection_settled", body["object"])
        )
        objections.append(
            {
                "item": int(number),
                "by": body["actor"],
                "at": body["at"],
                "reason": body["details"]["reason"],
                "settled_by": None
                if not settled
                else "asked again"
                if settled[-1] is body
                else settled[-1]["actor"],
                "settled_at": settled[-1]["at"] if settled else None,
            }
        )
    objections.sort(key=lambda each: each["item"])
    _same_list("campaign.json", "objections", about["objections"], objections)
    doubts = []
    for body in trail.of("ownership.doubted"):
        details = body["details"]
        if details["item"] not in items:
            continue
        settled = trail.get("ownership.settled", body["object"])
        owner = settled[-1]["details"] if settled else {}
        doubts.append(
            {
                "folder": details["folder"],
                "server": items[details["item"]]["server"],
                "said_by": body["actor"],
                "item": details["item"],
                "reason": details["reason"],
                "at": body["at"],
                "settled_by": settled[-1]["actor"] if settled else None,
                "outcome": f"{owner['owner']}: {owner['reason']}" if owner else "",
            }
        )
    _same_list("campaign.json", "not_mine", about["not_mine"], doubts)


def _check_routing(about: Body, launched: Body, items: Rows) -> None:
    """Each item names the rule of the version in force that fits how its reviewer was found."""
    routing = about["routing"]
    where = "campaign.json: the rules of routing are not those of the launch in the trail"
    same(where, "routing", routing["version"], launched.get("routing", 1))
    same(
        where,
        "questions_routed_away_from_oneself",
        about["questions_routed_away_from_oneself"],
        launched.get("routed_away", 0),
    )
    numbers = {rule["route"]: rule["rule"] for rule in routing["rules"]}
    for number, item in items.items():
        if item["route_rule"] != numbers.get(item["route"]):
            raise Broken(
                f"items.csv: route: item {number} names another rule of routing than its route has"
            )


def check_lists(package: zipfile.ZipFile, trail: Trail) -> None:
    """Population and readings are those that the launch wrote down."""
    about = _json(package, "campaign.json")
    record = _launch(about, trail)["details"]
    for member, name in (("population.csv", "population"), ("readings.csv", "readings")):
        if name not in record:
            continue
        recorded = [{key: _cell(value) for key, value in row.items()} for row in record[name]]
        shown = [
            {key: _plain(value) for key, value in row.items()} for row in _rows(package, member)
        ]
        _same_list(member, "its list", shown, recorded)


def check_launch(package: zipfile.ZipFile, items: Rows, reference: str, trail: Trail) -> List[str]:
    """Compares what the launch fixed with the package: facts, exclusions, accounts and items.
    Returns a sentence about what an older package lacks, whose trail did not record these."""
    about, launched = _json(package, "campaign.json"), trail.get("campaign.launched", reference)
    record = launched[-1]["details"]
    if "facts" not in record:
        return [
            "It was launched before the trail kept digests of items, accounts, population and "
            "exclusions: these are compared with the counts of the trail only."
        ]
    for name, value in record["facts"].items():
        same("campaign.json", name, about.get(name), value)
    _same_list("campaign.json", "excluded", about["excluded"], record["excluded"])
    _check_accounts(items, record["account_digests"])
    _check_asked(items, reference, record["item_digests"], trail)
    return []


def _cell(value: Any) -> str:
    """A value as a cell of a CSV file; formulas are not compared by their mark."""
    return "" if value is None else str(value)


class Digests:
    """One SHA-256 for each column of rows of texts."""

    def __init__(self, names: Iterable[str]) -> None:
        self.hashes = {name: hashlib.sha256() for name in names}

    def add(self, row: Row) -> None:
        """One row more."""
        for name, digest in self.hashes.items():
            digest.update((row[name] + "\0").encode())

    def compare(self, member: str, recorded: Dict[str, str], where: str) -> None:
        """Broken, naming the column, unless all digests are those recorded in the trail."""
        for name, digest in self.hashes.items():
            if name in recorded and digest.hexdigest() != recorded[name]:
                raise Broken(f"{member}: {name} is not what {where}: a digest in the trail differs")


def _check_accounts(items: Rows, recorded: Dict[str, str]) -> None:
    digests = Digests(("server", "account", *ACCOUNT_FACTS))
    for server, name, facts in _accounts(items.store):
        plain = {key: _plain(value) for key, value in facts.items()}
        digests.add({"server": _plain(server), "account": _plain(name), **plain})
    digests.compare("items.csv", recorded, "was frozen at the launch")


ASKED = ("reviewer", "route", "reviewer_could_grant")
ACCESS = ("rights", "via", "content_hash")
ITEM_FACTS = (
    *("item", "server", "folder", "topic", "account", "rights", "via"),
    *("reviewer", "route", "reviewer_could_grant", "asked_because", "content_hash"),
)


def _check_asked(items: Rows, reference: str, recorded: Dict[str, str], trail: Trail) -> None:
    """Compares every item as it was launched: its shown state with each change in the trail taken
    back."""
    changes = Rows(items.store, "changes")
    for body in trail.with_text('"moved":'):
        for group in body["details"].get("moved", ()):
            for number in group["items"]:
                _note_change(changes, items, number, [ASKED, group["from"], group["to"]])
    for body in trail.get("items.refreshed", reference):
        for number, before, after in body["details"].get("changed", ()):
            _note_change(changes, items, number, [ACCESS, before, after])
    digests = Digests(ITEM_FACTS)
    for number, item in items.items():
        row = {name: _plain(item[name]) for name in ITEM_FACTS}
        row["rights"] = str(_mask(item["rights"]))
        for names, before, after in reversed(changes.get(number, [])):
            for name, was, now in zip(names, before, after):
                same(f"items.csv: item {number}", name, row[name], _as_text(now))
                row[name] = _as_text(was)
        digests.add(row)
    digests.compare("items.csv", recorded, "was frozen at the launch")


def _note_change(changes: Rows, items: Rows, number: int, change: List[Any]) -> None:
    if number in items:
        changes[number] = [*changes.get(number, []), change]


def _as_text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _mask(names: str) -> int:
    return sum(1 << RIGHTS.index(name) for name in names.split())


OUTCOME = ("item", "state", "answer", "rights_after", "outcome")


def check_totals(package: zipfile.ZipFile, items: Rows, reference: str, trail: Trail) -> None:
    """Broken when the totals or outcomes of a sign-off are not those of the items."""
    about = _json(package, "campaign.json")
    if about["state"] != "signed off":
        return
    signed = trail.get("campaign.signed_off", reference)[-1]["details"]
    digests = Digests(OUTCOME)
    for item in items.values():
        row = {name: _plain(item[name]) for name in OUTCOME}
        digests.add({**row, "rights_after": str(_mask(item["rights_after"]))})
    digests.compare("items.csv", signed.get("outcome_digests", {}), "was signed off")
    if about["signed_figures"] != _totals(items):
        raise Broken("campaign.json: the totals of the sign-off are not those of the items")


def _totals(items: Rows) -> Dict[str, int]:
    """The totals of a sign-off, counted again from the items."""
    totals = dict.fromkeys(
        ("items", "keep", "reduce", "revoke", "no_answer", "gone", "exceptions"), 0
    )
    totals["changes_verified"] = 0
    for item in items.values():
        answer, state = item["answer"].replace(" ", "_"), item["state"]
        totals["items"] += 1
        if answer in ("keep", "reduce", "revoke", "no_answer"):
            totals[answer] += 1
        totals["gone"] += state == "gone before decision"
        totals["exceptions"] += answer == "no_answer"
        totals["exceptions"] += answer in ("reduce", "revoke") and state == "closed"
        totals["changes_verified"] += state == "verified"
    return totals


def check_decisions(package: zipfile.ZipFile, items: Rows, trail: Trail, reference: str) -> Rows:
    """The decision of each item that counts; Broken when the list and the trail differ."""
    store = items.store
    _note_recorded(items, trail)
    by_policy = {body["details"]["batch"]: body for body in trail.get("silence.decided", reference)}
    votes = {body["details"]["batch"]: body for body in trail.get("votes.counted", reference)}
    store.execute("CREATE TABLE policy (batch, item INTEGER, rights)")
    newest = Rows(store, "newest")
    for row in _rows(package, "decisions.csv"):
        number, name = row["item"], f"decision {row['version']} of item {row['item']}"
        if number not in items:
            raise Broken(
                f"decisions.csv: item: a decision names item {number}, not in the population"
            )
        batch = _plain(row["batch"])
        if batch in by_policy or batch in votes:
            body = by_policy.get(batch) or votes[batch]
            values = (batch, int(number), row["rights_after"])
            store.execute("INSERT INTO policy VALUES (?, ?, ?)", values)
        else:
            body = _taken(store, trail, number, batch or row["version"], name)
        _check_decision(row, body, name, counted=batch in votes)
        last = newest.get(number)
        if last is None or body["seq"] > last[0]:
            newest[number] = (body["seq"], row)
    for number, version in store.execute("SELECT item, version FROM recorded LIMIT 1"):
        raise Broken(f"decisions.csv: decision {version} of item {number} stands in the trail only")
    for batch, body in by_policy.items():
        _check_policy(store, batch, body["details"], with_rights=False)
    for batch, body in votes.items():
        _check_policy(store, batch, body["details"], with_rights=True)
    counting = _decisions_that_count(items, newest, trail)
    _check_which_count(package, counting)
    return counting


def _check_which_count(package: zipfile.ZipFile, counting: Rows) -> None:
    """Compares the column `counts`: whether a decision is the one that its item goes by."""
    for row in _rows(package, "decisions.csv"):
        if "counts" not in row:  # packages of before
            return
        counted = counting.get(row["item"])
        is_it = counted is not None and counted["version"] == row["version"]
        where = f"decisions.csv: decision {row['version']} of item {row['item']}"
        same(where, "counts", row["counts"], "yes" if is_it else "no", "items.csv and the trail")


def _note_recorded(items: Rows, trail: Trail) -> None:
    """Stores which decisions about these items the trail records, by item and version (or
    batch)."""
    items.store.execute(
        "CREATE TABLE recorded (item INTEGER, version, seq INTEGER, PRIMARY KEY (item, version))"
    )
    put = "INSERT OR REPLACE INTO recorded VALUES (?, ?, ?)"
    for body in trail.of("decision.recorded"):
        number = body["object"].partition(":")[2]
        if number in items:
            values = (int(number), str(body["details"]["version"]), body["seq"])
            items.store.execute(put, values)
    for body in trail.of("decisions.recorded"):
        details = body["details"]
        mine = ((n, details["batch"], body["seq"]) for n in details["items"] if n in items)
        items.store.executemany(put, mine)


def _taken(store: sqlite3.Connection, trail: Trail, item: str, version: str, name: str) -> Body:
    """The trail's entry of a decision. It is deleted from the store, so that no second decision
    can claim it."""
    key = (int(item), version)
    query = "SELECT seq FROM recorded WHERE item = ? AND version = ?"
    record = store.execute(query, key).fetchone()
    if record is None:
        raise Broken(f"decisions.csv: {name} is not in the trail, or stands twice")
    store.execute("DELETE FROM recorded WHERE item = ? AND version = ?", key)
    return trail.body(record[0])


def _check_decision(row: Row, body: Body, name: str, *, counted: bool) -> None:
    """One line against its entry. `counted`: the rights are those that stages came to."""
    where, details = f"decisions.csv: {name} differs from the trail", body["details"]
    for column in DECISION_FIELDS:
        recorded = details[column] if column in details else body[column]
        same(where, column, _plain(row[column]), recorded)
    if "batch" in details:
        rights_before, rights_after = row["rights_seen"], row["rights_seen"]
        rights_after = (
            row["rights_after"] if counted else "" if row["answer"] in REMOVES else rights_after
        )
    else:
        rights_before, rights_after = (
            " ".join(details["rights_seen"]),
            " ".join(details["rights_after"] or []),
        )
    same(where, "rights_seen", row["rights_seen"], rights_before)
    same(where, "rights_after", row["rights_after"], rights_after)
    session_and_time = f"decisions.csv: {name} was given in another session or at another time"
    same(session_and_time, "session", _plain(row["session"]), details.get("session", ""))
    same(session_and_time, "late", int(row["late"] == "late"), details.get("late", 0))


def _check_policy(
    store: sqlite3.Connection, batch: str, details: Body, *, with_rights: bool
) -> None:
    """The trail holds the count and the digest of the items that the policy, or the rule of the
    stages, decided; of the latter also the rights that are left."""
    digest, count = hashlib.sha256(), 0
    query = "SELECT item, rights FROM policy WHERE batch = ? ORDER BY item"
    for number, left in store.execute(query, (batch,)):
        digest.update((f"{number} {left}\n" if with_rights else f"{number}\n").encode())
        count += 1
    if (details["count"], details["digest"]) != (count, digest.hexdigest()):
        raise Broken(f"decisions.csv: item: the decisions of {batch} differ from the trail")


DECISION_FIELDS = ("answer", "reason", "actor", "channel", "assurance", "address", "at")


def _decisions_that_count(items: Rows, newest: Rows, trail: Trail) -> Rows:
    """A decision counts unless the question was passed on or asked again after it."""
    again = _asked_again(items.store, newest, trail)
    counting = Rows(items.store, "counting")
    for number, (seq, row) in newest.items():
        if row["answer"] in (*ANSWERS, NO_ANSWER) and seq > again.get(number, 0):
            counting[number] = row
    for number, item in items.items():
        row = counting.get(number)
        counts = item["answer"] in ANSWERS or row is not None
        row = row or {"answer": "", "rights_after": ""}
        where = f"items.csv: the answer of item {number} is not the decision that counts"
        for name in ("answer", "rights_after"):
            same(where, name, item[name] if counts else "", row[name], "decisions.csv")
    return counting


def _asked_again(store: sqlite3.Connection, newest: Rows, trail: Trail) -> Rows:
    """The newest entry with which an item was asked again, by item."""
    again = Rows(store, "asked_again")

    def note(numbers: Iterable[Any], body: Body) -> None:
        for number in numbers:
            again[number] = max(body["seq"], again.get(number, 0))

    for body in trail.of("items.refreshed"):
        note(body["details"]["gone"] + body["details"]["asked_again"], body)
    for body in trail.of("item.objected"):
        if body["details"]["asked_again"]:
            note([body["object"].partition(":")[2]], body)
    for body in trail.of("decision.second_word"):
        number = body["object"].partition(":")[2]
        last = newest.get(number)
        if not body["details"]["confirmed"]:
            note([number], body)
        elif last and last[1]["actor"] == body["actor"]:
            raise Broken(
                f"decisions.csv: actor: item {number} was confirmed by the one who answered it"
            )
    for body in trail.of("campaign.closed"):
        note(body["details"].get("not_confirmed", ()), body)
    for body in trail.of("items.next_stage"):
        note(body["details"]["items"], body)
    return again


ANSWERS = ("keep", "reduce", "revoke")
NO_ANSWER = "no answer"  # a decision only where the policy takes access away
REMOVES = ("revoke", NO_ANSWER)


def _plain(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from running it as a formula."""
    return cell[1:] if cell[:1] == "'" else cell


def check_orders(package: zipfile.ZipFile, items: Rows, counting: Rows, trail: Trail) -> Rows:
    """Broken when a wanted change has no order, or a verified order no second read."""
    orders = Rows(items.store, "orders")
    undone = set()
    for order in _lines(package, "orders.jsonl"):
        _check_order(order, trail)
        if order["item"] is not None:
            orders[order["item"]] = order
        elif order["state"] == "verified":
            undone.add(order["undoes"])
    for number, item in items.items():
        wanted = counting.get(number, {}).get("answer") in ("reduce", *REMOVES)
        _check_change(number, item, wanted, orders.get(number, {}), undone, trail)
    return orders


def _check_change(
    number: str, item: Row, wanted: bool, order: Body, undone: Set[int], trail: Trail
) -> None:
    """Broken when the state of an item does not fit that of its order."""
    state = f"items.csv: state: item {number}"
    if not wanted and (order or item["state"] not in WITHOUT_CHANGE):
        raise Broken(f"{state} is {item['state']}, but nobody wanted a change")
    if not wanted or item["state"] in ("decided", "between stages", "final"):
        return
    if item["state"] == "superseded":
        over, back = (
            len(trail.get(action, f"item:{number}"))
            for action in ("item.superseded", "item.counts_again")
        )
        if over <= back or order.get("state", "cancelled") != "cancelled":
            raise Broken(f"{state} is called superseded, and nothing says by what")
        return
    if not order:
        raise Broken(f"{state} was to be changed, but there is no order for it")
    for name in ("server", "account", "folder"):
        where = f"orders.jsonl: the order of item {number} is about something else"
        same(where, name, order[name], _plain(item[name]), "items.csv")
    where = f"orders.jsonl: the order of item {number} is about something else"
    same(where, "rights_wanted", order["rights_wanted"], item["rights_after"].split(), "items.csv")
    if order.get("group") and item.get("topic") != f"group {order['group']}":
        raise Broken(f"orders.jsonl: group: the order of item {number} is about another group")
    if item["state"] == "verified" and order["state"] != "verified":
        raise Broken(f"{state} is called verified, its order is {order['state']}")
    if item["state"] == "closed" and order["order"] not in undone:
        raise Broken(f"{state} was to be changed, but is closed without that")


WITHOUT_CHANGE = ("open", "decided", "between stages", "closed", "gone before decision")


def _check_order(order: Body, trail: Trail) -> None:
    """One order against the trail."""
    subject, name = f"order:{order['order']}", f"orders.jsonl: order {order['order']}"
    written = trail.get("order.written", subject)
    if not written:
        raise Broken(f"{name} is not in the trail")
    details = written[0]["details"]
    origin = f"undo:{order['undoes']}" if order["item"] is None else f"item:{order['item']}"
    same(f"{name} differs from the trail", "item", origin, details["origin"])
    for field in ("kind", "account", "folder", "group", "rights_before", "rights_wanted"):
        recorded = details.get(field, "")
        same(f"{name} differs from the trail", field, order.get(field, ""), recorded)
    for field, detail in (("server", "server"), ("asked_by", "created_by")):
        if detail in details:
            same(f"{name} differs from the trail", field, order[field], details[detail])
    _check_people_of(order, details, trail)
    looks = trail.get("order.checked", subject)
    if order["state"] == "verified":
        _check_verified(order, name, looks)
    _check_sealed(order, name, trail)
    if "log_sha256" in details:
        _check_times(order, name, looks, trail)


def _check_verified(order: Body, name: str, looks: List[Body]) -> None:
    """Broken unless a second read in the trail found no more rights than wanted."""
    if not looks or looks[-1]["details"]["state"] != "verified":
        raise Broken(f"{name}: state: it is called verified, but nobody looked again")
    if looks[-1]["details"].get("left_over", {}) != order.get("left_over", {}):
        raise Broken(f"{name}: left_over: what it left open differs from the trail")
    rights = looks[-1]["details"]["rights_found"]
    if rights != order["rights_found"] or not set(rights) <= set(order["rights_wanted"]):
        raise Broken(f"{name}: rights_found: it is called verified, but the second look saw more")


def _check_sealed(order: Body, name: str, trail: Trail) -> None:
    """Plan, log and state are those of the newest entry that has their digests. Lines of the log
    that came after it are no steps that the trail keeps: tries that failed, and waits."""
    subject, sealed = f"order:{order['order']}", None
    query = "SELECT body FROM trail WHERE object = ? ORDER BY seq"
    for (text,) in trail.store.execute(query, (subject,)):
        body = json.loads(text)
        sealed = body["details"] if "log_sha256" in body["details"] else sealed
    log = order["log"]
    if log and log[-1]["state"] != order["state"]:
        raise Broken(f"{name}: state is {order['state']}, its log ends with {log[-1]['state']}")
    if sealed is None:
        return
    count = sealed["log_lines"]
    same(name, "log", _digest(log[:count]), sealed["log_sha256"], "a digest of the trail")
    if len(log) == count:
        same(name, "state", order["state"], sealed["order_state"])
        same(name, "plan", _digest(order["plan"]), sealed["plan_sha256"], "a digest of the trail")
    elif order["state"] not in UNFINISHED:
        raise Broken(f"{name}: log has {len(log)} lines, of which the trail knows {count}")


UNFINISHED = ("queued", "applying", "unknown", "retry", "manual", "needs approval", "applied")


def _check_times(order: Body, name: str, looks: List[Body], trail: Trail) -> None:
    """Compares when an order was carried out and checked, what was found, and who approved it."""
    subject = f"order:{order['order']}"
    applied = trail.last("order.applied", subject)
    same(name, "applied_at", order["applied_at"], applied["at"] if applied else None)
    verified = [body for body in looks if body["details"]["state"] == "verified"]
    same(name, "verified_at", order["verified_at"], verified[-1]["at"] if verified else None)
    rights = looks[-1]["details"]["rights_found"] if looks else None
    same(name, "rights_found", order["rights_found"], rights)
    left = verified[-1]["details"].get("left_over", {}) if verified else {}
    same(name, "left_over", order.get("left_over", {}), left)
    approved = trail.last("order.approved", subject)
    if order["undoes"] is None:
        who = approved["actor"] if approved else None
        same(name, "approved_by", order["approved_by"], who)
        same(name, "reason", order["reason"], "")


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_people_of(order: Dict[str, Any], details: Dict[str, Any], trail: Trail) -> None:
    """Compares the ticket of a change, and for an undo its reason and its two persons."""
    name, subject = f"orders.jsonl: order {order['order']}", f"order:{order['order']}"
    noted = trail.last("order.ticket", subject)
    same(name, "ticket", order["ticket"], noted["details"]["ticket"] if noted else "")
    if order["undoes"] is None:
        return
    asked = trail.get("order.undo_asked", f"order:{order['undoes']}")
    if not asked or not order["reason"]:
        raise Broken(f"{name}: reason: it takes a change back, and nobody asked for that with one")
    request = (asked[0]["details"]["reason"], asked[0]["actor"])
    agreed = trail.get("order.written", subject)[0]["actor"]
    where = f"{name}: who wanted it, and why, differs from the trail"
    same(where, "reason", order["reason"], request[0])
    same(where, "asked_by", order["asked_by"], request[1])
    same(where, "approved_by", order["approved_by"], agreed)
    if (details.get("reason"), details.get("asked_by")) != request or agreed == request[1]:
        raise Broken(f"{name} takes a change back without a second person")


def check_annex(package: zipfile.ZipFile, items: Rows, counting: Rows, orders: Rows) -> None:
    """Broken when the annex for people differs from the lists. Both lists of items have the same
    order."""
    listed = _rows(package, "annex/items.csv")
    for count, item in enumerate(_rows(package, "items.csv")):
        row, number = next(listed, None), item["item"]
        if row is None:
            raise Broken(
                f"annex/items.csv: item: it lacks {len(items) - count} of {len(items)} items"
            )
        if row["item"] != number:
            raise Broken(
                f"annex/items.csv: item {row['item']} of the annex stands twice, is not in the "
                f"population, or stands where item {number} should"
            )
        _check_annex_row(row, item, counting.get(number, {}), orders.get(number, {}))
    if next(listed, None) is not None:
        raise Broken("annex/items.csv: item: it has more items than the population")


def _check_annex_row(row: Row, item: Row, decision: Row, order: Body) -> None:
    expected = {name: item[name] for name in ("server", "account", "person", "outcome", "answer")}
    expected["folder"] = item["folder"] or item.get("topic", "")
    expected["why_this_reviewer"] = item["route"]
    expected["order"] = str(order.get("order", ""))
    expected["verified_utc"] = order.get("verified_at") or ""
    expected["reason"], expected["decided_utc"] = decision.get("reason", ""), decision.get("at", "")
    if decision:
        expected.update(
            decided_by=decision["actor"],
            channel=decision["channel"],
            assurance=decision["assurance"],
        )
    where = f"annex/items.csv: item {row['item']} of the annex differs from the lists"
    for name, value in expected.items():
        same(where, name, row[name], value, "the lists")
    if item["reviewer"] and not row["reviewer"].endswith(f"<{_plain(item['reviewer'])}>"):
        same(where, "reviewer", row["reviewer"], item["reviewer"], "items.csv")


def check_reviewers(package: zipfile.ZipFile, items: Rows, counting: Rows, trail: Trail) -> None:
    """Broken when the list of reviewers differs from items, decisions and trail."""
    store = items.store
    store.execute("CREATE TABLE asked (reviewer, number INTEGER, PRIMARY KEY (reviewer, number))")
    for number, item in items.items():
        store.execute("INSERT INTO asked VALUES (?, ?)", (item["reviewer"], int(number)))
    for row in _rows(package, "reviewers.csv"):
        name = row["reviewer"] or "compliance queue"
        mine = store.execute("SELECT number FROM asked WHERE reviewer = ?", (row["reviewer"],))
        totals = _reviewer_totals((items[number], counting.get(number)) for (number,) in mine)
        if totals["questions"] == "0" and row["questions"] != "0":
            raise Broken(f"reviewers.csv: reviewer: {name} stands twice or was not asked")
        where = f"reviewers.csv: the counts of the reviewer {name} are wrong"
        for field, value in totals.items():
            same(where, field, row[field], value, "items and decisions")
        _check_read(row, trail)
        _check_training(row, trail)
        store.execute("DELETE FROM asked WHERE reviewer = ?", (row["reviewer"],))
    missing = store.execute("SELECT count(DISTINCT reviewer) FROM asked").fetchone()[0]
    if missing:
        raise Broken(f"reviewers.csv: reviewer: {missing} reviewers are missing from their list")


def _reviewer_totals(pairs: Iterable[Tuple[Row, Optional[Row]]]) -> Dict[str, str]:
    """The totals of one reviewer, counted again from their items and decisions."""
    acts: Dict[Tuple[str, str], int] = {}
    counts = dict.fromkeys(("questions", "open", *ANSWERS), 0)
    for item, decision in pairs:
        counts["questions"] += 1
        counts["open"] += item["state"] == "open"
        if item["answer"] in ANSWERS:
            counts[item["answer"]] += 1
            if decision is not None:
                key = (decision["at"], _plain(decision["batch"]) or f"item {item['item']}")
                acts[key] = acts.get(key, 0) + 1
    bulk = [count for (_, batch), count in acts.items() if not batch.startswith("item ")]
    times = sorted((datetime.fromisoformat(at), count) for (at, _), count in acts.items())
    seconds: List[float] = []
    pauses = 0
    for number in range(1, len(times)):
        gap, count = (times[number][0] - times[number - 1][0]).total_seconds(), times[number][1]
        pauses += gap > LONGEST_PAUSE
        seconds += [min(gap, LONGEST_PAUSE) / count] * count
    return {
        **{name: str(count) for name, count in counts.items()},
        "in_bulk": str(sum(bulk)),
        "median_seconds": str(round(median(seconds), 1)) if seconds else "",
        "pauses_shortened": str(pauses),
    }


def _check_read(row: Row, trail: Trail) -> None:
    """Compares the confirmed instruction with the trail, which lacks those of before it begins."""
    recorded = [
        (int(body["object"].partition(":")[2]), body["at"])
        for body in trail.of("instruction.read")
        if body["details"]["person"] == _plain(row["reviewer"])
    ]
    listed = (int(row["instruction_version"] or 0), row["instruction_read"])
    newest = max(recorded) if recorded else (0, "")
    if recorded or listed[1] > trail.begins:
        where = f"reviewers.csv: what {row['reviewer']} has read is not what the trail tells"
        same(where, "instruction_version", listed[0], newest[0])
        same(where, "instruction_read", listed[1], newest[1])


def _check_training(row: Row, trail: Trail) -> None:
    """Compares the newest training with the trail, unless it was recorded before that begins."""
    recorded = [
        (day, course, body["at"])
        for body in trail.get("trainings.imported", "trainings")
        for email, day, course in body["details"]["trainings"]
        if email == _plain(row["reviewer"])
    ]
    listed = (row["training"], _plain(row["training_course"]), row["training_noted"])
    older = [listed] if listed[2] and listed[2] <= trail.begins else []
    newest = max([*recorded, *older], default=("", "", ""))
    where = f"reviewers.csv: the training of {row['reviewer']} is not what the trail tells"
    for name, shown, value in zip(TRAINING, listed, newest):
        same(where, name, shown, value)


TRAINING = ("training", "training_course", "training_noted")
LONGEST_PAUSE = 600.0  # a longer time between two answers counts as so many seconds


def check_auditor(package: zipfile.ZipFile, reference: str, items: Rows, trail: Trail) -> None:
    """Broken when the auditors' acts differ from the trail or a sample from its seed."""
    listed = list(_lines(package, "auditor.jsonl"))
    for action in ("audit.sampled", "audit.remarked", "audit.judged"):
        recorded = [{name: body[name] for name in AUDITED} for body in trail.get(action, reference)]
        shown = [
            {name: each[name] for name in AUDITED} for each in listed if each["action"] == action
        ]
        where = "auditor.jsonl: what auditors did differs from the trail"
        _same_list(where, action, shown, recorded)
    for sample in (each["details"] for each in listed if each["action"] == "audit.sampled"):
        seed = sample["seed"]
        drawn = heapq.nsmallest(
            sample["size"],
            items.numbers(),
            key=lambda n: hashlib.sha256(f"{seed}:{n}".encode()).digest(),
        )
        if drawn != sample["items"]:
            raise Broken(
                f"auditor.jsonl: items: the sample with the seed {seed} is not the one that "
                "chance drew"
            )


AUDITED = ("action", "actor", "at", "details")


def check_mails(package: zipfile.ZipFile, reference: str, trail: Trail) -> int:
    """How many mails there are; Broken when the list and the trail differ."""
    queued = {body["details"]["message_id"]: body for body in trail.get("mail.queued", reference)}
    came_back = {
        body["details"]["message_id"]: (body["at"], body["details"]["reason"])
        for body in trail.get("mail.bounced", reference)
    }
    count = 0
    for row in _rows(package, "mails.csv"):
        number = _plain(row["message_id"])
        where = f"mails.csv: the list of mails differs from the trail: {number}"
        body = queued.pop(number, None)
        if body is None:
            raise Broken(f"{where}: message_id stands twice or is not in the trail")
        details = body["details"]
        same(where, "to", _plain(row["to"]), details["to"])
        same(where, "kind", row["kind"], details["kind"])
        if "subject" in details:
            same(where, "subject", _plain(row["subject"]), details["subject"])
            same(where, "written", row["written"], body["at"])
        bounced = came_back.pop(number, ("", ""))
        same(where, "bounced", row["bounced"], bounced[0])
        same(where, "bounce", _plain(row["bounce"]), bounced[1])
        count += 1
    if queued or came_back:
        raise Broken(f"mails.csv: the list of mails differs from the trail: it lacks {len(queued)}")
    return count


def check_late(package: zipfile.ZipFile, items: Rows, trail: Trail) -> None:
    """Broken when the persons responsible for late changes differ from the trail."""
    names = ("owner", "until", "reason")
    recorded = [
        {
            "item": body["object"].partition(":")[2],
            "by": body["actor"],
            "at": body["at"],
            **{name: body["details"][name] for name in names},
        }
        for body in trail.of("item.taken_on")
        if body["object"].partition(":")[2] in items
    ]
    listed = [
        {name: _plain(row[name]) for name in ("item", *names, "by", "at")}
        for row in _rows(package, "late.csv")
    ]
    where = "late.csv: who sees to late changes differs from the trail"
    _same_list(where, "its list", listed, recorded)


def check(path: str, expected_key: str = "") -> List[str]:
    """What the package proves, as lines of text; Broken names the first thing that fails."""
    usual = csv.field_size_limit(MOST_FIELD)
    try:
        return _check(path, expected_key)
    finally:
        csv.field_size_limit(usual)


def _check(path: str, expected_key: str) -> List[str]:
    try:
        key = check_seal(path)
    except Broken as error:
        raise Broken(f"{error}: {changed_member(path)}") from error
    if expected_key and fingerprint(key).replace(" ", "") != expected_key.replace(" ", "").lower():
        raise Broken("the package was sealed with another key than the one you gave")
    store = _store()
    try:
        with zipfile.ZipFile(path) as package:
            return _check_contents(package, key, store)
    finally:
        store.close()


def _check_contents(package: zipfile.ZipFile, key: bytes, store: sqlite3.Connection) -> List[str]:
    check_limits(package)
    manifest = check_manifest(package)
    trail = check_trail(package, store)
    if trail.key != key:
        raise Broken("the checkpoint was signed with another key than the package")
    items = check_population(package, store)
    check_readings(package, trail)
    reference = check_campaign(package, items, trail)
    check_lists(package, trail)
    counting = check_decisions(package, items, trail, reference)
    lacks = check_launch(package, items, reference, trail)
    orders = check_orders(package, items, counting, trail)
    check_totals(package, items, reference, trail)
    check_annex(package, items, counting, orders)
    check_reviewers(package, items, counting, trail)
    check_auditor(package, reference, items, trail)
    check_late(package, items, trail)
    mails = check_mails(package, reference, trail)
    point = _json(package, "checkpoint.json")
    states: Dict[str, int] = {}
    for item in items.values():
        states[item["state"]] = states.get(item["state"], 0) + 1
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    packed = hashlib.sha256(package.read("verify.py")).hexdigest()
    return [
        f"Campaign: {manifest['campaign']}",
        f"Items: {len(items)} ({counts})",
        f"Items with a decision: {len(counting)}; orders: {len(orders)}; mails: {mails}",
        f"Trail entries: {len(trail)}",
        f"Trail up to entry {point['seq']}: {point['hash']}",
        f"Contents: {manifest['contents_sha256']}",
        f"verify.py in the package: {packed}",
        *(f"NOT PROVED: {line}" for line in lacks),
        f"Sealed at {manifest['created_at']} with the key",
        f"  {fingerprint(key)}",
    ]


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Checks an evidence package of Recert.")
    parser.add_argument("package")
    parser.add_argument("--key", default="", help="fingerprint of the key that must have sealed it")
    options = parser.parse_args(arguments)
    try:
        lines = check(options.package, options.key)
    except Broken as error:
        print(f"NOT GENUINE: {error}.")
        return 2
    except OSError as error:
        print(f"The file cannot be read: {error}.")
        return 1
    except Exception as error:  # whatever it is made of, it is not what Recert writes
        print(f"NOT GENUINE: the contents are malformed ({type(error).__name__}: {error}).")
        return 2
    print("\n".join(lines))
    if options.key:
        print("GENUINE: the package is complete and unchanged.")
    else:
        print(
            "UNCHANGED since it was sealed, and complete. That proves nothing about who sealed it:"
        )
        print("give the fingerprint that you know from elsewhere with --key.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
