"""Pure-FTPd with accounts in a database or a directory, beside plain clients and a reading."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from recert.connectors import registry
from recert.connectors.contract import Connector, Reading
from recert.connectors.rights import Rights
from tests.daemons import probe
from tests.daemons.clients import Client, FtpClient, Refused
from tests.daemons.residents import SECRET, User
from tests.daemons.rig_pureftpd import VERBS
from tests.daemons.rigs import DAEMONS
from tests.daemons.running import LOOPBACK, Daemon, free_port, root_of_session
from tests.daemons.worlds import Ground

PROGRAMS = {
    "mysql": ("pure-ftpd-mysql", "MySQLConfigFile"),
    "pgsql": ("pure-ftpd-postgresql", "PGSQLConfigFile"),
    "ldap": ("pure-ftpd-ldap", "LDAPConfigFile"),
}
FOLDERS = ("in", "read", "team", "own", "Größe")
UID = 7_300_001


@dataclass(frozen=True)
class World:
    """A tree in which every account has other rights, and a system user to be named."""

    ground: Ground
    user: User

    @classmethod
    def on(cls, ground: Ground) -> "World":
        user = ground.residents.add_user("carrier", ground.groups[0], home=ground.root)
        modes = {"in": 0o777, "read": 0o755, "team": 0o770, "own": 0o700, "Größe": 0o777}
        for name, mode in modes.items():
            folder = ground.root / name
            folder.mkdir()
            (folder / "report.txt").write_text(f"of root in {name}")
            (folder / "report.txt").chmod(mode & 0o666)
            folder.chmod(mode)
        for path in (ground.root / "team", ground.root / "team/report.txt"):
            os.chown(path, -1, ground.groups[0].gid)
        os.chown(ground.root / "own", UID, -1)
        return cls(ground, user)

    @property
    def home(self) -> str:
        return str(self.ground.root)

    @property
    def gids(self) -> tuple[int, int]:
        return self.ground.groups[0].gid, self.ground.groups[1].gid

    def folders(self) -> list[Path]:
        return [self.ground.root, *(self.ground.root / name for name in FOLDERS)]


class Site:
    """One daemon whose accounts come from one source."""

    def __init__(
        self,
        world: World,
        method: str,
        lines: str,
        settings: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.world, self.port = world, free_port()
        program, option = PROGRAMS[method]
        place = world.ground.place
        self.source = place / f"{method}.conf"
        self.source.write_text(lines)
        self.config = place / "pure-ftpd.conf"
        self.config.write_text(
            f"{option} {self.source}\nBind {LOOPBACK},{self.port}\nMinUID 1000\n"
            f"ChrootEveryone yes\nNoAnonymous yes\nDontResolve yes\n"
        )
        prefix = DAEMONS / "pureftpd"
        self._settings = {"config": str(self.config), "prefix": str(prefix), **settings}
        command = [str(prefix / "usr/sbin" / program), str(self.config)]
        self.daemon = Daemon(command, [self.port], place / "log", environment)

    def connector(self, **settings: str) -> Connector:
        known = {key: value for key, value in (self._settings | settings).items() if value}
        return registry.connect("pureftpd", known)

    def reading(self, **settings: str) -> Reading:
        return self.connector(**settings).read()

    def tried(self, uids: Mapping[str, int]) -> dict[tuple[str, str], Rights]:
        """What each account can do in each folder, as a plain client finds out; accounts that do
        not get in are not in it."""
        self.daemon.start()
        try:
            with ThreadPoolExecutor(len(uids)) as pool:
                clients = dict(zip(uids, pool.map(self._sign_in, uids), strict=True))
            found = {}
            for name, client in clients.items():
                if client is None:
                    continue
                jail = root_of_session(client.port, uids[name])
                tried = probe.tried(client, jail, uids[name], self.world.folders())
                found |= {(name, folder): rights for folder, rights in tried.items()}
                client.close()
            return found
        finally:
            self.daemon.stop()

    def _sign_in(self, name: str) -> Client | None:
        try:
            return FtpClient(self.port, name, SECRET, VERBS)
        except Refused:
            return None

    def disagreements(
        self, reading: Reading, tried: Mapping[tuple[str, str], Rights], names: Iterable[str]
    ) -> list[str]:
        """Cells in which Recert shows something else than the client found, and accounts that
        stand the wrong way."""
        grants = {(one.account, one.folder): one for one in reading.grants}
        enabled = {one.name: one.enabled for one in reading.accounts}
        folders = set(reading.folders)
        got_in = {name for name, _ in tried}
        found = [
            f"{name}: gets in: {name in got_in}, shown as {enabled.get(name)}"
            for name in names
            if (name in got_in) != enabled.get(name, False)
        ]
        for name in names:
            for path in self.world.folders():
                ways = (str(one) for one in (path, *path.parents))
                grant = grants.get((name, next((one for one in ways if one in folders), "")))
                shown = grant.rights if grant else Rights.NONE
                real = tried.get((name, str(path)), Rights.NONE)
                if shown != real:
                    found.append(f"{name} {path}: real {real!r}, shown {shown!r}")
        return found
