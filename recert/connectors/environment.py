"""The World that a connector reads from: the real machines, machines that are recorded meanwhile,
or a replayed recording. Connectors do not know which of them they use."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Protocol

from recert.connectors.file_store import open_regular
from recert.connectors.hosts import Host, host_of
from recert.foundation import clock

Opened = BufferedReader | BufferedRandom


class World(Protocol):
    """Everything outside that a reading depends on."""

    def now(self) -> datetime:
        """The moment of the reading, by which expiries are judged."""

    def host(self, settings: Mapping[str, str]) -> Host:
        """The machine that a server's settings name; this one when they name none."""

    def opened(self, path: Path) -> AbstractContextManager[Opened]:
        """A file of this machine that may be too large for one piece of memory."""


class RealWorld:
    """The machines as they are, now."""

    def now(self) -> datetime:
        return clock.now()

    def host(self, settings: Mapping[str, str]) -> Host:
        return host_of(settings)

    def opened(self, path: Path) -> AbstractContextManager[Opened]:
        return open_regular(path)


REAL = RealWorld()
