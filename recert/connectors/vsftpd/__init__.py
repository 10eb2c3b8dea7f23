"""vsftpd: system users, guests and the anonymous account; folders are guarded by the kernel."""

from collections.abc import Mapping

from recert.connectors.contract import Connector
from recert.connectors.environment import REAL, World
from recert.connectors.vsftpd.connector import VsftpdConnector


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the daemon whose main file is `config`. Opens nothing yet."""
    return VsftpdConnector(settings, world)
