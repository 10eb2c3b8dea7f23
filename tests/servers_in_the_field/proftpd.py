"""ProFTPD's sites: accounts in an AuthUserFile, FTP and, where the case asks for it, SFTP."""

import subprocess
from pathlib import Path

from tests.daemons.clients import Client, FtpClient, Refused, SftpClient
from tests.daemons.residents import HASH, SECRET
from tests.daemons.rig_proftpd import VERBS, host_key
from tests.daemons.running import Daemon, free_port
from tests.servers_in_the_field.site import ACCOUNTS, Account, Site

FIRST_UID = 7_100_000
GROUP = 7_100_900
HEAD = """\
ModulePath {modules}
ServerName test
DefaultAddress 127.0.0.1
UseIPv6 off
UseReverseDNS off
Port {port}
User nobody
Group nogroup
PidFile {place}/proftpd.pid
ScoreboardFile {place}/scoreboard
SystemLog {place}/system.log
DelayEngine off
WtmpLog off
TransferLog none
<Global>
  AuthPAM off
</Global>
"""


class ProftpdSite(Site):
    kind = "proftpd"
    protocols = ("ftp",)

    def settle(self) -> None:
        for number, name in enumerate(ACCOUNTS):
            home = f"{self.place}/home/{name}"
            self.accounts[name] = Account(name, FIRST_UID + number, GROUP + number // 2, home)
        for line in self.case.accounts:
            self._account(line)
        self.ports = {"ftp": free_port(), "sftp": free_port()}
        key = self.place / "host_key"
        key.write_bytes(host_key())
        key.chmod(0o600)
        self.words |= {
            "port": str(self.ports["ftp"]),
            "sftp_port": str(self.ports["sftp"]),
            "host_key": str(key),
            "users": f"{self.place}/etc/ftpd.passwd",
            "groups": f"{self.place}/etc/ftpd.group",
            "modules": str(self.prefix / "usr/lib/proftpd"),
        } | {name: name for name in self.accounts}
        if "{sftp_port}" in "".join(self.case.files.values()):
            self.protocols = ("ftp", "sftp")

    def _account(self, line: str) -> None:
        """NAME, then home=, shell=, hash=, as=."""
        label, *words = line.split()
        told = dict(word.split("=", 1) for word in words)
        known = self.accounts.get(told.get("as", label))
        uid = known.uid if known else FIRST_UID + 100 + len(self.accounts)
        home = told.get("home", f"/home/{label}")
        self.accounts[label] = Account(
            label.replace("_", " ") if "as" not in told else label,
            uid,
            GROUP,
            home if home.startswith("!") else f"{self.place}{home}",
            told.get("shell", "/bin/sh"),
            "as" in told,
            told.get("hash"),
        )

    def config(self) -> Path:
        return self.place / "etc/proftpd.conf"

    def write(self) -> None:
        own = [one for one in self.accounts.values() if not one.is_alias]
        lines = [
            f"{one.name}:{HASH if one.password is None else one.password}:{one.uid}:{one.gid}::"
            f"{one.home.lstrip('!')}:{one.shell}\n"
            for one in own
        ]
        self._write("etc/ftpd.passwd", "".join(lines), 0o640)
        self._write("etc/ftpd.group", f"grp1:x:{GROUP}:acc1,acc2\ngrp2:x:{GROUP + 1}:acc3\n", 0o640)
        for name, text in self.case.files.items():
            head = HEAD if not name else ""
            self._write(name or "etc/proftpd.conf", self.filled(head + text), 0o644)

    def _write(self, name: str, text: str, mode: int) -> None:
        file = self.place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def _command(self, *words: str) -> list[str]:
        return [str(self.prefix / "usr/sbin/proftpd"), *words, "-c", str(self.config())]

    def make_daemon(self) -> Daemon:
        ports = [self.ports[protocol] for protocol in self.protocols]
        return Daemon(self._command("-n"), ports, self.place / "log")

    def accepts(self) -> bool:
        done = subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)
        return done.returncode == 0 and "fatal:" not in done.stderr

    def sign_in(self, account: Account, protocol: str) -> Client | None:
        port = self.ports[protocol]
        try:
            if protocol == "ftp":
                return FtpClient(port, account.name, SECRET, VERBS)
            return SftpClient(port, account.name, password=SECRET)
        except Refused:
            return None
