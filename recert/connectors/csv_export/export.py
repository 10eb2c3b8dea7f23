"""What an export means: accounts, groups, and who can do what where.

A row states what its principal has in a folder and, when recursive, in the folders below that have
no row of the same principal and effect. An account has the sum of its own and its groups' rows.
What is both allowed and denied stays and is marked: products differ in which of the two wins.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from recert.connectors.contract import AccountFact, GrantFact, GroupFact
from recert.connectors.csv_export.account import Login
from recert.connectors.csv_export.row import Row
from recert.connectors.csv_export.table import Table, refusal
from recert.connectors.rights import Rights, names

_Statements = dict[str, dict[tuple[bool, str], list[Row]]]


class Export:
    """One table, merged. Names are compared by `case_sensitive`, shown as first written."""

    def __init__(self, table: Table, *, case_sensitive: bool) -> None:
        self.warnings = list(table.warnings)
        self._case_sensitive = case_sensitive
        self._logins: dict[str, Login] = {}
        self._groups: dict[str, str] = {}
        self._statements: _Statements = {}
        self._by_statement: dict[tuple[str, bool, str, bool, str], Row] = {}
        bad = [(row.line, why) for row in table.rows if (why := self._take(row))]
        if bad:
            raise refusal(bad)
        self._by_statement.clear()
        self._members = self._find_members()
        self.folders = tuple(sorted({"/", *self._statements}, key=_parts))

    def account_key(self, name: str) -> str | None:
        """The account as the export knows it; None when it does not."""
        key = self._key(name)
        return key if key in self._logins else None

    def has_group(self, group: str) -> bool:
        return self._key(group) in self._groups

    def is_member(self, account: str, group: str) -> bool:
        return self._key(account) in self._members.get(self._key(group), ())

    def is_open(self, account: str, now: datetime) -> bool:
        """Whether the export has such an account, and it gets in."""
        login = self._logins.get(self._key(account))
        return login is not None and login.is_active(now)

    def accounts(self, asked: Collection[str] | None, now: datetime) -> list[AccountFact]:
        wanted = None if asked is None else {self._key(name) for name in asked}
        return [
            login.fact(now)
            for key, login in self._logins.items()
            if wanted is None or key in wanted
        ]

    def groups(self) -> list[GroupFact]:
        return [
            GroupFact(name, tuple(self._logins[key].name for key in self._members[group]))
            for group, name in self._groups.items()
        ]

    def grants(self, asked: Collection[str] | None, now: datetime) -> Iterator[GrantFact]:
        """Folder by folder, parents first."""
        wanted = None if asked is None else {self._key(name) for name in asked}
        for folder in self.folders:
            for key in sorted(self._spoken_of(folder)):
                if wanted is None or key in wanted:
                    grant = self.grant(key, folder, now)
                    if grant.rights:
                        yield grant

    def grant(self, key: str, folder: str, now: datetime) -> GrantFact:
        """What one account has in one folder; nothing when it is switched off or expired."""
        login = self._logins[key]
        rows = self.rows_for(key, folder) if login.is_active(now) else []
        allowed = [row for row in rows if not row.deny and row.rights]
        denied = _sum(row for row in rows if row.deny)
        rights = _sum(allowed)
        return GrantFact(
            account=login.name,
            folder=folder,
            rights=rights,
            via=tuple(dict.fromkeys(_source(row) for row in allowed)),
            native=_native(allowed, denied & rights),
            widened=bool(denied & rights) or not all(row.recursive for row in allowed),
        )

    def rows_for(self, key: str, folder: str) -> list[Row]:
        """The rows that speak for an account in a folder: its own and its groups'."""
        principals = [(False, key), *((True, group) for group in sorted(self._logins[key].groups))]
        return [
            row
            for principal in principals
            for deny in (False, True)
            for row in self._nearest(principal, folder, deny=deny)
        ]

    def _nearest(self, principal: tuple[bool, str], folder: str, *, deny: bool) -> list[Row]:
        for place in _upwards(folder):
            speaking = [
                row
                for row in self._statements.get(place, {}).get(principal, ())
                if row.deny == deny and (place == folder or row.recursive)
            ]
            if speaking:
                return speaking
        return []

    def _spoken_of(self, folder: str) -> set[str]:
        found: set[str] = set()
        for place in _upwards(folder):
            for is_group, key in self._statements.get(place, ()):
                found.update(self._members[key] if is_group else [key])
        return found

    def _key(self, name: str) -> str:
        return name if self._case_sensitive else name.casefold()

    def _take(self, row: Row) -> str:
        """Adds a row; says why when it contradicts an earlier one."""
        key = self._key(row.principal)
        if row.kind is None:
            self._groups.setdefault(key, row.principal)
        else:
            login = self._logins.setdefault(key, Login(row.principal, row.kind))
            if why := login.contradiction(row):
                return why
            self.warnings.extend(login.learn(row))
            for group in row.member_of:
                self._groups.setdefault(self._key(group), group)
                login.groups.add(self._key(group))
        return self._take_statement(key, row)

    def _take_statement(self, key: str, row: Row) -> str:
        name = (row.folder, row.kind is None, key, row.deny, row.via)
        same = self._by_statement.setdefault(name, row)
        if same is row:
            rows = self._statements.setdefault(row.folder, {})
            rows.setdefault((row.kind is None, key), []).append(row)
        elif (same.rights, same.recursive) != (row.rights, row.recursive):
            return f"contradicts row {same.line}"
        else:
            self.warnings.append(f"Row {row.line} says the same as row {same.line}.")
        return ""

    def _find_members(self) -> dict[str, list[str]]:
        members: dict[str, list[str]] = {group: [] for group in self._groups}
        for key, login in self._logins.items():
            for group in login.groups:
                members[group].append(key)
        self.warnings.extend(
            f"Group {self._groups[group]!r} has no members in the export."
            for group, keys in members.items()
            if not keys
        )
        return members


def _sum(rows: Collection[Row] | Iterator[Row]) -> Rights:
    total = Rights.NONE
    for row in rows:
        total |= row.rights
    return total


def _source(row: Row) -> str:
    if row.kind is None:
        return f"group {row.principal} at {row.folder}"
    how, _, what = row.via.partition(":")
    if how == "inherited":
        return f"inherited from {what}"
    who = {"direct": "own row", "default": "default", "group": f"group {what}"}[how]
    return f"{who} at {row.folder}"


def _native(allowed: list[Row], disputed: Rights) -> str:
    texts = [row.native for row in allowed if row.native]
    if disputed:
        texts.append(f"also denied: {' '.join(names(disputed))}")
    if not all(row.recursive for row in allowed):
        texts.append("not for the folders below")
    return "; ".join(dict.fromkeys(texts))


def _parts(folder: str) -> tuple[str, ...]:
    return tuple(folder[1:].split("/")) if folder != "/" else ()


def _upwards(folder: str) -> Iterator[str]:
    while folder != "/":
        yield folder
        folder = folder.rpartition("/")[0] or "/"
    yield "/"
