"""Evidence packages as an attacker or an auditor handles them."""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recert.evidence import verifier
from recert.evidence.package.export import _seal
from recert.evidence.package.summary import contents_hash

Rows = list[dict[str, Any]]


def judged(package: Path, *arguments: str) -> tuple[int, str]:
    """What the verifier that lies in the package says of it, without Recert on the path."""
    script = package.with_name("taken-verify.py")
    with zipfile.ZipFile(package) as opened:
        script.write_bytes(opened.read("verify.py"))
    command = [sys.executable, "-I", "-S", str(script), str(package), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert done.stderr == b"", done.stderr.decode()
    return done.returncode, done.stdout.decode()


def refused(package: Path) -> str:
    """Why the verifier refuses, in this process; the test fails when it does not."""
    try:
        verifier.check(str(package))
    except verifier.Broken as error:
        return str(error)
    raise AssertionError("the forgery was taken for genuine")


def files(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def forged(
    package: Path,
    contents: dict[str, bytes],
    key: Ed25519PrivateKey,
    manifest: dict[str, Any] | None = None,
) -> Path:
    """A package with other contents, whose seal fits, and whose manifest does unless given."""
    rest = {name: raw for name, raw in contents.items() if name != "manifest.json"}
    fitting = {
        name: {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
        for name, raw in rest.items()
    }
    others = {name: said for name, said in fitting.items() if name != "summary.pdf"}
    both = {"files": fitting, "contents_sha256": contents_hash(others)}
    manifest = manifest or {**json.loads(contents["manifest.json"]), **both}
    made = package.with_name("forged.zip")
    with made.open("w+b") as file:
        with zipfile.ZipFile(file, "w") as opened:
            for name, raw in {**rest, "manifest.json": json.dumps(manifest).encode()}.items():
                opened.writestr(name, raw)
        _seal(file, key)
    return made


def rows(raw: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))


def table(changed: Rows, like: bytes) -> bytes:
    """Rows as CSV with the columns of the file they come from."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, like.decode().partition("\r\n")[0].split(","))
    writer.writeheader()
    writer.writerows(changed)
    return out.getvalue().encode()


def edit(name: str, change: Callable[[Rows], Any]) -> Callable[[dict[str, bytes]], None]:
    """A change of the rows of one CSV or JSON-lines file."""

    def act(contents: dict[str, bytes]) -> None:
        if name.endswith(".csv"):
            found = rows(contents[name])
            change(found)
            contents[name] = table(found, contents[name])
        else:
            found = [json.loads(line) for line in contents[name].splitlines()]
            change(found)
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in found)
            contents[name] = "".join(lines).encode()

    return act


def rechained(found: Rows, key: Ed25519PrivateKey, contents: dict[str, bytes]) -> None:
    """Makes a changed trail an unbroken chain again, with a checkpoint signed by `key`."""
    previous, first = found[0]["previous"], found[0]["seq"]
    for number, entry in enumerate(found, start=first):
        body = {**json.loads(entry["body"]), "seq": number}
        entry["seq"], entry["previous"], entry["body"] = number, previous, json.dumps(body)
        entry["hash"] = hashlib.sha256(f"{previous}\n{entry['body']}".encode()).hexdigest()
        previous = entry["hash"]
    point = json.loads(contents["checkpoint.json"])
    point.update(seq=first + len(found) - 1, hash=previous)
    text = f"recert-trail-checkpoint-1\n{point['seq']}\n{previous}\n{point['at']}\n"
    point["signature"] = key.sign(text.encode()).hex()
    contents["checkpoint.json"] = json.dumps(point).encode()
