"""OpenSSH's sites: accounts of the system, each with the same key."""

import subprocess
from pathlib import Path

from tests.daemons.clients import Client, Refused, SftpClient
from tests.daemons.residents import HASH, SECRET, Residents
from tests.daemons.rig_openssh import key, settle_privilege_separation
from tests.daemons.running import Daemon, free_port
from tests.servers_in_the_field.cases import Case
from tests.servers_in_the_field.site import ACCOUNTS, Account, Site

HEAD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
PidFile {place}/sshd.pid
AuthorizedKeysFile {place}/etc/keys/%u
UseDNS no
PerSourceMaxStartups none
"""


class OpensshSite(Site):
    kind = "openssh"
    protocols = ("sftp",)

    def __init__(self, case: Case, place: Path) -> None:
        self.residents = Residents()
        try:
            super().__init__(case, place)
        except BaseException:
            self.residents.__exit__()
            raise

    def settle(self) -> None:
        settle_privilege_separation()
        group = self.residents.add_group("grp1")
        other = self.residents.add_group("grp2")
        homes = {name: f"/home/{name}" for name in ACCOUNTS}
        shells = dict.fromkeys(ACCOUNTS, "/bin/sh")
        hashes = dict.fromkeys(ACCOUNTS, HASH)
        for line in self.case.accounts:
            label, *words = line.split()
            told = dict(word.split("=", 1) for word in words)
            homes[label] = told.get("home", homes[label])
            shells[label] = told.get("shell", shells[label])
            hashes[label] = told.get("hash", hashes[label])
        for name in ACCOUNTS:
            user = self.residents.add_user(
                name,
                other if name == "acc3" else group,
                home=self.place / homes[name].lstrip("/"),
                shell=shells[name],
                password=hashes[name],
            )
            self.accounts[name] = Account(user.name, user.uid, user.gid, str(user.home), user.shell)
            self.words[name] = user.name
        self.port = free_port()
        host = self.place / "host_key"
        key().write_private_key(str(host))
        host.chmod(0o600)
        self.words |= {
            "port": str(self.port),
            "host_key": str(host),
            "grp1": group.name,
            "grp2": other.name,
            "sftp-server": str(self.prefix / "usr/lib/openssh/sftp-server"),
            "key": key().export_public_key().decode().strip(),
        }

    def config(self) -> Path:
        return self.place / "etc/sshd_config"

    def write(self) -> None:
        for account in self.accounts.values():
            self._write(f"etc/keys/{account.name}", self.words["key"] + "\n")
        for name, text in self.case.files.items():
            self._write(self.filled(name) or "etc/sshd_config", self.filled(text), is_main=not name)

    def _write(self, name: str, text: str, *, is_main: bool = False) -> None:
        file = self.place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(((self.filled(HEAD) if is_main else "") + text).encode("latin-1"))
        file.chmod(0o644)

    def make_daemon(self) -> Daemon:
        program = str(self.prefix / "usr/sbin/sshd")
        return Daemon([program, "-D", "-e", "-f", str(self.config())], [self.port], self._log)

    @property
    def _log(self) -> Path:
        return self.place / "log"

    def accepts(self) -> bool:
        program = str(self.prefix / "usr/sbin/sshd")
        command = [program, "-t", "-f", str(self.config())]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def sign_in(self, account: Account, protocol: str) -> Client | None:
        try:
            credentials = {"client_keys": [key()], "password": SECRET}
            return SftpClient(self.port, account.name, **credentials)
        except Refused:
            return None

    def emptied(self) -> None:
        self.residents.__exit__()
        super().emptied()
