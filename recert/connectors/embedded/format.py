"""The permission file: strictly read, or refused as a whole with the place that is wrong."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from recert.connectors.contract import AccountKind, ServerDataInvalid
from recert.connectors.embedded import fields, paths
from recert.connectors.embedded.passwords import DECOY, NOBODYS, Password, parse_password
from recert.connectors.rights import Rights

_TOP = {"version", "root", "groups", "accounts"}
_GROUP = {"folders"}
_ACCOUNT = {
    *("password", "home", "enabled", "expires", "kind", "name", "email", "groups", "folders")
}


@dataclass(frozen=True)
class Account:
    """One login as the file states it. `password` None: any password opens it (anonymous)."""

    name: str
    password: Password | None
    home: str
    enabled: bool
    expires: datetime | None  # the last moment that works
    kind: AccountKind
    display_name: str
    email: str
    groups: tuple[str, ...]
    folders: Mapping[str, Rights]

    def is_expired(self, now: datetime) -> bool:
        return self.expires is not None and now > self.expires

    def is_active(self, now: datetime) -> bool:
        """True when the account may sign in and keep its sessions."""
        return self.enabled and not self.is_expired(now)


@dataclass(frozen=True)
class Permissions:
    """The whole file, understood."""

    root: str
    groups: Mapping[str, Mapping[str, Rights]]
    accounts: Mapping[str, Account]

    @cached_property
    def named(self) -> frozenset[str]:
        """Every folder that an entry or a home names."""
        accounts = self.accounts.values()
        homes = {account.home for account in accounts}
        return frozenset(homes).union(
            *(account.folders for account in accounts), *self.groups.values()
        )

    @cached_property
    def boundaries(self) -> tuple[str, ...]:
        """The folders where somebody's rights may differ from the parent's, parents first."""
        return paths.parents_first({"/", *self.named})

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """The accounts of each group."""
        found: dict[str, list[str]] = {group: [] for group in self.groups}
        for account in self.accounts.values():
            for group in account.groups:
                found[group].append(account.name)
        return {group: tuple(names) for group, names in found.items()}

    @cached_property
    def decoy(self) -> Password:
        """What an attempt at an unknown account is checked against: the dearest known cost."""
        known = [account.password for account in self.accounts.values() if account.password]
        return max(known, key=lambda password: password.cost, default=DECOY)


def read_document(raw: bytes) -> dict[str, Any]:
    """The file as JSON, every key once; raises ServerDataInvalid."""
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_each_key_once)
    except UnicodeDecodeError as error:
        raise ServerDataInvalid("The permission file is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        raise ServerDataInvalid(f"The permission file is not JSON: {error}.") from error
    return fields.as_mapping(found, "the file", _TOP)


def understand(document: Mapping[str, Any]) -> Permissions:
    """The meaning of the document; raises ServerDataInvalid naming the place."""
    version = document.get("version")
    if version != 1 or isinstance(version, bool):
        raise fields.wrong("version", "must be 1")
    root = fields.as_text(fields.required(document, "root"), "root")
    groups = {
        fields.as_name(name, "groups"): _group(f"groups.{name}", entry)
        for name, entry in fields.as_mapping(document.get("groups", {}), "groups").items()
    }
    entries = fields.as_mapping(fields.required(document, "accounts"), "accounts")
    accounts = {name: _account(name, entry, groups) for name, entry in entries.items()}
    return Permissions(root, groups, accounts)


def parse(raw: bytes) -> Permissions:
    """The permissions a file states; raises ServerDataInvalid."""
    return understand(read_document(raw))


def without_passwords(raw: bytes) -> bytes:
    """The file as it may be kept: everybody's password is the same one that nobody has. Raises
    ServerDataInvalid; passwords cannot be found in a file that is not understood."""
    document = read_document(raw)
    parse(raw)
    entries = document["accounts"].values()
    changed = [
        {**entry, "password": NOBODYS} if "password" in entry else entry for entry in entries
    ]
    document["accounts"] = dict(zip(document["accounts"], changed, strict=True))
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _group(place: str, entry: object) -> Mapping[str, Rights]:
    return _folders(fields.as_mapping(entry, place, _GROUP).get("folders", {}), place)


def _account(name: str, value: object, groups: Collection[str]) -> Account:
    place = f"accounts.{fields.as_name(name, 'accounts')}"
    entry = fields.as_mapping(value, place, _ACCOUNT)
    kind = fields.as_kind(entry.get("kind", "person"), f"{place}.kind")
    expires = entry.get("expires")
    return Account(
        name=name,
        password=_password(entry, kind, place),
        home=fields.as_path(entry.get("home", "/"), f"{place}.home"),
        enabled=fields.as_flag(entry.get("enabled", True), f"{place}.enabled"),
        expires=None if expires is None else fields.as_expiry(expires, f"{place}.expires"),
        kind=kind,
        display_name=fields.as_text(entry.get("name", ""), f"{place}.name", may_be_empty=True),
        email=fields.as_text(entry.get("email", ""), f"{place}.email", may_be_empty=True),
        groups=_memberships(entry.get("groups", []), groups, f"{place}.groups"),
        folders=_folders(entry.get("folders", {}), place),
    )


def _folders(value: object, place: str) -> dict[str, Rights]:
    place += ".folders"
    return {
        fields.as_path(folder, f"{place}.{folder}"): fields.as_rights(names, f"{place}.{folder}")
        for folder, names in fields.as_mapping(value, place).items()
    }


def _memberships(value: object, known: Collection[str], place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise fields.wrong(place, "must be a list")
    for group in value:
        if fields.as_text(group, place) not in known:
            raise fields.wrong(place, f"there is no group {group!r}")
    if len(set(value)) != len(value):
        raise fields.wrong(place, "names a group twice")
    return tuple(value)


def _password(entry: Mapping[str, Any], kind: AccountKind, place: str) -> Password | None:
    if kind is AccountKind.ANONYMOUS and "password" not in entry:
        return None
    stored = fields.as_text(fields.required(entry, "password", place), f"{place}.password")
    try:
        return parse_password(stored)
    except ValueError as error:
        raise fields.wrong(f"{place}.password", str(error)) from error
