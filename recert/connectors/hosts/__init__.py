"""The machines on which servers run, and how they are reached."""

from collections.abc import Mapping
from importlib import import_module

from recert.connectors.contract import SettingsInvalid
from recert.connectors.hosts.contract import FileFact, FileMissing, Host, Output
from recert.connectors.hosts.local import LocalHost
from recert.connectors.hosts.overlay import EditedHost

__all__ = [
    "EditedHost",
    "FileFact",
    "FileMissing",
    "Host",
    "LocalHost",
    "Output",
    "host_of",
]


def host_of(settings: Mapping[str, str]) -> Host:
    """The machine that a server's settings name; this one when they name none."""
    transport = settings.get("transport", "local")
    if transport == "local":
        return LocalHost()
    if transport == "ssh":
        # Its library takes longer to load than all the rest of most commands.
        host: Host = import_module("recert.connectors.hosts.ssh").SshHost(settings)
        return host
    raise SettingsInvalid(f"Unknown transport {transport!r}. Known: local, ssh.")
