"""Logs in with a test credential and compares the listable folders with the reading.

Nothing is written on the server, so only listings are compared. An empty folder proves nothing and
is left out.
"""

import asyncio
import ftplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import asyncssh

from recert.connectors.contract import Check, ServerRefusedUs, ServerUnreachable
from recert.connectors.posix.connector import PosixConnector

TIMEOUT = 20
Listing = Callable[[str], set[str]]


@dataclass(frozen=True)
class Credential:
    """A test account, and the address on which the server listens."""

    account: str
    password: str
    host: str
    port: int
    protocol: str  # "ftp" or "sftp"
    host_key: str = ""  # for sftp; pinned like that of the transport


def probe(connector: PosixConnector, credential: Credential) -> Iterator[Check]:
    """One check for the login and one for each folder that differs, then the count."""
    outlook = connector.listable(credential.account, credential.protocol)
    try:
        differing, tried = _compared(outlook, credential)
    except (ServerRefusedUs, ServerUnreachable) as error:
        yield Check(f"sign in as {credential.account}", False, error.message, "Check the password.")
        return
    yield Check(f"sign in as {credential.account}", True)
    for path, (inside, expected) in differing.items():
        claim = "can" if expected else "cannot"
        yield Check(
            f"list {path}",
            False,
            f"Recert says that the account {claim} list it; as {inside} the client saw otherwise.",
            "Please report this: Recert must be exact. Until then trust the client.",
        )
    yield Check(f"{tried - len(differing)} of {tried} folders agree", not differing)


def _compared(
    outlook: dict[str, tuple[str, bool, set[str]]], credential: Credential
) -> tuple[dict[str, tuple[str, bool]], int]:
    differing: dict[str, tuple[str, bool]] = {}
    client = _Ftp(credential) if credential.protocol == "ftp" else _Sftp(credential)
    with client as listing:
        for path, (inside, expected, names) in outlook.items():
            if bool(listing(inside) & names) != expected:
                differing[path] = (inside, expected)
    return differing, len(outlook)


class _Ftp:
    """Plain FTP."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def __enter__(self) -> Listing:
        credential = self._credential
        try:
            self._client = ftplib.FTP(timeout=TIMEOUT, encoding="utf-8")  # noqa: S321
            self._client.connect(credential.host, credential.port)
            self._client.login(credential.account, credential.password)
        except ftplib.error_perm as error:
            raise ServerRefusedUs(f"{error}.") from error
        except (OSError, EOFError, ftplib.Error) as error:
            raise ServerUnreachable(
                f"{credential.host} port {credential.port}: {error}."
            ) from error
        return self._list

    def _list(self, folder: str) -> set[str]:
        """The names in a folder. A refusal counts as an empty list, because servers answer a
        listing without permission in both ways."""
        lines: list[str] = []
        try:
            self._client.retrlines(f"NLST {folder}", lines.append)
        except (ftplib.error_perm, ftplib.error_temp):
            return set()
        return {line.rstrip("/").rpartition("/")[2] for line in lines}

    def __exit__(self, *error: object) -> None:
        self._client.close()


class _Sftp:
    """SFTP; the host key is pinned."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Listing:
        credential = self._credential
        public_key = " ".join(credential.host_key.split()[:2])
        try:
            pinned = asyncssh.import_public_key(public_key)
            opening = asyncssh.connect(
                credential.host,
                credential.port,
                username=credential.account,
                password=credential.password,
                known_hosts=([pinned], [], []),
                config=None,
                client_keys=None,
                agent_path=None,
            )
            self._connection = self._loop.run_until_complete(opening)
            self._files = self._loop.run_until_complete(self._connection.start_sftp_client())
        except (asyncssh.PermissionDenied, asyncssh.HostKeyNotVerifiable) as error:
            self._loop.close()
            raise ServerRefusedUs(f"{error}.") from error
        except (OSError, asyncssh.Error, asyncssh.KeyImportError) as error:
            self._loop.close()
            raise ServerUnreachable(
                f"{credential.host} port {credential.port}: {error}."
            ) from error
        return self._list

    def _list(self, folder: str) -> set[str]:
        try:
            return set(self._loop.run_until_complete(self._files.listdir(folder)))
        except asyncssh.SFTPError:
            return set()

    def __exit__(self, *error: object) -> None:
        self._files.exit()
        self._connection.close()
        self._loop.run_until_complete(self._connection.wait_closed())
        self._loop.close()
