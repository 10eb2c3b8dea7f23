"""ProFTPD: sections and limits of its configuration over folders that the kernel guards."""

from collections.abc import Mapping

from recert.connectors.contract import Connector
from recert.connectors.proftpd.connector import ProftpdConnector


def connect(settings: Mapping[str, str]) -> Connector:
    """The connector of the daemon whose main file is `config`. Opens nothing yet."""
    return ProftpdConnector(settings)
