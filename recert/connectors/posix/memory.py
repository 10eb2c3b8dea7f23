"""The survey of a machine that one run remembers, kept up to date by the run's own edits."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import PurePosixPath

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts import Host
from recert.connectors.hosts.remembering import RememberingHost
from recert.connectors.posix.changes import plan_parts
from recert.connectors.posix.changes.plan_parts import Part
from recert.connectors.posix.permissions.scan import reread_folders
from recert.connectors.posix.survey import Survey

# Others edit servers too. Seconds after which everything is read anew, and after which all but the
# folders is: where that takes long itself, after some times as long.
OLDEST, OLDEST_FACTS, TIMES = 300.0, 10.0, 5

log = logging.getLogger(__name__)


class Memory:
    """One open connection and what was read over it. Edits are compared and made over the plain
    `host`, never from memory."""

    def __init__(self, open_host: Callable[[], AbstractContextManager[Host]]) -> None:
        self._open = open_host
        self._way: AbstractContextManager[Host] | None = None
        self._host: Host | None = None
        self._remembering: RememberingHost | None = None
        self._survey: Survey | None = None
        self._sign_ins: Mapping[str, datetime] | None = None
        self._since = self._facts_since = self._facts_took = 0.0
        self._refusal: ConnectorError | None = None
        self._noted: Sequence[Part] | None = None

    def host(self) -> Host:
        """The machine itself, on one connection for the whole run. One that cannot be reached is
        not tried again for each order."""
        if self._refusal is not None:
            raise self._refusal
        if self._host is None:
            way = self._open()
            try:
                self._host, self._way = way.__enter__(), way
            except ConnectorError as error:
                self._refusal = error
                raise
        return self._host

    def survey(self, read: Callable[[Host], Survey]) -> Survey:
        """The survey as of the run's last edit."""
        machine, now = self.machine(), time.monotonic()
        if now - self._facts_since > max(OLDEST_FACTS, TIMES * self._facts_took):
            machine.forget_answers()
            self._survey = None
        if self._survey is None:
            self._survey = read(machine)
            if machine.is_new:
                self._facts_since, self._facts_took = now, time.monotonic() - now
                machine.is_new = False
        return self._survey

    def last_sign_ins(
        self, read: Callable[[Host], Mapping[str, datetime]]
    ) -> Mapping[str, datetime]:
        """Last logins by account. No edit of Recert changes them."""
        if self._sign_ins is None:
            self._sign_ins = read(self.host())
        return self._sign_ins

    def machine(self) -> RememberingHost:
        """The machine as it is remembered, for reading."""
        host = self.host()
        if self._remembering is None or time.monotonic() - self._since > OLDEST:
            self._remembering, self._since = RememberingHost(host), time.monotonic()
            self._survey = self._sign_ins = None
        return self._remembering

    def check(self, folder: str) -> None:
        """Looks at a folder and at the way to it, before something is planned there. What others
        changed makes everything known before worthless."""
        if self._remembering is None:
            return
        way = [str(one) for one in PurePosixPath(folder).parents]
        for tree in self._remembering.trees.values():
            now = reread_folders(self.host(), tree, [folder], also=way)
            for path in (folder, *way):
                if path in tree.position and not now.at(path).is_like(tree.at(path)):
                    self.forget()
                    return

    def note(self, edits: Sequence[Part]) -> None:
        """After an edit: what it touched is read again, once."""
        if edits is self._noted:
            return
        self._noted, self._survey = edits, None
        if self._remembering is None:
            return
        if any(part.kind != plan_parts.ACL for part in edits):
            self._remembering.forget_answers()
        self._remembering.forget_permissions()
        try:
            self._reread([part.place for part in edits if part.kind == plan_parts.ACL])
        except ConnectorError as error:
            # The edit itself is made. Whoever needs a survey next reads all of it.
            log.info("everything is read anew: %s", error)
            self.forget()

    def _reread(self, folders: Sequence[str]) -> None:
        if folders and self._remembering is not None:
            trees = self._remembering.trees
            for key, tree in trees.items():
                trees[key] = reread_folders(self.host(), tree, folders)

    def forget(self) -> None:
        """What stands on the machine is not known any more."""
        self._remembering = self._survey = None

    def close(self) -> None:
        """Ends the connection; the next question opens another one."""
        self.forget()
        way, self._way, self._host = self._way, None, None
        if way is not None:
            way.__exit__(None, None, None)
