"""ProFTPD, as Debian ships it, by FTP and by SFTP: random sections, limits, roots and sources."""

import re
import sqlite3
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import asyncssh

from tests.daemons.clients import Client, FtpClient, Refused, SftpClient
from tests.daemons.residents import HASH, SECRET, User
from tests.daemons.rigs import Login, Rig
from tests.daemons.running import LOOPBACK, Daemon, free_port

VERBS = frozenset(("STOR", "APPE", "STOU in place", "MKD", "XMKD", "RMD", "XRMD", "MLSD"))
OF_MODULES = {
    "mod_copy": frozenset(("SITE CPTO",)),
    "mod_site_misc": frozenset(("SITE MKDIR", "SITE RMDIR")),
}
GROUP_WORDS = ("READ", "WRITE", "DIRS", "ALL", "READ DIRS", "READ WRITE", "WRITE ALL")
RAW_WORDS = (
    "STOR", "RETR", "DELE", "MKD", "RMD", "RNFR", "RNTO", "APPE", "STOU", "LIST NLST MLSD",
    "STOR APPE STOU", "MKD RMD DELE", "RNFR RNTO", "SITE_CHMOD", "CWD", "LIST", "OPENDIR",
    "RETR SIZE", "STOR MKD",
)  # fmt: skip
PLAIN = re.compile(r"[\w .=-]+")


@dataclass(frozen=True)
class Account:
    """One login from a file or a database."""

    name: str
    uid: int
    gid: int
    home: Path
    secret: str = HASH

    @property
    def line(self) -> str:
        return f"{self.name}:{self.secret}:{self.uid}:{self.gid}::{self.home}:/bin/sh"


@dataclass(frozen=True)
class NamedGroup:
    """One group from a file or a database; its members are names."""

    name: str
    gid: int
    members: tuple[str, ...]

    @property
    def line(self) -> str:
        return f"{self.name}:x:{self.gid}:{','.join(self.members)}"


@cache
def host_key() -> bytes:
    """A key that mod_sftp reads; made once."""
    return asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_private_key("pkcs1-pem")


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class ProftpdRig(Rig):
    kind = "proftpd"
    listeners = ("ftp", "sftp")
    reloads_with = ("system.log", "reparsing configuration file")

    def build(self) -> None:
        self.by_sql = self.ground.chance(0.35)
        self.users: list[User] = []
        self.modules = ["mod_ifsession", "mod_facl", "mod_sftp"]
        self.modules += [name for name in OF_MODULES if self.ground.chance(0.3)]
        self.modules += ["mod_sql", "mod_sql_sqlite"] if self.by_sql else []
        self.ports = {"ftp": free_port(), "sftp": free_port()}
        self._settle()
        self._make_sources()
        self._write()
        self.daemon = Daemon(
            [str(self.prefix / "usr/sbin/proftpd"), "-n", "-c", str(self.config())],
            list(self.ports.values()),
            self.ground.place / "log",
        )

    def config(self) -> Path:
        return self.etc / "proftpd.conf"

    def sign_in(self, login: Login, listener: str) -> Client | None:
        try:
            if listener == "ftp":
                verbs = VERBS.union(*(OF_MODULES.get(name, ()) for name in self.modules))
                return FtpClient(self.ports[listener], login.account, SECRET, verbs)
            return SftpClient(self.ports[listener], login.account, password=SECRET)
        except Refused:
            return None

    # Accounts

    def _settle(self) -> None:
        ground, dice = self.ground, self.ground.dice
        ground.lay_folders(dice.randint(12, 16), also=("etc", "lib"))
        for number in range(dice.randint(1, 3)):
            self.users.append(
                ground.new_user(
                    f"u{number}", ground.a_home(), shell=dice.choice(("/bin/sh", "/bin/false"))
                )
            )
        self.anonymous = ground.new_user("anon", ground.root, password="*")
        names = ["fred", "gina", "hugo", "max müller", "ida"][: dice.randint(3, 5)]
        uids = [ground.new_uid() for _name in names]
        if ground.chance(0.2):
            uids[1] = uids[0]
        self.accounts = [
            Account(
                name,
                uid,
                dice.choice(ground.groups).gid,
                ground.a_home(),
                "!" + HASH if ground.chance(0.06) else HASH,
            )
            for name, uid in zip(names, uids, strict=True)
        ]
        self.groups = [
            NamedGroup(name, group.gid, tuple(dice.sample(names, dice.randint(0, 2))))
            for name, group in zip(
                ("staff", "partners", "it", "gäste"), ground.groups, strict=False
            )
        ]
        ground.dress_folders()
        # Whoever copies needs something to copy; a probe uses no file of its own for that.
        for number in (1, 2) if "mod_copy" in self.modules else ():
            file = ground.root / f"to be copied {number}"
            file.write_text(f"copy {number}")
            file.chmod(0o644)
        system = [] if self.by_sql and ground.chance(0.5) else self.users
        self.logins = [
            Login(one.name, one.uid, one.line.replace(HASH, "HASH")) for one in self.accounts
        ]
        self.logins += [Login(user.name, user.uid, f"{user}") for user in system]
        self.system_order = bool(system)

    def _make_sources(self) -> None:
        if self.by_sql:
            self._make_database()
            return
        (self.etc / "ftpd.passwd").write_text("".join(f"{one.line}\n" for one in self.accounts))
        lines = [one.line for one in self.groups]
        if self.ground.chance(0.2):
            # A second line of a group adds its members.
            lines.append(NamedGroup("staff", self.groups[0].gid, (self.accounts[-1].name,)).line)
        (self.etc / "ftpd.group").write_text("".join(f"{line}\n" for line in lines))
        for name in ("ftpd.passwd", "ftpd.group"):
            (self.etc / name).chmod(0o640)

    def _make_database(self) -> None:
        file = self.etc / "users.sqlite"
        with sqlite3.connect(file) as base:
            base.execute("CREATE TABLE users (userid, passwd, uid, gid, homedir, shell, enabled)")
            base.execute("CREATE TABLE groups (groupname, gid, members)")
            for one in self.accounts:
                enabled = 0 if self.ground.chance(0.1) else 1
                row = (one.name, one.secret, one.uid, one.gid, str(one.home), "/bin/sh", enabled)
                base.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            for group in self.groups:
                row = (group.name, group.gid, ",".join(group.members))
                base.execute("INSERT INTO groups VALUES (?, ?, ?)", row)
        base.close()
        file.chmod(0o640)

    # Configuration

    def _write(self) -> None:
        ground = self.ground
        conf = self.etc / "conf.d"
        conf.mkdir(mode=0o755)
        key = ground.place / "host_key"
        key.write_bytes(host_key())
        key.chmod(0o600)
        blocks = self._directories()
        middle = len(blocks) // 2 if ground.chance(0.4) else 0
        if middle:
            self._write_lines(conf / "folders.conf", blocks[:middle])
        lines = [
            *self._daemon_lines(),
            *self._global_lines(),
            *self._server_lines(),
            f"Include {conf}/",
            *blocks[middle:],
            *self._anonymous_lines(),
            *self._sftp_lines(),
        ]
        self._write_lines(self.config(), lines)
        if ground.chance(0.25):
            self._add_ftpaccess()

    def _write_lines(self, file: Path, lines: list[str]) -> None:
        file.write_text("# made by a test\n" + "\n".join(lines) + "\n")

    def _daemon_lines(self) -> list[str]:
        place, modules = self.ground.place, self.prefix / "usr/lib/proftpd"
        return [
            f"ModulePath {modules}",
            *(f"LoadModule {name}.c" for name in self.modules),
            "ServerName test",
            "ServerType standalone",
            f"DefaultAddress {LOOPBACK}",
            "UseIPv6 off",
            "UseReverseDNS off",
            f"Port {self.ports['ftp']}",
            "User nobody",
            "Group nogroup",
            f"PidFile {place}/proftpd.pid",
            f"ScoreboardFile {place}/scoreboard",
            f"SystemLog {place}/system.log",
            "ControlsEngine off",
            "DelayEngine off",
            "WtmpLog off",
            "TransferLog none",
        ]

    def _global_lines(self) -> list[str]:
        """What holds for both servers: the sources of accounts, and some rules."""
        ground, dice = self.ground, self.ground.dice
        shells = "on" if ground.chance(0.15) else "off"
        lines = ["<Global>"]
        lines += self._mostly("AuthPAM off", f"RequireValidShell {shells}", "UseFtpUsers off")
        lines += self._newer_lines()
        if self.by_sql:
            order = ["mod_sql.c"]
            lines += [
                "SQLBackend sqlite3",
                "SQLEngine auth",
                "SQLAuthTypes Crypt",
                "SQLAuthenticate users groups",
                f"SQLConnectInfo {self.etc}/users.sqlite",
                "SQLUserInfo users userid passwd uid gid homedir shell",
                'SQLUserWhereClause "enabled = 1"',
                "SQLGroupInfo groups groupname gid members",
            ]
        else:
            order = ["mod_auth_file.c"]
            lines += [
                f"AuthUserFile {self.etc}/ftpd.passwd",
                f"AuthGroupFile {self.etc}/ftpd.group",
            ]
        order += ["mod_auth_unix.c"] if self.system_order else []
        lines += self._mostly(f"AuthOrder {' '.join(order)}")
        lines += self._mostly(f"AllowOverwrite {dice.choice(('on', 'on', 'off'))}")
        if ground.chance(0.3):
            lines.append("AllowStoreRestart on")
        lines += self._roots() if ground.chance(0.7) else []
        if ground.chance(0.3):
            lines += self._limit()
        if ground.chance(0.15):
            lines += ["<Limit LOGIN>", f"DenyUser {quoted(self._a_user())}", "</Limit>"]
        return [*lines, "</Global>"]

    def _mostly(self, *lines: str) -> list[str]:
        """Each is left out now and then, so that the daemon's own default counts."""
        return [line for line in lines if not self.ground.chance(0.15)]

    def _newer_lines(self) -> list[str]:
        """What shuts in, keeps out or lets in beside sections."""
        ground = self.ground
        lines = []
        if ground.chance(0.1):
            lines.append("RLimitChroot off")
        if ground.chance(0.1):
            lines.append("AllowChrootSymlinks off")
        if ground.chance(0.1):
            lines.append("CreateHome on 755")
        if ground.chance(0.1):
            lines.append(f"Protocols {ground.dice.choice(('ftp', 'sftp', 'ftp sftp'))}")
        if ground.chance(0.15):
            one = self.accounts[0]
            self.logins.append(Login("second name", one.uid, one.line.replace(HASH, "HASH")))
            lines.append(f'UserAlias "second name" {one.name}')
        return lines

    def _roots(self) -> list[str]:
        """Jails: for all, for some groups, or at home."""
        ground, dice = self.ground, self.ground.dice
        lines = []
        if ground.chance(0.4):
            where = dice.choice(("~", quoted(str(ground.a_home())), f"~{self.accounts[0].name}"))
            lines.append(f"DefaultRoot {where} {self._group_words()}")
        if ground.chance(0.6):
            lines.append(f"DefaultRoot {dice.choice(('~', quoted(str(ground.a_home()))))}")
        return lines

    def _group_words(self) -> str:
        dice = self.ground.dice
        one, other = dice.sample([group.name for group in self.groups], 2)
        return dice.choice((one, f"!{one}", f"{one},!{other}", f"{one},{other}"))

    def _server_lines(self) -> list[str]:
        """Rules of the FTP server alone, outside any section."""
        ground = self.ground
        lines = []
        if ground.chance(0.25):
            lines += self._limit()
        if ground.chance(0.15):
            lines += ["<Limit LOGIN>", *self._deciders(), "</Limit>"]
        if ground.chance(0.2):
            lines.append(r'PathDenyFilter "(\.ftpaccess|\.exe|\.pdf)$"')
        return lines

    def _directories(self) -> list[str]:
        """Sections for some folders; those for single users or groups must come first."""
        ground, dice = self.ground, self.ground.dice
        lines: list[str] = []
        used: set[str] = set()
        if ground.chance(0.3):
            who = dice.choice(
                (f"IfUser {quoted(self._a_user())}", f"IfGroup {self._group_words()}")
            )
            lines += [f"<{who}>", *self._directory(used), f"</{who.split()[0]}>"]
        if ground.chance(0.2):
            lines += ["<Class near>", "From 127.0.0.0/8", "</Class>"]
            lines += [f"<IfClass {dice.choice(('near', '!near'))}>", *self._limit(), "</IfClass>"]
        used = set()
        for _number in range(dice.randint(1, 5)):
            lines += self._directory(used)
        return lines

    def _directory(self, used: set[str]) -> list[str]:
        ground, dice = self.ground, self.ground.dice
        path = self._section_path()
        if path in used:
            return []
        used.add(path)
        lines = [f"<Directory {quoted(path)}>"]
        for _number in range(dice.randint(1, 2)):
            lines += self._limit()
        if ground.chance(0.15):
            lines.append(f"AllowOverwrite {dice.choice(('on', 'off'))}")
        if ground.chance(0.1):
            lines.append("HideFiles " + quoted(r"\.csv$"))
        if ground.chance(0.06):
            lines.append(dice.choice(("DenyAll", "AllowAll")))
        return [*lines, "</Directory>"]

    def _section_path(self) -> str:
        ground, dice = self.ground, self.ground.dice
        plain = [one for one in ground.folders if PLAIN.fullmatch(one.name)]
        path = str(ground.root if ground.chance(0.25) else dice.choice(plain or ground.folders))
        shape = dice.random()
        if shape < 0.15:
            return f"{path}/*"
        if shape < 0.22:
            return f"{ground.root}/*/{Path(path).name}"
        if shape < 0.3:
            return dice.choice(("~", f"~{self.accounts[0].name}", "~/in"))
        return path

    def _limit(self) -> list[str]:
        dice = self.ground.dice
        words = dice.choice(GROUP_WORDS) if self.ground.chance(0.65) else dice.choice(RAW_WORDS)
        return [f"<Limit {words}>", *self._deciders(), "</Limit>"]

    def _deciders(self) -> list[str]:
        """Orders, allows and denies in any mixture."""
        ground, dice = self.ground, self.ground.dice
        lines = []
        if ground.chance(0.3):
            lines.append(f"Order {dice.choice(('allow,deny', 'deny,allow'))}")
        for _number in range(dice.randint(1, 3)):
            user, group = quoted(self._a_user()), self._group_words()
            lines.append(
                dice.choice(
                    (
                        "AllowAll",
                        "DenyAll",
                        f"AllowUser {user}",
                        f"DenyUser {user}",
                        f"AllowUser !{user}" if " " not in user else "AllowAll",
                        f"AllowGroup {group}",
                        f"DenyGroup {group}",
                        f"AllowGroup OR {group}",
                        f"AllowUser {user} {quoted(self._a_user())}",
                        f"DenyUser {self._plain_user()},{self._plain_user()}",
                        f"AllowUser OR {self._plain_user()},nobody-at-all",
                        f"DenyUser regex ^{self._plain_user()[:1]}",
                        f"DenyGroup OR {group}",
                        "Allow from all",
                        "Deny from all",
                    )
                )
            )
        dice.shuffle(lines)
        return lines

    def _plain_user(self) -> str:
        """A name without blanks, which would end it in a list."""
        names = [login.account for login in self.logins if " " not in login.account]
        return self.ground.dice.choice(names)

    def _a_user(self) -> str:
        return self.ground.dice.choice([login.account for login in self.logins])

    def _anonymous_lines(self) -> list[str]:
        ground, dice = self.ground, self.ground.dice
        if not self.system_order or not ground.chance(0.4):
            return []
        self.logins.append(Login("anonymous", self.anonymous.uid, f"{self.anonymous}"))
        folder = ground.a_home()
        lines = [
            f"<Anonymous {quoted(str(folder))}>",
            f"User {self.anonymous.name}",
            f"Group {dice.choice(ground.groups).name}",
            f"UserAlias anonymous {self.anonymous.name}",
        ]
        if ground.chance(0.1):
            lines.append("AuthAliasOnly on")
        if ground.chance(0.7):
            lines += ["<Limit WRITE>", "DenyAll", "</Limit>"]
        if ground.chance(0.3):
            lines += self._limit()
        return [*lines, "</Anonymous>"]

    def _sftp_lines(self) -> list[str]:
        ground = self.ground
        lines = [
            f"<VirtualHost {LOOPBACK}>",
            f"Port {self.ports['sftp']}",
            "SFTPEngine on",
            f"SFTPLog {ground.place}/sftp.log",
            f"SFTPHostKey {ground.place}/host_key",
            "SFTPAuthMethods password",
        ]
        used: set[str] = set()
        for _number in range(ground.dice.randint(0, 3)):
            lines += self._directory(used)
        if ground.chance(0.2):
            lines += self._limit()
        return [*lines, "</VirtualHost>"]

    def _add_ftpaccess(self) -> None:
        folder = self.ground.dice.choice(self.ground.folders)
        file = folder / ".ftpaccess"
        file.write_text("\n".join(self._limit()) + "\n")
        file.chmod(0o644)
