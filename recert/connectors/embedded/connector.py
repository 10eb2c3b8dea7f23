"""The permission file as a connector: read who can do what, plan and carry out changes."""

import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Self

from recert.connectors import file_store
from recert.connectors.changes import (
    Change,
    CloseAccount,
    JoinGroup,
    LeaveGroup,
    OpenAccount,
    RotateCredential,
    SetRights,
)
from recert.connectors.contract import (
    Check,
    ConnectorError,
    EditedByOthers,
    Features,
    LogSource,
    Plan,
    Reading,
    ServerUnreachable,
    Standing,
)
from recert.connectors.embedded import edit, evaluate, last_logins, parts, tree
from recert.connectors.embedded.format import parse, without_passwords
from recert.connectors.embedded.parts import Native
from recert.connectors.environment import REAL, World
from recert.connectors.hosts import Host


class EmbeddedConnector:
    """One permission file. Every call looks at the file anew."""

    features = Features(
        can_write=True,
        changes=frozenset(
            {SetRights, JoinGroup, LeaveGroup, OpenAccount, CloseAccount, RotateCredential}
        ),
        reads_last_login=True,
        ends_sessions=True,
        can_undo=True,
    )

    def __init__(self, file: Path, world: World = REAL) -> None:
        self._file, self._world = file, world

    def checks(self) -> Iterator[Check]:
        steps = (
            ("file", self._raw, "Check the path and that Recert may read the file."),
            ("format", self._native, "Correct the place that is named."),
            ("folders", self._root_is_there, "Check `root` in the permission file."),
            ("read", self.read, "Look at the message; the file may have changed just now."),
        )
        yield Check("settings", True)
        for name, step, remedy in steps:
            try:
                step()
            except ConnectorError as error:
                yield Check(name, False, error.message, remedy)
                return
            yield Check(name, True)

    def read(self, accounts: Collection[str] | None = None) -> Reading:
        warnings: list[str] = []
        with self._world.host({}) as host:
            host.withhold(str(self._file), without_passwords)
            raw = host.read(str(self._file))
            last_logins = self._last_logins(host, warnings)
        permissions = parse(raw)
        now = self._world.now()
        return Reading(
            accounts=[
                evaluate.account_fact(account, last_logins.get(account.name), now)
                for account in permissions.accounts.values()
                if accounts is None or account.name in accounts
            ],
            groups=evaluate.group_facts(permissions),
            folders=permissions.boundaries,
            grants=evaluate.grants(permissions, accounts, now),
            fingerprint=hashlib.sha256(without_passwords(raw)).hexdigest(),
            source=f"file {self._file.name}",
            warnings=warnings,
        )

    def for_one_run(self) -> AbstractContextManager[Self]:
        """It is one file, which is read whole each time."""
        return nullcontext(self)

    def notice_edits(self, folder: str) -> None:
        """Nothing is remembered."""

    def every_folder(self) -> Iterator[str]:
        permissions = parse(self._raw())
        return tree.every_folder(tree.root_of(self._file, permissions), permissions.boundaries)

    def has_folder(self, folder: str) -> bool:
        return True

    def log_sources(self) -> list[LogSource]:
        return [
            LogSource("sign-ins", str(last_logins.path_of(self._file)), "json"),
            LogSource("transfers", str(self._file.with_name("xferlog")), "xferlog"),
        ]

    def log_roots(self) -> dict[str, str]:
        return {}

    def plan(self, change: Change) -> Plan:
        return edit.make_plan(self._native(), change, self._file.name)

    def undo_plan(self, applied: Plan) -> Plan:
        return edit.make_undo(self._native(), applied, self._file.name)

    def standing(self, plan: Plan) -> Standing:
        stands = parts.text_of(self._native(), plan.change)
        sides = {plan.before: Standing.BEFORE, plan.after: Standing.AFTER}
        return sides.get(stands, Standing.OTHER)

    def apply(self, plan: Plan) -> None:
        """Its server asks for the rights anew at each command, in open sessions too."""
        with file_store.locked(self._file):
            native = self._native()
            stands = parts.text_of(native, plan.change)
            if stands == plan.after:
                return
            if stands != plan.before or edit.fingerprint(native, plan.change) != plan.fingerprint:
                raise EditedByOthers(f"Account {plan.change.account!r} in {self._file.name}.")
            file_store.replace(self._file, edit.edited(native, plan))

    def _raw(self) -> bytes:
        return file_store.read_bytes(self._file)

    def _native(self) -> Native:
        return Native.of(self._raw())

    def _root_is_there(self) -> None:
        root = tree.root_of(self._file, parse(self._raw()))
        with file_store.as_connector_errors(root):
            os.scandir(root).close()

    def _last_logins(self, host: Host, warnings: list[str]) -> dict[str, datetime]:
        """A broken book costs the dates only, so it is a warning and no problem."""
        book = last_logins.path_of(self._file)
        try:
            return last_logins.parse(host.read(str(book)), book.name)
        except ServerUnreachable:  # nobody has signed in yet
            return {}
        except ConnectorError as error:
            warnings.append(f"Last sign-ins are not known: {error.message}")
            return {}
