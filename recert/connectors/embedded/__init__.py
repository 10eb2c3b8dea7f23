"""Recert's own small FTP server: one JSON file says who may do what."""

from collections.abc import Mapping
from pathlib import Path

from recert.connectors.contract import Connector, SettingsInvalid
from recert.connectors.embedded.connector import EmbeddedConnector
from recert.connectors.environment import REAL, World


def connect(settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of the permission file named by `file`. Opens nothing yet."""
    if not settings.get("file"):
        raise SettingsInvalid("Set `file` to the full path of the permission file.")
    return EmbeddedConnector(Path(settings["file"]), world)
