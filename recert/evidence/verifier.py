#!/usr/bin/env python3
"""Checks an evidence package of Recert without Recert.

    python3 verify.py PACKAGE.zip [--key FINGERPRINT]

Needs Python 3.9 or newer and nothing else. It checks that

1. not one byte of the package was changed after it was sealed (Ed25519 signature over the file);
2. the package holds exactly the files its manifest names, each with its hash;
3. the trail is an unbroken hash chain that ends where a signed checkpoint says;
4. the population adds up, and every item of it is there, as many as were launched;
5. the decisions of the list are those of the trail, none changed, missing or added, and each item
   shows the one that counts;
6. every final decision to reduce or revoke led to an order for just that, and every order called
   verified has a second look in the trail that saw no more than was wanted;
7. the sign-off with its figures and the mails are those of the trail, and of the items;
8. what auditors did is what the trail tells, and their samples are drawn again from the seeds;
9. the annex for people (CSV) has the same items, answers and orders;
10. the list of reviewers has the figures of the items and decisions; what each of them said that
    he has read, and his newest training, stand in the trail, if noted since the package's begins;
11. who sees to late changes is what the trail tells.

Ask for the key's fingerprint by another way than the package itself (it stands on the sign-off
page) and give it with --key: only that proves *who* sealed it.

Exit code 0: everything holds. 2: something does not. 1: the file could not be read.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import struct
import sys
import zipfile
from datetime import datetime
from functools import partial
from statistics import median
from typing import Any, Dict, Iterator, List, Optional, Tuple

MARK = b"recert-evidence-1 "
START = "0" * 64
Point = Tuple[int, int, int, int]
Row = Dict[str, str]
Trail = Dict[Tuple[str, str], List[Dict[str, Any]]]
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


CHANGED = ("ordered", "verified", "still reachable", "needs attention")


class Broken(Exception):
    """Something in the package does not hold."""


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
        said = struct.unpack("<H", file.read(2))[0]
    if not seal.startswith(MARK) or said != size_of_seal:
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


def _lines(package: zipfile.ZipFile, name: str) -> Iterator[Dict[str, Any]]:
    with package.open(name) as raw:
        for line in io.TextIOWrapper(raw, encoding="utf-8"):
            yield json.loads(line)


def _rows(package: zipfile.ZipFile, name: str) -> Iterator[Row]:
    with package.open(name) as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline=""))


def check_manifest(package: zipfile.ZipFile) -> Dict[str, Any]:
    """Broken unless the package holds exactly what its manifest names."""
    manifest = json.loads(package.read("manifest.json"))
    names = package.namelist()
    if len(names) != len(set(names)) or set(names) != set(manifest["files"]) | {"manifest.json"}:
        raise Broken("the package does not hold exactly the files of its manifest")
    missing = FILES - set(names)
    if missing:
        raise Broken("missing from the package: " + ", ".join(sorted(missing)))
    for name, said in manifest["files"].items():
        digest, size = hashlib.sha256(), 0
        with package.open(name) as file:
            for block in iter(partial(file.read, 1 << 20), b""):
                digest.update(block)
                size += len(block)
        if (digest.hexdigest(), size) != (said["sha256"], said["size"]):
            raise Broken(f"{name} is not the file of the manifest")
    others = {name: said for name, said in manifest["files"].items() if name != "summary.pdf"}
    lines = "".join(f"{said['sha256']}  {name}\n" for name, said in sorted(others.items()))
    if hashlib.sha256(lines.encode()).hexdigest() != manifest["contents_sha256"]:
        raise Broken("the hash of the contents is not that of the manifest")
    return dict(manifest)


def check_trail(package: zipfile.ZipFile) -> Tuple[Trail, bytes]:
    """The entries by action and object; Broken when the chain does not hold."""
    known: Trail = {}
    previous, number, first = START, 1, True
    for entry in _lines(package, "trail.jsonl"):
        body = json.loads(entry["body"])
        if first:
            previous, number, first = entry["previous"], entry["seq"], False
            if number == 1 and previous != START:
                raise Broken("the trail does not begin at its beginning")
        if entry["seq"] != number or body["seq"] != number:
            raise Broken(f"entry {number} of the trail is missing")
        expected = hashlib.sha256(f"{previous}\n{entry['body']}".encode()).hexdigest()
        if entry["previous"] != previous or entry["hash"] != expected:
            raise Broken(f"entry {number} of the trail was changed")
        known.setdefault((body["action"], body["object"]), []).append(body)
        previous, number = expected, number + 1
    point = json.loads(package.read("checkpoint.json"))
    if point["hash"] != previous or point["seq"] != number - 1:
        raise Broken("the trail does not end where its checkpoint says")
    text = f"recert-trail-checkpoint-1\n{point['seq']}\n{point['hash']}\n{point['at']}\n"
    key, signature = bytes.fromhex(point["public_key"]), bytes.fromhex(point["signature"])
    if not signature_holds(key, text.encode(), signature):
        raise Broken("the signature of the checkpoint is wrong")
    return known, key


def check_population(package: zipfile.ZipFile) -> Dict[str, Row]:
    """The items by number; Broken when the population does not add up."""
    items: Dict[str, Row] = {}
    for row in _rows(package, "items.csv"):
        if row["item"] in items:
            raise Broken(f"item {row['item']} stands twice")
        items[row["item"]] = row
    expected = 0
    for row in _rows(package, "population.csv"):
        parts = (row["reviewed"], row["excluded"], row["out_of_scope"], row["without_rights"])
        if int(row["accounts"]) != sum(int(part) for part in parts):
            raise Broken(f"the population of server {row['server']} does not add up")
        here = [item for item in items.values() if item["server"] == row["server"]]
        found = (len(here), len({item["account"] or item.get("topic") for item in here}))
        if found != (int(row["items"]), int(row["reviewed"])):
            raise Broken(
                f"{found[0]} items of {found[1]} accounts stand in the list of server"
                f" {row['server']}, where its population has {row['items']} of {row['reviewed']}"
            )
        check_sorts(row, here)
        expected += len(here)
    if len(items) != expected:
        raise Broken(f"{len(items)} items where the population has {expected}")
    return items


def check_sorts(row: Row, items: List[Row]) -> None:
    """Broken when the accounts of a sort are not as many as the list of items has."""
    for name in ("service", "shared", "anonymous"):
        found = len({item["account"] for item in items if item["account_kind"] == name})
        if found != int(row[name]):
            raise Broken(f"{found} {name} accounts of {row['server']}, of {row[name]} counted")
    for name in ("privileged", "emergency"):
        found = len({item["account"] for item in items if item[f"account_{name}"] == "yes"})
        if found != int(row[name]):
            raise Broken(f"{found} {name} accounts of {row['server']}, of {row[name]} counted")
    keyed = {item["account"] for item in items if item["account_keys"] not in ("", "0")}
    if len(keyed) != int(row["with_keys"]):
        raise Broken(f"{len(keyed)} accounts with keys of {row['server']}, of {row['with_keys']}")


def check_readings(package: zipfile.ZipFile, trail: Trail) -> None:
    """Broken when what stands for the raw answers is not what was written down when they came."""
    snapshots = {row["snapshot"]: row for row in _rows(package, "population.csv")}
    readings = {row["snapshot"]: row for row in _rows(package, "readings.csv")}
    if set(snapshots) != set(readings):
        raise Broken("readings.csv and population.csv name different snapshots")
    for number, row in readings.items():
        if row["fingerprint"] != snapshots[number]["raw_sha256"]:
            raise Broken(f"snapshot {number} has two fingerprints")
        for entry in trail.get(("snapshot.taken", f"snapshot:{number}"), []):
            told = entry["details"]
            kept = told.get("recording", {"sha256": "", "size": 0})
            seen = (told["fingerprint"], told.get("collector", ""), kept["sha256"], kept["size"])
            listed = (row["fingerprint"], row["collector"], row["recording_sha256"])
            if seen != (*listed, int(row["recording_size"])):
                raise Broken(f"the reading of snapshot {number} is not the one of the trail")


def check_campaign(package: zipfile.ZipFile, items: Dict[str, Row], trail: Trail) -> str:
    """The reference of the campaign in the trail; Broken when its dates or figures differ."""
    about = json.loads(package.read("campaign.json"))
    for (action, subject), bodies in trail.items():
        if action == "campaign.launched" and bodies[-1]["details"]["name"] == about["name"]:
            launched, reference = bodies[-1], subject
            break
    else:
        raise Broken("the launch of the campaign is not in the trail")
    # Whoever extends the due date says so in the trail; the last word counts.
    due = [launched, *trail.get(("campaign.extended", reference), [])][-1]["details"]["due"]
    said = (launched["actor"], launched["at"], due)
    if said != (about["launched_by"], about["launched_at"], about["due_at"]):
        raise Broken("campaign.json differs from the launch in the trail")
    if launched["details"]["items"] != len(items):
        raise Broken(f"{len(items)} items where {launched['details']['items']} were launched")
    for drafted in trail.get(("campaign.drafted", reference), []):
        if drafted["details"].get("policy", about["policy"]) != about["policy"]:
            raise Broken("the rules in campaign.json are not those of the draft in the trail")
    _check_routing(about, launched["details"], items)
    signed = trail.get(("campaign.signed_off", reference), [])
    told = [
        (body["actor"], body["at"], body["details"]["statement"], body["details"]["figures"])
        for body in signed
    ]
    names = ("signed_off_by", "signed_off_at", "statement", "signed_figures")
    listed = tuple(about[name] for name in names)
    if told != ([listed] if about["state"] == "signed off" else []) or (
        not told and listed != (None,) * 4
    ):
        raise Broken("the sign-off in campaign.json is not the one in the trail")
    return reference


def _check_routing(about: Dict[str, Any], launched: Dict[str, Any], items: Dict[str, Row]) -> None:
    """Each item names the rule of the version in force that fits how its reviewer was found."""
    routing = about["routing"]
    said = (routing["version"], about["questions_routed_away_from_oneself"])
    if said != (launched.get("routing", 1), launched.get("routed_away", 0)):
        raise Broken("the rules of routing are not those of the launch in the trail")
    numbers = {rule["route"]: rule["rule"] for rule in routing["rules"]}
    for number, item in items.items():
        if item["route_rule"] != numbers.get(item["route"]):
            raise Broken(f"item {number} names another rule of routing than its route has")


def check_figures(package: zipfile.ZipFile, items: Dict[str, Row]) -> None:
    """Broken when a sign-off speaks of other figures than the items have."""
    about = json.loads(package.read("campaign.json"))
    if about["state"] == "signed off" and about["signed_figures"] != _figures(items):
        raise Broken("the figures of the sign-off are not those of the items")


def _figures(items: Dict[str, Row]) -> Dict[str, int]:
    """What a sign-off speaks of, counted again."""
    answers = [item["answer"] for item in items.values()]
    states = [item["state"] for item in items.values()]
    changes = [item["state"] for item in items.values() if item["answer"] in ("reduce", "revoke")]
    return {
        "items": len(items),
        "keep": answers.count("keep"),
        "reduce": answers.count("reduce"),
        "revoke": answers.count("revoke"),
        "no_answer": answers.count("no answer"),
        "gone": states.count("gone before decision"),
        "exceptions": answers.count("no answer") + changes.count("closed"),
        "changes_verified": states.count("verified"),
    }


def check_decisions(
    package: zipfile.ZipFile, items: Dict[str, Row], trail: Trail, reference: str
) -> Dict[str, Row]:
    """The decision of each item that counts; Broken when the list and the trail differ."""
    told = _decisions_told(items, trail)
    silent = _silence_told(trail.get(("silence.decided", reference), []))
    votes = _silence_told(trail.get(("votes.counted", reference), []))
    numbers: Dict[str, List[int]] = {batch: [] for batch in silent}
    voted: Dict[str, List[Tuple[int, str]]] = {batch: [] for batch in votes}
    newest: Dict[str, Tuple[int, Row]] = {}
    for row in _rows(package, "decisions.csv"):
        number, name = row["item"], f"decision {row['version']} of item {row['item']}"
        if number not in items:
            raise Broken(f"a decision names item {number}, which is not in the population")
        batch = _plain(row["batch"])
        key = (number, batch or row["version"])
        if batch in silent:
            body = silent[batch]
            numbers[batch].append(int(number))
        elif batch in votes:
            body = votes[batch]
            voted[batch].append((int(number), row["rights_after"]))
        elif key not in told:
            raise Broken(f"{name} is not in the trail, or stands twice")
        else:
            body = told.pop(key)
        fits = batch in votes or _fits(body, row)
        if _said(body) != [_plain(row[column]) for column in SAID] or not fits:
            raise Broken(f"{name} differs from the trail")
        told_more = (body["details"].get("session", ""), body["details"].get("late", 0))
        if (_plain(row["session"]), int(row["late"] == "late")) != told_more:
            raise Broken(f"{name} was given in another session or at another time")
        last = newest.get(number)
        if last is None or body["seq"] > last[0]:
            newest[number] = (body["seq"], row)
    for number, version in told:
        raise Broken(f"decision {version} of item {number} stands in the trail only")
    for batch, body in silent.items():
        _check_silence(body["details"], numbers[batch])
    for batch, body in votes.items():
        _check_votes(body["details"], voted[batch])
    return _decisions_that_count(items, newest, trail)


def _silence_told(bodies: List[Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    """What the trail tells about decisions of the policy where nobody answered, by batch."""
    return {body["details"]["batch"]: body for body in bodies}


def _check_silence(details: Dict[str, Any], numbers: List[int]) -> None:
    """The trail holds the count and the digest of the items that the policy decided."""
    text = "".join(f"{number}\n" for number in sorted(numbers))
    found = (len(numbers), hashlib.sha256(text.encode()).hexdigest())
    if (details["count"], details["digest"]) != found:
        raise Broken(f"the decisions of {details['batch']} differ from the trail")


def _check_votes(details: Dict[str, Any], rows: List[Tuple[int, str]]) -> None:
    """The same where stages differed, with the rights that the rule left."""
    text = "".join(f"{number} {left}\n" for number, left in sorted(rows))
    found = (len(rows), hashlib.sha256(text.encode()).hexdigest())
    if (details["count"], details["digest"]) != found:
        raise Broken(f"the decisions of {details['batch']} differ from the trail")


SAID = ("answer", "reason", "actor", "channel", "assurance", "address", "at")


def _said(body: Dict[str, Any]) -> List[str]:
    details = body["details"]
    return [details[name] if name in details else body[name] for name in SAID]


def _fits(body: Dict[str, Any], row: Row) -> bool:
    """Whether the rights of a decision are those that the trail tells."""
    if "batch" in body["details"]:
        return row["rights_after"] == ("" if row["answer"] in REMOVES else row["rights_seen"])
    seen, after = body["details"]["rights_seen"], body["details"]["rights_after"] or []
    return (row["rights_seen"], row["rights_after"]) == (" ".join(seen), " ".join(after))


def _decisions_told(items: Dict[str, Row], trail: Trail) -> Dict[Tuple[str, str], Dict[str, Any]]:
    """What the trail tells about these items, by item and version (or batch)."""
    told: Dict[Tuple[str, str], Dict[str, Any]] = {}
    for (action, subject), bodies in trail.items():
        for body in bodies:
            details = body["details"]
            if action == "decision.recorded":
                told[subject.partition(":")[2], str(details["version"])] = body
            elif action == "decisions.recorded":
                told.update({(str(item), details["batch"]): body for item in details["items"]})
    return {key: body for key, body in told.items() if key[0] in items}


def _decisions_that_count(
    items: Dict[str, Row], newest: Dict[str, Tuple[int, Row]], trail: Trail
) -> Dict[str, Row]:
    """A decision counts unless the question was passed on or asked again after it."""
    asked_again: Dict[str, int] = {}
    for (action, subject), bodies in trail.items():
        for body in bodies if action == "items.refreshed" else []:
            for item in body["details"]["gone"] + body["details"]["asked_again"]:
                asked_again[str(item)] = max(body["seq"], asked_again.get(str(item), 0))
        for body in bodies if action == "item.objected" else []:
            if body["details"]["asked_again"]:
                number = subject.partition(":")[2]
                asked_again[number] = max(body["seq"], asked_again.get(number, 0))
        for body in bodies if action == "decision.second_word" else []:
            number = subject.partition(":")[2]
            if not body["details"]["confirmed"]:
                asked_again[number] = max(body["seq"], asked_again.get(number, 0))
            elif number in newest and newest[number][1]["actor"] == body["actor"]:
                raise Broken(f"item {number} was confirmed by the one who answered it")
        for body in bodies if action == "campaign.closed" else []:
            for item in body["details"].get("not_confirmed", ()):
                asked_again[str(item)] = max(body["seq"], asked_again.get(str(item), 0))
        for body in bodies if action == "items.next_stage" else []:
            for item in body["details"]["items"]:
                asked_again[str(item)] = max(body["seq"], asked_again.get(str(item), 0))
    counting = {
        number: row
        for number, (seq, row) in newest.items()
        if row["answer"] in (*GIVEN, SILENT) and seq > asked_again.get(number, 0)
    }
    for number, item in items.items():
        row = counting.get(number, {"answer": "", "rights_after": ""})
        counts = item["answer"] in GIVEN or number in counting
        shown = (item["answer"], item["rights_after"]) if counts else ("", "")
        if shown != (row["answer"], row["rights_after"]):
            raise Broken(f"the answer of item {number} is not the decision that counts")
    return counting


GIVEN = ("keep", "reduce", "revoke")
SILENT = "no answer"  # a decision only where the policy takes access away
REMOVES = ("revoke", SILENT)


def _plain(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from running it as a formula."""
    return cell[1:] if cell[:1] == "'" else cell


def check_orders(
    package: zipfile.ZipFile, items: Dict[str, Row], counting: Dict[str, Row], trail: Trail
) -> Dict[str, Dict[str, Any]]:
    """Broken when a wanted change has no order or a "verified" has no second look."""
    orders: Dict[str, Dict[str, Any]] = {}
    undone = set()
    for order in _lines(package, "orders.jsonl"):
        _check_order(order, trail)
        if order["item"] is not None:
            orders[str(order["item"])] = order
        elif order["state"] == "verified":
            undone.add(order["undoes"])
    for number, item in items.items():
        wanted = counting.get(number, {}).get("answer") in ("reduce", *REMOVES)
        order = orders.get(number, {})
        if not wanted and (order or item["state"] not in WITHOUT_CHANGE):
            raise Broken(f"item {number} is {item['state']}, but nobody wanted a change")
        if not wanted or item["state"] in ("decided", "between stages", "final"):
            continue
        if item["state"] == "superseded":
            over, back = (
                len(trail.get((action, f"item:{number}"), ()))
                for action in ("item.superseded", "item.counts_again")
            )
            if over <= back or order.get("state", "cancelled") != "cancelled":
                raise Broken(f"item {number} is called superseded, and nothing says by what")
            continue
        if not order:
            raise Broken(f"item {number} was to be changed, but there is no order for it")
        place = (order["server"], order["account"], order["folder"], order["rights_wanted"])
        names = (_plain(item[name]) for name in ("server", "account", "folder"))
        if place != (*names, item["rights_after"].split()):
            raise Broken(f"the order of item {number} is about something else")
        if order.get("group") and item.get("topic") != f"group {order['group']}":
            raise Broken(f"the order of item {number} is about another group")
        if item["state"] == "verified" and order["state"] != "verified":
            raise Broken(f"item {number} is called verified, its order is {order['state']}")
        if item["state"] == "closed" and order["order"] not in undone:
            raise Broken(f"item {number} was to be changed, but is closed without that")
    return orders


WITHOUT_CHANGE = ("open", "decided", "between stages", "closed", "gone before decision")


def _check_order(order: Dict[str, Any], trail: Trail) -> None:
    """One order against the trail."""
    subject = f"order:{order['order']}"
    written = trail.get(("order.written", subject), [])
    if not written:
        raise Broken(f"order {order['order']} is not in the trail")
    details = written[0]["details"]
    origin = f"undo:{order['undoes']}" if order["item"] is None else f"item:{order['item']}"
    if details["origin"] != origin or any(
        details.get(name, "") != order.get(name, "")
        for name in ("kind", "account", "folder", "group", "rights_before", "rights_wanted")
    ):
        raise Broken(f"order {order['order']} differs from the trail")
    _check_people_of(order, details, trail)
    looks = trail.get(("order.checked", subject), [])
    if order["state"] != "verified":
        return
    if not looks or looks[-1]["details"]["state"] != "verified":
        raise Broken(f"order {order['order']} is called verified, but nobody looked again")
    if looks[-1]["details"].get("left_over", {}) != order.get("left_over", {}):
        raise Broken(f"what order {order['order']} left open differs from the trail")
    found = looks[-1]["details"]["rights_found"]
    if found != order["rights_found"] or not set(found) <= set(order["rights_wanted"]):
        raise Broken(f"order {order['order']} is called verified, but the second look saw more")


def _check_people_of(order: Dict[str, Any], details: Dict[str, Any], trail: Trail) -> None:
    """The ticket of a change, and the two persons who took one back with a reason."""
    name, subject = f"order {order['order']}", f"order:{order['order']}"
    noted = trail.get(("order.ticket", subject), [])
    if order["ticket"] != (noted[-1]["details"]["ticket"] if noted else ""):
        raise Broken(f"the ticket of {name} is not the one in the trail")
    if order["undoes"] is None:
        return
    asked = trail.get(("order.undo_asked", f"order:{order['undoes']}"), [])
    if not asked or not order["reason"]:
        raise Broken(f"{name} takes a change back, and nobody asked for it with a reason")
    said = (asked[0]["details"]["reason"], asked[0]["actor"])
    agreed = trail[("order.written", subject)][0]["actor"]
    if (order["reason"], order["asked_by"]) != said or order["approved_by"] != agreed:
        raise Broken(f"who wanted {name}, and why, differs from the trail")
    if (details.get("reason"), details.get("asked_by")) != said or agreed == said[1]:
        raise Broken(f"{name} takes a change back without a second person")


def check_annex(
    package: zipfile.ZipFile,
    items: Dict[str, Row],
    counting: Dict[str, Row],
    orders: Dict[str, Dict[str, Any]],
) -> None:
    """Broken when the list for people tells something else than the lists above."""
    left = set(items)
    for row in _rows(package, "annex/items.csv"):
        number = row["item"]
        if number not in left:
            raise Broken(f"item {number} of the annex stands twice or is not in the population")
        left.remove(number)
        item, made, order = items[number], counting.get(number, {}), orders.get(number, {})
        same = [(row[name], item[name]) for name in ("server", "account", "outcome")]
        same += [(row["folder"], item["folder"] or item.get("topic", ""))]
        same += [(row["answer"], item["answer"]), (row["order"], str(order.get("order", "")))]
        same += [(row["verified_utc"], order.get("verified_at") or "")]
        same += [(row["reason"], made.get("reason", "")), (row["decided_utc"], made.get("at", ""))]
        if made:
            same += [(row["decided_by"], made["actor"]), (row["assurance"], made["assurance"])]
        if any(told != known for told, known in same):
            raise Broken(f"item {number} of the annex differs from the lists")
    if left:
        raise Broken(f"the annex lacks {len(left)} of {len(items)} items")


def check_reviewers(
    package: zipfile.ZipFile, items: Dict[str, Row], counting: Dict[str, Row], trail: Trail
) -> None:
    """Broken when the list of reviewers tells something else than items, decisions and trail."""
    asked: Dict[str, List[str]] = {}
    for number, item in items.items():
        asked.setdefault(item["reviewer"], []).append(number)
    for row in _rows(package, "reviewers.csv"):
        name = row["reviewer"]
        numbers = asked.pop(name, None)
        if numbers is None:
            raise Broken(f"the reviewer {name or 'compliance queue'} stands twice or was not asked")
        figures = _figures_of([(items[each], counting.get(each)) for each in numbers])
        if {key: row[key] for key in figures} != figures:
            raise Broken(f"the figures of the reviewer {name or 'compliance queue'} are wrong")
        _check_read(row, trail)
        _check_training(row, trail)
    if asked:
        raise Broken(f"{len(asked)} reviewers are missing from their list")


def _figures_of(pairs: List[Tuple[Row, Optional[Row]]]) -> Dict[str, str]:
    """What one reviewer was asked and how he answered, counted again."""
    answers = [item["answer"] for item, _ in pairs]
    acts: Dict[Tuple[str, str], int] = {}
    for item, made in pairs:
        if made is not None and item["answer"] in GIVEN:
            key = (made["at"], _plain(made["batch"]) or f"item {item['item']}")
            acts[key] = acts.get(key, 0) + 1
    bulk = [count for (_, batch), count in acts.items() if not batch.startswith("item ")]
    times = sorted((datetime.fromisoformat(at), count) for (at, _), count in acts.items())
    seconds: List[float] = []
    pauses = 0
    for place in range(1, len(times)):
        gap, count = (times[place][0] - times[place - 1][0]).total_seconds(), times[place][1]
        pauses += gap > LONGEST_PAUSE
        seconds += [min(gap, LONGEST_PAUSE) / count] * count
    return {
        "questions": str(len(pairs)),
        "open": str([item["state"] for item, _ in pairs].count("open")),
        **{answer: str(answers.count(answer)) for answer in GIVEN},
        "in_bulk": str(sum(bulk)),
        "median_seconds": str(round(median(seconds), 1)) if seconds else "",
        "pauses_shortened": str(pauses),
    }


def _check_read(row: Row, trail: Trail) -> None:
    """What the trail tells about reading counts; what was read before it begins is not in it."""
    told = [
        (int(subject.partition(":")[2]), body["at"])
        for (action, subject), bodies in trail.items()
        for body in bodies
        if action == "instruction.read" and body["details"]["person"] == _plain(row["reviewer"])
    ]
    listed = (int(row["instruction_version"] or 0), row["instruction_read"])
    begins = min(body["at"] for bodies in trail.values() for body in bodies)
    if listed != (max(told) if told else (0, "")) and (told or listed[1] > begins):
        raise Broken(f"what {row['reviewer']} has read is not what the trail tells")


def _check_training(row: Row, trail: Trail) -> None:
    """The newest training is the one that the trail tells, unless it was noted before."""
    told = [
        (day, course, body["at"])
        for body in trail.get(("trainings.imported", "trainings"), ())
        for email, day, course in body["details"]["trainings"]
        if email == _plain(row["reviewer"])
    ]
    listed = (row["training"], _plain(row["training_course"]), row["training_noted"])
    begins = min(body["at"] for bodies in trail.values() for body in bodies)
    older = [listed] if listed[2] and listed[2] <= begins else []
    if listed != max([*told, *older], default=("", "", "")):
        raise Broken(f"the training of {row['reviewer']} is not what the trail tells")


LONGEST_PAUSE = 600.0  # a longer time between two answers counts as so many seconds


def check_auditor(
    package: zipfile.ZipFile, reference: str, items: Dict[str, Row], trail: Trail
) -> None:
    """Broken when the auditors' acts differ from the trail or a sample from its seed."""
    listed = list(_lines(package, "auditor.jsonl"))
    for action in ("audit.sampled", "audit.remarked", "audit.judged"):
        told = [[body[name] for name in AUDITED] for body in trail.get((action, reference), [])]
        if told != [
            [each[name] for name in AUDITED] for each in listed if each["action"] == action
        ]:
            raise Broken("what auditors did differs from the trail")
    numbers = [int(number) for number in items]
    for sample in (each["details"] for each in listed if each["action"] == "audit.sampled"):
        seed = sample["seed"]
        drawn = sorted(numbers, key=lambda n: hashlib.sha256(f"{seed}:{n}".encode()).digest())
        if drawn[: sample["size"]] != sample["items"]:
            raise Broken(f"the sample with the seed {seed} is not the one that chance drew")


AUDITED = ("action", "actor", "at", "details")


def check_mails(package: zipfile.ZipFile, reference: str, trail: Trail) -> int:
    """How many mails there are; Broken when the list and the trail differ."""
    told = {
        body["details"]["message_id"]: body["details"]["to"]
        for body in trail.get(("mail.queued", reference), [])
    }
    came_back = {
        body["details"]["message_id"]: (body["at"], body["details"]["reason"])
        for body in trail.get(("mail.bounced", reference), [])
    }
    listed, bounced = {}, {}
    for row in _rows(package, "mails.csv"):
        number = _plain(row["message_id"])
        listed[number] = _plain(row["to"])
        if row["bounced"]:
            bounced[number] = (row["bounced"], _plain(row["bounce"]))
    if (told, came_back) != (listed, bounced):
        raise Broken("the list of mails differs from the trail")
    return len(listed)


def check_late(package: zipfile.ZipFile, items: Dict[str, Row], trail: Trail) -> None:
    """Broken when the list of who sees to late changes differs from the trail."""
    told = sorted(
        (body["seq"], subject.partition(":")[2], body)
        for (action, subject), bodies in trail.items()
        for body in bodies
        if action == "item.taken_on" and subject.partition(":")[2] in items
    )
    names = ("owner", "until", "reason")
    expected = [
        [item, *(body["details"][name] for name in names), body["actor"], body["at"]]
        for _, item, body in told
    ]
    listed = [
        [_plain(row[name]) for name in ("item", *names, "by", "at")]
        for row in _rows(package, "late.csv")
    ]
    if listed != expected:
        raise Broken("who sees to late changes differs from the trail")


def check(path: str, expected_key: str = "") -> List[str]:
    """What the package proves, as lines of text; Broken names the first thing that fails."""
    usual = csv.field_size_limit(2**31 - 1)
    try:
        return _check(path, expected_key)
    finally:
        csv.field_size_limit(usual)


def _check(path: str, expected_key: str) -> List[str]:
    key = check_seal(path)
    if expected_key and fingerprint(key).replace(" ", "") != expected_key.replace(" ", "").lower():
        raise Broken("the package was sealed with another key than the one you gave")
    with zipfile.ZipFile(path) as package:
        manifest = check_manifest(package)
        trail, trail_key = check_trail(package)
        if trail_key != key:
            raise Broken("the checkpoint was signed with another key than the package")
        items = check_population(package)
        check_readings(package, trail)
        reference = check_campaign(package, items, trail)
        counting = check_decisions(package, items, trail, reference)
        orders = check_orders(package, items, counting, trail)
        check_figures(package, items)
        check_annex(package, items, counting, orders)
        check_reviewers(package, items, counting, trail)
        check_auditor(package, reference, items, trail)
        check_late(package, items, trail)
        mails = check_mails(package, reference, trail)
        point = json.loads(package.read("checkpoint.json"))
    states: Dict[str, int] = {}
    for item in items.values():
        states[item["state"]] = states.get(item["state"], 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return [
        f"Campaign: {manifest['campaign']}",
        f"Items: {len(items)} ({told})",
        f"Items with a decision: {len(counting)}; orders: {len(orders)}; mails: {mails}",
        f"Trail entries: {sum(len(bodies) for bodies in trail.values())}",
        f"Trail up to entry {point['seq']}: {point['hash']}",
        f"Contents: {manifest['contents_sha256']}",
        f"Sealed at {manifest['created_at']} with the key",
        f"  {fingerprint(key)}",
    ]


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Checks an evidence package of Recert.")
    parser.add_argument("package")
    parser.add_argument("--key", default="", help="fingerprint of the key that must have sealed it")
    given = parser.parse_args(arguments)
    try:
        lines = check(given.package, given.key)
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
    if given.key:
        print("GENUINE: the package is complete and unchanged.")
    else:
        print(
            "UNCHANGED since it was sealed, and complete. That proves nothing about who sealed it:"
        )
        print("give the fingerprint that you know from elsewhere with --key.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
