"""OpenSSH's internal-sftp: system users; folders are guarded by the kernel."""

from collections.abc import Mapping

from recert.connectors.contract import Connector
from recert.connectors.environment import REAL, World
from recert.connectors.openssh.connector import OpensshConnector


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the sshd whose main file is `config`. Opens nothing yet."""
    return OpensshConnector(settings, world)
