"""An export as a connector: read here, changed by a person with a change list."""

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Self

from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
    opposite,
)
from recert.connectors.contract import (
    CannotExpress,
    Check,
    ConnectorError,
    EditedByOthers,
    Features,
    GrantFact,
    LogSource,
    NameTaken,
    Plan,
    Reading,
    Standing,
    check_supported,
)
from recert.connectors.csv_export.change_list import rights_text, row_of
from recert.connectors.csv_export.export import Export
from recert.connectors.csv_export.table import Table, read_table
from recert.connectors.environment import REAL, World
from recert.connectors.rights import Rights, parse
from recert.foundation import clock

_INCOMPLETE = "the export does not claim to be complete"

_AS_WANTED, _NOT_YET = "as wanted", "not yet"
_BY_A_PERSON = "Carry this out in the product; the next export shows whether it is done."


class CsvConnector:
    """One export file. Every call looks at the file anew."""

    # An export shows no credentials: that one was changed, no later export could prove.
    features = Features(
        can_write=False,
        changes=frozenset({SetRights, JoinGroup, LeaveGroup, OpenAccount, CloseAccount}),
    )

    def __init__(
        self, file: Path, *, complete: bool, case_sensitive: bool, world: World = REAL
    ) -> None:
        self._file, self._world = file, world
        self._complete = complete
        self._case_sensitive = case_sensitive

    def checks(self) -> Iterator[Check]:
        yield Check("settings", True)
        steps = (
            ("file", self._table, "Check the path and correct the rows that are named."),
            ("read", self.read, "Correct the rows that contradict each other."),
        )
        for name, step, remedy in steps:
            try:
                step()
            except ConnectorError as error:
                yield Check(name, False, error.message, remedy)
                return
            yield Check(name, True)

    def read(self, accounts: Collection[str] | None = None) -> Reading:
        table = self._table()
        export = self._export(table)
        now = self._world.now()
        return Reading(
            accounts=export.accounts(accounts, now),
            groups=export.groups(),
            folders=export.folders,
            grants=export.grants(accounts, now),
            fingerprint=table.fingerprint,
            source=f"file {self._file.name}",
            problems=[] if self._complete else [_INCOMPLETE],
            warnings=export.warnings,
        )

    def for_one_run(self) -> AbstractContextManager[Self]:
        """It is one file, which is read whole each time."""
        return nullcontext(self)

    def notice_edits(self, folder: str) -> None:
        """Nothing is remembered."""

    def every_folder(self) -> Iterator[str]:
        """Those that the export names; it knows no others."""
        return iter(self._export(self._table()).folders)

    def has_folder(self, folder: str) -> bool:
        return True

    def log_sources(self) -> list[LogSource]:
        return []

    def log_roots(self) -> dict[str, str]:
        return {}

    def plan(self, change: Change) -> Plan:
        """A row of the change list as `after`; `before` is what the account has now."""
        check_supported(self.features, change)
        export = self._export(self._table())
        key = export.account_key(change.account)
        if key is None and not isinstance(change, OpenAccount):
            raise CannotExpress(f"There is no account {change.account!r} in the export.")
        if key is None or not isinstance(change, SetRights):
            return _plan_of_account(export, change)
        now = export.grant(key, change.folder, clock.now())
        before = rights_text(now.rights)
        if now.rights == change.rights:
            return Plan(change, before, before, "", _fingerprint(now))
        after = row_of(change, now.rights, now.native, " | ".join(now.via))
        return _by_hand(change, before, after, _fingerprint(now))

    def undo_plan(self, applied: Plan) -> Plan:
        if self.standing(applied) is not Standing.AFTER:
            raise EditedByOthers(f"The access of {applied.change.account!r} is another one now.")
        return self.plan(_reversed(applied))

    def standing(self, plan: Plan) -> Standing:
        export, change = self._export(self._table()), plan.change
        key = export.account_key(change.account)
        if not isinstance(change, SetRights):
            if key is None and not self._complete:
                return Standing.OTHER  # a row that is missing proves nothing
            return Standing.AFTER if _holds(export, change) else Standing.BEFORE
        spoken = key is not None and bool(export.rows_for(key, change.folder))
        if not spoken and not self._complete:
            return Standing.OTHER
        now = Rights.NONE
        if key is not None:
            now = export.grant(key, change.folder, clock.now()).rights
        if now == change.rights:
            return Standing.AFTER
        return Standing.BEFORE if rights_text(now) == plan.before else Standing.OTHER

    def apply(self, plan: Plan) -> None:
        raise CannotExpress("An export is only read. Use the change list.")

    def _table(self) -> Table:
        return read_table(self._file, self._world)

    def _export(self, table: Table) -> Export:
        return Export(table, case_sensitive=self._case_sensitive)


def _plan_of_account(export: Export, change: Change) -> Plan:
    """A membership or the whole account, as a row for a person."""
    if isinstance(change, OpenAccount) and not change.reopen and _is_taken(export, change):
        raise NameTaken(f"Account: {change.account!r}.")
    if isinstance(change, JoinGroup) and not export.has_group(change.group):
        raise CannotExpress(f"There is no group {change.group!r} in the export.")
    holds = _holds(export, change)
    before = _AS_WANTED if holds else _NOT_YET
    after = _AS_WANTED if holds else row_of(change, Rights.NONE, "")
    stated = json.dumps([row_of(change, Rights.NONE, ""), holds])
    return _by_hand(change, before, after, hashlib.sha256(stated.encode()).hexdigest())


def _by_hand(change: Change, before: str, after: str, fingerprint: str) -> Plan:
    diff = f"-{before}\n+{after}" if before != after else ""
    return Plan(change, before, after, diff, fingerprint, note=_BY_A_PERSON)


def _reversed(applied: Plan) -> Change:
    """The change that takes another one back."""
    change = applied.change
    match change:
        case SetRights():
            before = Rights.NONE if applied.before == "none" else parse(applied.before.split())
            return replace(change, rights=before)
        case RotateCredential():
            raise CannotExpress("The former credential is not kept.")
        case _:
            return opposite(change)


def _holds(export: Export, change: Change) -> bool:
    """Whether the export shows what a change of a membership or an account wants."""
    match change:
        case JoinGroup():
            return export.is_member(change.account, change.group)
        case LeaveGroup():
            return not export.is_member(change.account, change.group)
        case OpenAccount():
            return export.is_open(change.account, clock.now())
        case CloseAccount():
            return not export.is_open(change.account, clock.now())
        case _:
            return False


def _is_taken(export: Export, change: OpenAccount) -> bool:
    """Whether the export has another account of the name: a closed one, or one in other groups."""
    if export.account_key(change.account) is None:
        return False
    return not export.is_open(change.account, clock.now()) or not all(
        export.is_member(change.account, group) for group in change.groups
    )


def _fingerprint(grant: GrantFact) -> str:
    facts = [grant.account, grant.folder, int(grant.rights), grant.via, grant.native, grant.widened]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
