"""What every kind of server must keep. A new kind adds one row to WORLDS.

A world is a small server of one kind whose accounts and rights a test dictates. The classes ask
for no more than the kind's features promise; `test_conformance.py` picks the worlds for each.
"""

import csv
import ftplib
import io
import json
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recert.connectors import registry
from recert.connectors.contract import Connector, GrantFact, Plan
from recert.connectors.embedded import paths
from recert.connectors.embedded.passwords import hash_password
from recert.connectors.rights import Rights, names
from recert.ftpserver.server import EmbeddedServer

Cells = dict[tuple[str, str], Rights]
SECRET = hash_password("secret", cheap=True)


def document(accounts: dict[str, Any], groups: dict[str, Any] | None = None) -> dict[str, Any]:
    """A permission file in which everybody's password is "secret"."""
    return {
        "version": 1,
        "root": "files",
        "groups": {name: {"folders": folders} for name, folders in (groups or {}).items()},
        "accounts": {name: {"password": SECRET, **entry} for name, entry in accounts.items()},
    }


def canonical(stated: dict[str, Any]) -> str:
    return json.dumps(stated, indent=2, ensure_ascii=False) + "\n"


@dataclass
class Stated:
    """What a world's server is told: account -> facts and folders, group -> folders."""

    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)


def cells(connector: Connector) -> Cells:
    """Every cell that grants something."""
    return {(grant.account, grant.folder): grant.rights for grant in grants(connector)}


def cells_in(connector: Connector, folders: Collection[str]) -> Cells:
    """The same for any folders: each behaves like the nearest boundary above it."""
    boundaries = set(connector.read().folders)
    known = cells(connector)
    nearest = {
        folder: next(place for place in paths.upwards(folder) if place in boundaries)
        for folder in folders
    }
    return {
        (account, folder): rights
        for folder, boundary in nearest.items()
        for (account, place), rights in known.items()
        if place == boundary
    }


def grants(connector: Connector) -> list[GrantFact]:
    return list(connector.read().grants)


class EmbeddedWorld:
    kind = "embedded"
    can_write = True

    def __init__(self, place: Path) -> None:
        self.file = place / "permissions.json"
        self.root = place / "files"
        self.root.mkdir()

    def state(self, stated: Stated) -> None:
        content = canonical(document(stated.accounts, stated.groups))
        fresh = self.file.with_name("fresh")
        fresh.write_text(content, encoding="utf-8")
        fresh.rename(self.file)

    def connector(self) -> Connector:
        return registry.connect(self.kind, {"file": str(self.file)})

    def carry_out(self, plan: Plan) -> None:
        self.connector().apply(plan)


class CsvWorld:
    kind = "csv"
    can_write = False

    def __init__(self, place: Path) -> None:
        self.file = place / "export.csv"
        self._stated = Stated()

    def state(self, stated: Stated) -> None:
        self._stated = stated
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["folder", "principal", "principal_type", "rights", "enabled", "member_of"])
        for name, entry in stated.accounts.items():
            enabled = "yes" if entry.get("enabled", True) else "no"
            memberships = "|".join(entry.get("groups", []))
            for folder, rights in (entry.get("folders") or {"/": "none"}).items():
                writer.writerow([folder, name, "user", rights or "none", enabled, memberships])
        for name, folders in stated.groups.items():
            for folder, rights in folders.items():
                writer.writerow([folder, name, "group", rights or "none", "", ""])
        self.file.write_text(text.getvalue(), encoding="utf-8")

    def connector(self) -> Connector:
        return registry.connect(self.kind, {"file": str(self.file), "complete": "yes"})

    def carry_out(self, plan: Plan) -> None:
        """The administrator works through the change list, and a new export is made."""
        action, account, place, _, wanted, *_ = next(csv.reader([plan.after]))
        entry = self._stated.accounts.setdefault(account, {"groups": []})
        if place.startswith("group "):
            members = entry.setdefault("groups", [])
            group = place.removeprefix("group ")
            members.append(group) if wanted == "member" else members.remove(group)
        elif place == "the whole account":
            entry["enabled"] = wanted != "none"
            if action == "open account":
                parts = dict(part.split(" ", 1) for part in wanted.split("; "))
                entry["groups"] = parts.get("groups", "").split(", ") if "groups" in parts else []
        else:
            entry.setdefault("folders", {})[place] = wanted
        self.state(self._stated)


WORLDS = (EmbeddedWorld, CsvWorld)


class Probe:
    """A real client that tries every right in every folder of an embedded world."""

    def __init__(self, server: EmbeddedServer, root: Path) -> None:
        self._server = server
        self._root = root

    def tried(self, account: str, home: str, folders: list[str]) -> Cells:
        """What the account really could do, folder by folder."""
        client = ftplib.FTP(encoding="utf-8")
        client.connect("127.0.0.1", self._server.port, timeout=10)
        try:
            client.login(account, "secret")
            client.voidcmd("TYPE I")
        except (ftplib.error_perm, EOFError):
            client.close()
            return {(account, folder): Rights.NONE for folder in folders}
        found = {
            (account, folder): self._folder(client, home, folder, number)
            for number, folder in enumerate(folders)
        }
        client.quit()
        return found

    def _folder(self, client: ftplib.FTP, home: str, folder: str, number: int) -> Rights:
        inside = home in ("/", folder) or folder.startswith(home + "/")
        # A client in a smaller home cannot name the folder; it may still try to climb.
        path = folder[len(home.rstrip("/")) :] if inside else "/../.." + folder
        place = self._root / folder[1:]
        total = Rights.NONE
        for name in ("list", "download", "upload", "overwrite", "delete", "rename", "mkdir"):
            total |= self._one(client, path.rstrip("/"), place, number, name)
        for name in ("rmdir", "chmod"):
            total |= self._one(client, path.rstrip("/"), place, number, name)
        return total

    def _one(self, client: ftplib.FTP, path: str, place: Path, number: int, name: str) -> Rights:
        self._lay_out(place, number)
        try:
            done = getattr(self, f"_{name}")(client, path, place, number)
        except ftplib.error_perm:
            done = False
        finally:
            self._clear(place)
        return Rights[name.upper()] if done else Rights.NONE

    def _lay_out(self, place: Path, number: int) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / "probe-old").write_text(f"old {number}")
        (place / "probe-old").chmod(0o644)
        (place / f"probe-mark-{number}").touch()
        (place / "probe-dir").mkdir()

    def _clear(self, place: Path) -> None:
        for left in place.glob("probe-*"):
            left.rmdir() if left.is_dir() else left.unlink()

    def _list(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        return f"probe-mark-{number}" in {
            name.rpartition("/")[2] for name in client.nlst(path or "/")
        }

    def _download(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        parts: list[bytes] = []
        client.retrbinary(f"RETR {path}/probe-old", parts.append)
        return b"".join(parts) == f"old {number}".encode()

    def _upload(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.storbinary(f"STOR {path}/probe-new", io.BytesIO(b"new"))
        return (place / "probe-new").exists()

    def _overwrite(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.storbinary(f"APPE {path}/probe-old", io.BytesIO(b"+"))
        appended = (place / "probe-old").read_text() == f"old {number}+"
        client.storbinary(f"STOR {path}/probe-old", io.BytesIO(b"new"))
        return appended and (place / "probe-old").read_text() == "new"

    def _delete(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.delete(f"{path}/probe-old")
        return not (place / "probe-old").exists()

    def _rename(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.rename(f"{path}/probe-old", f"{path}/probe-renamed")
        return (place / "probe-renamed").exists()

    def _mkdir(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.mkd(f"{path}/probe-made")
        return (place / "probe-made").is_dir()

    def _rmdir(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.rmd(f"{path}/probe-dir")
        return not (place / "probe-dir").exists()

    def _chmod(self, client: ftplib.FTP, path: str, place: Path, number: int) -> bool:
        client.sendcmd(f"SITE CHMOD 600 {path}/probe-old")
        return (place / "probe-old").stat().st_mode & 0o777 == 0o600


def random_world(seed: int) -> Stated:
    """Accounts and groups with entries all over a small tree, some switched off or caged."""
    dice = random.Random(seed)
    top = [f"/{name}" for name in "abc"]
    tree = ["/", *top, *(f"{one}/{name}" for one in top for name in "xy"), "/a/x/deep"]

    def entries(most: int) -> dict[str, str]:
        return {folder: _some_rights(dice) for folder in dice.sample(tree, dice.randint(0, most))}

    groups = {f"group {number}": entries(4) for number in range(3)}
    accounts = {
        f"account {number}": {
            "home": dice.choice(["/", "/", "/", "/a", "/b/x"]),
            "enabled": dice.random() > 0.1,
            **({"expires": "2020-01-31"} if dice.random() < 0.1 else {}),
            "groups": dice.sample(sorted(groups), dice.randint(0, 2)),
            "folders": entries(5),
        }
        for number in range(8)
    }
    return Stated(accounts, groups)


def _some_rights(dice: random.Random) -> str:
    every = names(Rights.LIST | Rights.DOWNLOAD | Rights.UPLOAD) + names(0b111111000)
    return " ".join(dice.sample(every, dice.choice([0, 1, 2, 3, 5, 9])))
