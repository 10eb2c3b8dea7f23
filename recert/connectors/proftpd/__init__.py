"""ProFTPD: sections and limits of its configuration over folders that the kernel guards."""

from collections.abc import Mapping

from recert.connectors.contract import Connector
from recert.connectors.environment import REAL, World
from recert.connectors.proftpd.connector import ProftpdConnector


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the daemon whose main file is `config`. Opens nothing yet."""
    return ProftpdConnector(settings, world)
