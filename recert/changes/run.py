"""One run over the due orders of one server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from recert.changes.lease import Lease
from recert.connectors.contract import Connector
from recert.foundation.db import Database

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Run:
    """What every step of a run needs. It writes only as the holder of the lease."""

    lease: Lease
    connector: Connector
    may_write: bool
    now: Clock

    @property
    def db(self) -> Database:
        """Where the orders are kept."""
        return self.lease.db
