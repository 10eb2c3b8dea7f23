#!/usr/bin/env python3
"""Checks an evidence package of Recert without Recert.

    python3 verify.py PACKAGE.zip [--key FINGERPRINT]

Needs Python 3.9 or newer and nothing else. It checks that

1. not one byte of the package was changed after it was sealed (Ed25519 signature over the file);
2. the package holds exactly the files its manifest names, each with its hash;
3. the trail is an unbroken hash chain that ends where a signed checkpoint says;
4. the population adds up, and every item of it is there;
5. every decision stands in the trail as it stands in the list;
6. every decision to reduce or revoke led to an order, and every item called verified has an
   order whose second look stands in the trail.

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
from functools import partial
from typing import Any, Dict, Iterator, List, Optional, Tuple

MARK = b"recert-evidence-1 "
START = "0" * 64
Point = Tuple[int, int, int, int]
Row = Dict[str, str]
Trail = Dict[Tuple[str, str], List[Dict[str, Any]]]
FILES = {
    "README.txt",
    "campaign.json",
    "checkpoint.json",
    "decisions.csv",
    "items.csv",
    "mails.csv",
    "orders.jsonl",
    "population.csv",
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
    expected = 0
    for row in _rows(package, "population.csv"):
        parts = (row["reviewed"], row["out_of_scope"], row["without_rights"])
        if int(row["accounts"]) != sum(int(part) for part in parts):
            raise Broken(f"the population of server {row['server']} does not add up")
        expected += int(row["items"])
    items: Dict[str, Row] = {}
    for row in _rows(package, "items.csv"):
        if row["item"] in items:
            raise Broken(f"item {row['item']} stands twice")
        items[row["item"]] = row
    if len(items) != expected:
        raise Broken(f"{len(items)} items where the population has {expected}")
    return items


def check_decisions(
    package: zipfile.ZipFile, items: Dict[str, Row], trail: Trail
) -> Dict[str, Row]:
    """The newest decision of each item; Broken when one does not stand in the trail."""
    newest: Dict[str, Row] = {}
    batches: Dict[str, Dict[str, Any]] = {}
    for (action, _), bodies in trail.items():
        if action == "decisions.recorded":
            batches.update({body["details"]["batch"]: body for body in bodies})
    for row in _rows(package, "decisions.csv"):
        if row["item"] not in items:
            raise Broken(f"a decision names item {row['item']}, which is not in the population")
        if row["batch"]:
            body = batches.get(row["batch"])
            if body and int(row["item"]) not in body["details"]["items"]:
                body = None
        else:
            bodies = trail.get(("decision.recorded", "item:" + row["item"]), [])
            body = next((b for b in bodies if str(b["details"]["version"]) == row["version"]), None)
        if body is None:
            raise Broken(f"decision {row['version']} of item {row['item']} is not in the trail")
        said = (body["details"]["answer"], body["actor"], body["details"]["reason"])
        listed = (row["answer"], _plain(row["actor"]), _plain(row["reason"]))
        if said != listed:
            raise Broken(f"decision {row['version']} of item {row['item']} differs from the trail")
        last = newest.get(row["item"])
        if last is None or int(row["version"]) > int(last["version"]):
            newest[row["item"]] = row
    for number, item in items.items():
        answered = newest.get(number, {}).get("answer")
        if item["answer"] in ("keep", "reduce", "revoke") and item["answer"] != answered:
            raise Broken(f"the answer of item {number} is not its newest decision")
    return newest


def _plain(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from running it as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in tuple("=+-@\t\r") else cell


def check_orders(
    package: zipfile.ZipFile, items: Dict[str, Row], newest: Dict[str, Row], trail: Trail
) -> Dict[str, Dict[str, Any]]:
    """Broken when a wanted change has no order or a "verified" has no second look."""
    orders: Dict[str, Dict[str, Any]] = {}
    for order in _lines(package, "orders.jsonl"):
        if order["item"] is not None:
            orders[str(order["item"])] = order
    for number, item in items.items():
        decision = newest.get(number)
        wanted = decision and decision["answer"] in ("reduce", "revoke")
        if wanted and item["state"] in CHANGED and number not in orders:
            raise Broken(f"item {number} was to be changed, but there is no order for it")
        if item["state"] == "verified":
            looks = trail.get(("order.checked", f"order:{orders[number]['order']}"), [])
            if not any(body["details"]["state"] == "verified" for body in looks):
                raise Broken(f"item {number} is called verified, but nobody looked again")
    return orders


def check(path: str, expected_key: str = "") -> List[str]:
    """What the package proves, as lines of text; Broken names the first thing that fails."""
    key = check_seal(path)
    if expected_key and fingerprint(key).replace(" ", "") != expected_key.replace(" ", "").lower():
        raise Broken("the package was sealed with another key than the one you gave")
    with zipfile.ZipFile(path) as package:
        manifest = check_manifest(package)
        trail, trail_key = check_trail(package)
        if trail_key != key:
            raise Broken("the checkpoint was signed with another key than the package")
        items = check_population(package)
        newest = check_decisions(package, items, trail)
        orders = check_orders(package, items, newest, trail)
        mails = sum(1 for _ in _rows(package, "mails.csv"))
    states: Dict[str, int] = {}
    for item in items.values():
        states[item["state"]] = states.get(item["state"], 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return [
        f"Campaign: {manifest['campaign']}",
        f"Items: {len(items)} ({told})",
        f"Items with a decision: {len(newest)}; orders: {len(orders)}; mails: {mails}",
        f"Trail entries: {sum(len(bodies) for bodies in trail.values())}",
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
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        print(f"NOT GENUINE: the contents are malformed ({type(error).__name__}: {error}).")
        return 2
    print("\n".join(lines))
    print("GENUINE: the package is complete and unchanged.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
