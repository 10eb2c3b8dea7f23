"""Pure-FTPd: virtual users of a PureDB and system users; folders are guarded by the kernel."""

from collections.abc import Mapping

from recert.connectors.contract import Connector
from recert.connectors.environment import REAL, World
from recert.connectors.pureftpd.connector import PureftpdConnector


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the daemon whose option files lie in `config`. Opens nothing yet."""
    return PureftpdConnector(settings, world)
