"""The SSH login of a machine: its pinned key, and Recert's own credential."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from recert.connectors import file_store
from recert.connectors.contract import SettingsInvalid

CONNECT_SECONDS = 20


@dataclass(frozen=True)
class Login:
    """How to reach the machine."""

    host: str
    port: int
    user: str
    host_key: str  # "ssh-ed25519 AAAA..."
    key: str = ""  # path of a private key; else the agent, or a password
    password_file: str = ""
    with_sudo: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> "Login":
        """From a server's settings; SettingsInvalid names what is missing."""
        for name in ("host", "user", "host_key"):
            if not settings.get(name):
                raise SettingsInvalid(f"transport=ssh needs {name}.")
        port = settings.get("port") or "22"
        if not port.isdecimal():
            raise SettingsInvalid(f"port must be a number, not {port!r}.")
        return cls(
            host=settings["host"],
            port=int(port),
            user=settings["user"],
            host_key=settings["host_key"],
            key=settings.get("key", ""),
            password_file=settings.get("password_file", ""),
            with_sudo=settings.get("sudo", "no").lower() == "yes",
        )

    def options(self) -> dict[str, Any]:
        """For asyncssh; nothing is taken from files of the user that Recert runs as."""
        try:
            fields = self.host_key.split()
            pinned = asyncssh.import_public_key(" ".join(fields[:2]))
        except (asyncssh.KeyImportError, ValueError) as error:
            raise SettingsInvalid("host_key must be one line: ssh-ed25519 AAAA...") from error
        options: dict[str, Any] = {
            "known_hosts": ([pinned], [], []),
            "username": self.user,
            "config": None,
            "connect_timeout": CONNECT_SECONDS,
            "login_timeout": CONNECT_SECONDS,
            "keepalive_interval": 15,
        }
        if self.password_file:
            if not Path(self.password_file).is_file():
                raise SettingsInvalid(f"password_file: {self.password_file} is not there.")
            password = file_store.read_bytes(Path(self.password_file)).decode().rstrip("\n")
            options |= {"password": password, "client_keys": None, "agent_path": None}
        elif self.key:
            _check_key(self.key)
            options |= {"client_keys": [self.key], "agent_path": None}
        return options


def _check_key(path: str) -> None:
    try:
        asyncssh.read_private_key(path)
    except OSError as error:
        raise SettingsInvalid(f"key: {path}: {error.strerror}.") from error
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise SettingsInvalid(f"key: {path} cannot be used: {error}.") from error
