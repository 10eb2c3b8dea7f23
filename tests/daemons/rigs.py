"""What the rigs of all kinds share: where the daemons lie, and what a rig is."""

import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from recert.connectors.rights import Rights
from tests.daemons import probe
from tests.daemons.clients import Client
from tests.daemons.running import Daemon, root_of_session
from tests.daemons.worlds import Ground

DAEMONS = Path(__file__).parents[2] / ".cache" / "daemons"
MISSING = "Debian's servers are missing. Run: make setup-test"
Cells = dict[tuple[str, str], Rights]


@dataclass(frozen=True)
class Login:
    """One account of the server, as the builder of the world knows it."""

    account: str
    uid: int
    about: str  # what the configuration says about it, for messages


class Rig(ABC):
    """One real daemon with a random configuration over a random tree."""

    kind: str
    listeners: tuple[str, ...] = ("ftp",)
    refuses_slowly = False  # after a wrong password the server waits for seconds
    reloads_with = ("", "")  # the log in which the daemon says that it read its files again; how

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.prefix = DAEMONS / self.kind
        assert self.prefix.is_dir(), MISSING
        self.etc = ground.place / "etc"
        self.etc.mkdir(mode=0o755)
        self.logins: list[Login] = []
        self.daemon: Daemon
        self.signed_in: set[str] = set()  # accounts that got in, by whichever listener
        self._seen: dict[str, bytes] = {}
        self._reloads = 0
        self.build()

    @abstractmethod
    def build(self) -> None:
        """Accounts, tree and configuration."""

    @abstractmethod
    def config(self) -> Path: ...

    @abstractmethod
    def sign_in(self, login: Login, listener: str) -> Client | None:
        """A client, or None when the server refuses the login."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self.stop()

    def settings(self) -> dict[str, str]:
        return {
            "config": str(self.config()),
            "root": str(self.ground.root),
            "prefix": str(self.prefix),
        }

    def start(self) -> None:
        self.daemon.start()
        self._seen, self._reloads = self._configuration(), self._count_reloads()

    def stop(self) -> None:
        self.daemon.stop()

    def settle(self) -> None:
        """Called after a change. When it was one of the configuration, the connector has told the
        daemon, which takes a moment to read the files again."""
        now = self._configuration()
        if now != self._seen:
            self._seen = now
            self.reload()

    def reload(self) -> None:
        """Waits for the daemon to say that it read its files again; not every file is one that
        it has to be told of."""
        deadline = time.monotonic() + 2
        while self._count_reloads() == self._reloads and time.monotonic() < deadline:
            time.sleep(0.05)
        self._reloads = self._count_reloads()
        self.daemon.wait()

    def _count_reloads(self) -> int:
        name, words = self.reloads_with
        file = self.ground.place / name
        return file.read_text(errors="replace").count(words) if name and file.is_file() else 0

    def _configuration(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.stated()}

    def stated(self) -> list[Path]:
        """Every file that says something about access, beside the tree itself."""
        return sorted(path for path in self.etc.rglob("*") if path.is_file())

    def probed(self, listener: str, without: Collection[str] = ()) -> Cells:
        """What plain clients really can do through one listener, one account after the other. They
        sign in all at once, because servers answer a wrong password after a pause."""
        logins = [login for login in self.logins if login.account not in without]
        with ThreadPoolExecutor(len(self.logins)) as pool:
            clients = list(pool.map(lambda login: self.sign_in(login, listener), logins))
        self.signed_in |= {
            login.account for login, client in zip(logins, clients, strict=True) if client
        }
        cells: Cells = {
            (account, str(folder)): Rights.NONE
            for account in without
            for folder in self.ground.folders
        }
        try:
            for login, client in zip(logins, clients, strict=True):
                for folder, rights in self._tried(login, client).items():
                    cells[login.account, folder] = rights
        finally:
            for client in clients:
                if client is not None:
                    client.close()
        assert self.daemon.is_alive, self.daemon.log()
        return cells

    def _tried(self, login: Login, client: Client | None) -> dict[str, Rights]:
        folders = self.ground.folders
        if client is None:
            return {str(folder): Rights.NONE for folder in folders}
        jail = root_of_session(client.port, login.uid)
        return probe.tried(client, jail, login.uid, folders)
