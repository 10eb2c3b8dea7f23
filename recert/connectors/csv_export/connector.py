"""An export as a connector: read here, changed by a person with a change list."""

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Self

from recert.connectors.contract import (
    CannotExpress,
    Change,
    Check,
    ConnectorError,
    EditedByOthers,
    Features,
    GrantFact,
    LogSource,
    Plan,
    Reading,
    Standing,
)
from recert.connectors.csv_export.change_list import rights_text, row_of
from recert.connectors.csv_export.export import Export
from recert.connectors.csv_export.table import Table, read_table
from recert.connectors.environment import REAL, World
from recert.connectors.rights import Rights, parse
from recert.foundation import clock

_INCOMPLETE = "the export does not claim to be complete"

_BY_A_PERSON = "Carry this out in the product; the next export shows whether it is done."


class CsvConnector:
    """One export file. Every call looks at the file anew."""

    features = Features(can_write=False)

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
        export = self._export(self._table())
        key = export.account_key(change.account)
        if key is None:
            raise CannotExpress(f"There is no account {change.account!r} in the export.")
        if not change.folder:
            return self._exit(export, change)
        now = export.grant(key, change.folder, clock.now())
        before = rights_text(now.rights)
        if now.rights == change.rights:
            return Plan(change, before, before, "", _fingerprint(now))
        after = row_of(change, now.rights, now.native, " | ".join(now.via))
        seen = _fingerprint(now)
        return Plan(change, before, after, f"-{before}\n+{after}", seen, note=_BY_A_PERSON)

    def _exit(self, export: Export, change: Change) -> Plan:
        """Leaving a group, or the end of the whole account, as a row for a person."""
        what = f"group {change.group}" if change.group else "the whole account"
        stands = _is_in(export, change)
        before = f"in {what}" if stands else "none"
        after = row_of(replace(change, folder=what), Rights.NONE, "") if stands else "none"
        seen = hashlib.sha256(f"{change.account}\n{what}\n{stands}".encode()).hexdigest()
        return Plan(change, before, after, f"-{before}\n+{after}", seen, note=_BY_A_PERSON)

    def undo_plan(self, applied: Plan) -> Plan:
        if self.standing(applied) is not Standing.AFTER:
            raise EditedByOthers(f"The rights of {applied.change.account!r} are other ones now.")
        before = Rights.NONE if applied.before == "none" else parse(applied.before.split())
        return self.plan(Change(applied.change.account, applied.change.folder, before))

    def standing(self, plan: Plan) -> Standing:
        export = self._export(self._table())
        if not plan.change.folder:
            return Standing.BEFORE if _is_in(export, plan.change) else Standing.AFTER
        key = export.account_key(plan.change.account)
        spoken = key is not None and bool(export.rows_for(key, plan.change.folder))
        if not spoken and not self._complete:
            return Standing.OTHER  # a row that is missing proves nothing
        now = Rights.NONE
        if key is not None:
            now = export.grant(key, plan.change.folder, clock.now()).rights
        if now == plan.change.rights:
            return Standing.AFTER
        return Standing.BEFORE if rights_text(now) == plan.before else Standing.OTHER

    def apply(self, plan: Plan) -> None:
        raise CannotExpress("An export is only read. Use the change list.")

    def _table(self) -> Table:
        return read_table(self._file, self._world)

    def _export(self, table: Table) -> Export:
        return Export(table, case_sensitive=self._case_sensitive)


def _is_in(export: Export, change: Change) -> bool:
    """Whether the account is in the group that it shall leave, or gets in at all."""
    if change.group:
        members = {one.name: one.members for one in export.groups()}
        return change.account in members.get(change.group, ())
    known = export.accounts({change.account}, clock.now())
    return any(one.name == change.account and one.enabled for one in known)


def _fingerprint(grant: GrantFact) -> str:
    seen = [grant.account, grant.folder, int(grant.rights), grant.via, grant.native, grant.widened]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()
