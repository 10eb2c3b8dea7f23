"""One machine of the field: three accounts, a few folders, and a daemon with a given file."""

import os
import shutil
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from recert.connectors import registry
from recert.connectors.contract import Connector
from recert.connectors.rights import Rights
from tests.daemons import probe
from tests.daemons.clients import Client, FtpClient, Refused
from tests.daemons.residents import SECRET
from tests.daemons.rigs import DAEMONS, MISSING
from tests.daemons.running import Daemon, root_of
from tests.servers_in_the_field.cases import Case

ACCOUNTS = ("acc1", "acc2", "acc3")
FOLDERS = ("/home", *(f"/home/{name}" for name in ACCOUNTS), "/data", "/data/in", "/data/shared")
CLOSED = ("/home", "/data")  # only root changes something here


@dataclass
class Account:
    """`name` as the daemon knows it."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str = "/bin/sh"
    is_alias: bool = False
    password: str | None = None


class Site(ABC):
    """Lays out the files of one case and runs its daemon."""

    kind: str
    protocols: tuple[str, ...]

    def __init__(self, case: Case, place: Path) -> None:
        self.case, self.place = case, place
        self.prefix = DAEMONS / self.kind
        assert self.prefix.is_dir(), MISSING
        self.words: dict[str, str] = {"place": str(place)}
        self.accounts: dict[str, Account] = {}
        self.folders: list[str] = []
        self.daemon: Daemon | None = None
        self.signed_in: set[str] = set()  # accounts that got in by some protocol
        (place / "etc").mkdir(mode=0o755)
        self.settle()
        self._lay_tree()
        self.write()
        self._set_modes()

    @abstractmethod
    def settle(self) -> None:
        """The accounts of the case, and the words that its files may use."""

    @abstractmethod
    def config(self) -> Path: ...

    @abstractmethod
    def write(self) -> None:
        """The configuration, with what every site needs before it."""

    @abstractmethod
    def make_daemon(self) -> Daemon: ...

    @abstractmethod
    def accepts(self) -> bool:
        """Whether the daemon's own test accepts the configuration."""

    @abstractmethod
    def sign_in(self, account: Account, protocol: str) -> Client | None: ...

    def filled(self, text: str) -> str:
        for word, value in self.words.items():
            text = text.replace("{" + word + "}", value)
        return text

    def _lay_tree(self) -> None:
        self.place.chmod(0o755)
        for folder in FOLDERS:
            self._folder(folder, 0o755 if folder in CLOSED else 0o777)
        for line in self.case.tree:
            words = self.filled(line).split()
            if words[1] == "later":  # made by the daemon at a sign-in
                self.folders.append(words[0])
            elif words[1] == "->":
                self._inside(words[0]).symlink_to(words[2])
            else:
                self._folder(words[0], int(words[1], 8))
                for owner in words[2:3]:
                    os.chown(self._inside(words[0]), self.accounts[owner].uid, -1)

    def _inside(self, path: str) -> Path:
        return self.place / path.lstrip("/")

    def _folder(self, path: str, mode: int) -> None:
        folder = self._inside(path)
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
        file = folder / "report.txt"
        file.write_text(f"of root in {path}")
        file.chmod(0o666)
        if path not in self.folders:
            self.folders.append(path)

    def _set_modes(self) -> None:
        for name, mode, owner in self.case.modes:
            self._inside(name).chmod(mode)
            if owner:
                os.chown(self._inside(name), self.accounts[owner].uid, -1)

    def __enter__(self) -> Self:
        self.daemon = self.make_daemon()
        self.daemon.start()
        return self

    def __exit__(self, *_details: object) -> None:
        if self.daemon is not None:
            self.daemon.stop()

    def settings(self) -> dict[str, str]:
        return {
            "config": str(self.config()),
            "root": str(self.place),
            "prefix": str(self.prefix),
        }

    def connector(self) -> Connector:
        return registry.connect(self.kind, self.settings())

    def tried(self) -> dict[tuple[str, str, str], Rights]:
        """What plain clients can do: (account, protocol, folder) -> rights."""
        found: dict[tuple[str, str, str], Rights] = {}
        for label, account in self.accounts.items():
            for protocol in self.protocols:
                client = self.sign_in(account, protocol)
                paths = [one for folder in self.folders if (one := self._inside(folder)).is_dir()]
                rights = dict.fromkeys(
                    (str(self._inside(folder)) for folder in self.folders), Rights.NONE
                )
                if client is not None:
                    self.signed_in.add(label)
                    try:
                        uid, jail = self._behind(client)
                        rights |= probe.tried(client, jail, uid, paths)
                        self._try_typed(client, uid, label, rights)
                    finally:
                        client.close()
                for folder in self.folders:
                    found[label, protocol, folder] = rights[str(self._inside(folder))]
        return found

    def _behind(self, client: Client) -> tuple[int, str]:
        """As whom the client came in, and what is "/" to it. An alias may be any account."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for uid in {account.uid for account in self.accounts.values()}:
                root = root_of(client.port, uid)
                if root is not None:
                    return uid, root
        raise AssertionError(f"no account of {self.case.path} serves the client")

    def _try_typed(self, client: Client, uid: int, label: str, rights: dict[str, Rights]) -> None:
        """Folders that clients reach by a path of the daemon's making."""
        for line in self.case.paths:
            account, folder, typed = line.split()
            path = self._inside(folder)
            if account == label:
                with probe.Bench(path, uid) as bench:
                    tries = probe.Attempts(client, typed.rstrip("/"), bench)
                    rights[str(path)] |= tries.all_rights()

    def emptied(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)


class FtpSite(Site):
    """A daemon of FTP alone, without a test of its own configuration."""

    port: int
    verbs: frozenset[str]

    def accepts(self) -> bool:
        """It is started, and ends at once when it refuses."""
        daemon = self.make_daemon()
        try:
            daemon.start()
        except AssertionError:
            return False
        finally:
            daemon.stop()
        return True

    def sign_in(self, account: Account, protocol: str) -> Client | None:
        try:
            return FtpClient(self.port, account.name, SECRET, self.verbs)
        except Refused:
            return None
