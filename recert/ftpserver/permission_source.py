"""The permission file of the running server, read again whenever it changes."""

import logging
import os
from pathlib import Path

from recert.connectors import file_store
from recert.connectors.contract import ConnectorError
from recert.connectors.embedded.format import Permissions, parse
from recert.connectors.embedded.tree import root_of

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]


class PermissionSource:
    """The last good state of the file. A broken file stops the start, but not a running server."""

    permissions: Permissions
    root: Path

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stamp = self._look()
        self._take(file_store.read_bytes(file))

    def refresh(self) -> None:
        """One stat; reads the file when it is another one than last time."""
        stamp = self._look()
        if stamp == self._stamp:
            return
        # The stamp is kept even for a broken file, or each command would parse it again.
        self._stamp = stamp
        try:
            self._take(file_store.read_bytes(self.file))
        except ConnectorError as error:
            log.error("%s is not used, the last good one still holds: %s", self.file, error)

    def _take(self, raw: bytes) -> None:
        self.permissions = parse(raw)
        self.root = root_of(self.file, self.permissions)

    def _look(self) -> _Stamp | None:
        try:
            status = os.stat(self.file)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
