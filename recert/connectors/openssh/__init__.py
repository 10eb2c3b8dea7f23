"""OpenSSH's internal-sftp: system users; folders are guarded by the kernel."""

from collections.abc import Mapping

from recert.connectors.contract import Connector
from recert.connectors.openssh.connector import OpensshConnector
from recert.connectors.world import REAL, World


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the sshd whose main file is `config`. Opens nothing yet."""
    return OpensshConnector(settings, world)
