"""OpenSSH with internal-sftp, as Debian ships it: random Match blocks, jails, flags and lists."""

import os
import pwd
import re
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path

import asyncssh

from tests.daemons.acls import (
    ACCESS,
    GROUP,
    MASK,
    NOBODY,
    OTHER,
    OWNER,
    OWNING,
    USER,
    packed,
    set_acl,
)
from tests.daemons.clients import Client, Refused, SftpClient
from tests.daemons.residents import EXPIRED, HASH, SECRET, Group, User
from tests.daemons.rigs import Login, Rig
from tests.daemons.running import LOOPBACK, Daemon, free_port

REQUESTS = (
    "open", "read", "write", "lstat", "fstat", "setstat", "fsetstat", "opendir", "readdir",
    "remove", "mkdir", "rmdir", "realpath", "stat", "rename", "readlink", "symlink",
    "posix-rename", "hardlink", "lsetstat", "copy-data",
)  # fmt: skip
KEY_OPTIONS = (
    "restrict",
    'command="internal-sftp -R"',
    'expiry-time="20200101"',
    'expiry-time="20990101"',
    'no-pty,environment="A=b"',
    "no-such-option",
)
CLOSED_MODES = (0o755, 0o755, 0o711, 0o750, 0o751)


@cache
def key() -> asyncssh.SSHKey:
    """One key for everybody and for the host; made once, because making one takes time."""
    return asyncssh.generate_private_key("ssh-ed25519")


def settle_privilege_separation() -> None:
    """What Debian's package would have made: sshd does not start without its user and folder."""
    folder = Path("/run/sshd")
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    try:
        pwd.getpwnam("sshd")
    except KeyError:
        command = ["useradd", "--system", "-d", "/run/sshd", "-s", "/usr/sbin/nologin", "sshd"]
        subprocess.run(command, check=False, capture_output=True)
        pwd.getpwnam("sshd")


def quoted(path: str) -> str:
    """The path as sshd_config wants it; a percent sign stands for something else there."""
    doubled = path.replace("%", "%%")
    if re.fullmatch(r"[\w/.%-]+", doubled):
        return doubled
    escaped = doubled.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class OpensshRig(Rig):
    kind = "openssh"
    listeners = ("sftp",)
    reloads_with = ("log", "Server listening on")

    def build(self) -> None:
        self.users: list[User] = []
        self._settle_jails()
        self._settle_users()
        self._lay_keys()
        self._write()
        settle_privilege_separation()
        command = [str(self.prefix / "usr/sbin/sshd"), "-D", "-e", "-f", str(self.config())]
        self.daemon = Daemon(command, [self.port], self.ground.place / "log")
        for user in self.users:
            self.logins.append(Login(user.name, user.uid, f"{user}"))

    def config(self) -> Path:
        return self.etc / "sshd_config"

    def sign_in(self, login: Login, listener: str) -> Client | None:
        try:
            credentials = {"client_keys": [key()], "password": SECRET}
            return SftpClient(self.port, login.account, **credentials)
        except Refused:
            return None

    def _settle_jails(self) -> None:
        """Folders that sshd accepts as jails: root's own, all the way up, and nobody else's to
        change. One of them holds a folder for each account."""
        ground, dice = self.ground, self.ground.dice
        ground.lay_folders(dice.randint(10, 14))
        top = ground.top()[1:]
        self.jails = [ground.root, *dice.sample(top, min(2, len(top)))]
        below = [folder for folder in ground.folders if folder.parent in self.jails[1:]]
        self.jails += below[:1]
        self.homes = ground.root / "homes"
        ground.add_folder(self.homes)
        self.jails.append(self.homes)

    def _settle_users(self) -> None:
        ground, dice = self.ground, self.ground.dice
        for number in range(dice.randint(5, 7)):
            user = ground.new_user(
                f"u{number}",
                dice.choice([*self.jails, self.homes / f"u{number}"]),
                shell=dice.choice((*["/usr/sbin/nologin"] * 5, "/bin/sh", "/no/such/shell")),
                password=dice.choice((HASH, HASH, HASH, HASH, "*", "!" + HASH)),
                expires=EXPIRED if ground.chance(0.06) else "",
                twin_of=self.users[0] if self.users and ground.chance(0.06) else None,
            )
            self.users.append(user)
            if ground.chance(0.7):
                ground.add_folder(self.homes / user.name)
                self.jails.append(self.homes / user.name)
        ground.dress_folders(keep=self.jails)
        for jail in self.jails:
            self._close(jail)

    def _close(self, jail: Path) -> None:
        ground, dice = self.ground, self.ground.dice
        jail.chmod(dice.choice(CLOSED_MODES))
        os.chown(jail, 0, dice.choice(ground.groups).gid)
        if jail != ground.root and ground.chance(0.25):
            bits = jail.stat().st_mode
            entries = [
                (OWNER, NOBODY, 7),
                (OWNING, NOBODY, bits >> 3 & 5),
                (OTHER, NOBODY, bits & 5),
            ]
            entries += [(USER, dice.choice(self.users).uid, dice.choice((0, 1, 5)))]
            entries += [(GROUP, dice.choice(ground.groups).gid, dice.choice((0, 1, 5)))]
            set_acl(jail, ACCESS, packed([*entries, (MASK, NOBODY, 5)]))

    def _lay_keys(self) -> None:
        keys = self.etc / "keys"
        keys.mkdir(mode=0o755)
        for user in self.users:
            if not self.ground.chance(0.04):
                file = keys / user.name
                file.write_text(self._key_lines())
                file.chmod(0o664 if self.ground.chance(0.03) else 0o644)
        host = self.ground.place / "host_key"
        key().write_private_key(str(host))
        host.chmod(stat.S_IRUSR | stat.S_IWUSR)

    def _key_lines(self) -> str:
        """The common key, now and then with options before it."""
        options = ""
        if self.ground.chance(0.15):
            options = self.ground.dice.choice(KEY_OPTIONS) + " "
        remark = "# a remark\n\n" if self.ground.chance(0.2) else ""
        return remark + options + key().export_public_key().decode()

    def _write(self) -> None:
        ground = self.ground
        self.port = free_port()
        drop_ins = self.etc / "sshd_config.d"
        drop_ins.mkdir(mode=0o755)
        if ground.chance(0.5):
            self._write_lines(drop_ins / "10-rights.conf", self._rights(0.4) + self._matches(1))
        if ground.chance(0.3):
            self._write_lines(drop_ins / "20-lists.conf", self._lists(0.5))
            self._write_lines(drop_ins / "30-off.conf.disabled", ["DenyUsers *"])
        lines = [f"Include {drop_ins}/*.conf"] if ground.chance(0.8) else []
        lines += self._daemon_lines() + self._lists(0.12) + self._rights(0.15)
        lines += self._matches(ground.dice.randint(1, 4))
        self._write_lines(self.config(), lines)

    def _write_lines(self, file: Path, lines: list[str]) -> None:
        """With the comments, blanks and ways of writing that the syntax permits."""
        written = ["# made by a test"]
        for line in lines:
            word, _, rest = line.strip().partition(" ")
            odd = f"\t{word.lower()}  {rest}"
            written.append(odd if self.ground.chance(0.1) else line)
            if self.ground.chance(0.1):
                written.append(self.ground.dice.choice(("", "#DenyUsers *")))
        file.write_text("\n".join(written) + "\n")

    def _daemon_lines(self) -> list[str]:
        place = self.ground.place
        return [
            f"Port {self.port}",
            f"ListenAddress {LOOPBACK}",
            f"HostKey {place}/host_key",
            f"PidFile {place}/sshd.pid",
            f"AuthorizedKeysFile {self.etc}/keys/%u",
            *self._mostly(
                "PasswordAuthentication no",
                "KbdInteractiveAuthentication no",
                f"UsePAM {self.ground.dice.choice(('yes', 'no'))}",
            ),
            "UseDNS no",
            "PerSourceMaxStartups none",
            "MaxStartups 100",
            f"Subsystem sftp {self._subsystem()}",
        ]

    def _mostly(self, *lines: str) -> list[str]:
        """Each is left out now and then, so that sshd's own default counts."""
        return [line for line in lines if not self.ground.chance(0.15)]

    def _subsystem(self) -> str:
        """Mostly the server within sshd; else a program, which needs a shell and no jail."""
        inner = self._internal(0.25)
        if not self.ground.chance(0.15):
            return inner
        program = self.ground.place / "sftp-server"
        shutil.copy(self.prefix / "usr/lib/openssh/sftp-server", program)
        return inner.replace("internal-sftp", str(program))

    def _internal(self, likelihood: float) -> str:
        """internal-sftp with flags that take rights away, or with none."""
        ground, dice = self.ground, self.ground.dice
        words = ["internal-sftp"]
        if ground.chance(0.2):
            words.append(dice.choice(("-u 022", "-d /", "-l INFO", "-u 0007")))
        if ground.chance(likelihood):
            denied = ",".join(dice.sample(REQUESTS, dice.randint(1, 5)))
            allowed = ",".join(dice.sample(REQUESTS, dice.randint(8, len(REQUESTS))))
            words.append(dice.choice(("-R", "-R", f"-P {denied}", f"-p {allowed},close")))
        return " ".join(words)

    def _lists(self, likelihood: float) -> list[str]:
        """Who may log in at all, by any of the four lists."""
        ground, dice = self.ground, self.ground.dice
        users = [user.name for user in self.users]
        groups = [group.name for group in ground.groups]
        lines = []
        if ground.chance(likelihood):
            lines.append(f"DenyUsers {dice.choice(users)}")
        if ground.chance(likelihood):
            allowed = dice.sample(users, len(users) - 1)
            pattern = f"{users[0][:-1]}*"
            lines.append(f"AllowUsers {dice.choice((pattern, ' '.join(allowed)))}")
        if ground.chance(likelihood):
            lines.append(f"DenyGroups {dice.choice(groups)}")
        if ground.chance(likelihood):
            pattern = f"!{groups[0]} {groups[0][:-1]}*"
            lines.append(f"AllowGroups {dice.choice((pattern, ' '.join(groups[:-1])))}")
        return lines

    def _rights(self, likelihood: float) -> list[str]:
        lines = []
        if self.ground.chance(likelihood / 2):
            lines.append(f"ChrootDirectory {self._jail()}")
        if self.ground.chance(likelihood):
            remark = self.ground.dice.choice(("", "", "", " # only files", " files -R"))
            lines.append(f"ForceCommand {self._internal(0.4)}{remark}")
        if self.ground.chance(likelihood / 12):
            lines.append("PubkeyAuthentication no")
        return lines

    def _jail(self) -> str:
        dice = self.ground.dice
        some = [quoted(str(jail)) for jail in self.jails]
        any_folder = quoted(str(dice.choice(self.ground.folders)))
        named = [f"{self.homes}/%u", "%h", f"{self.homes}/", any_folder, "none", "/no/such/place"]
        return dice.choice([*some[:1] * 3, *some, *some, *named])

    def _matches(self, count: int) -> list[str]:
        lines = []
        for _number in range(count):
            inner = self._rights(0.6) + self._lists(0.04)
            if inner:
                lines += [f"Match {self._criteria()}", *(f"    {line}" for line in inner)]
                lines += self._included()
        return lines

    def _included(self) -> list[str]:
        """What a file brings in only where the block that includes it fits."""
        if not self.ground.chance(0.1):
            return []
        file = self.etc / f"inner-{len(list(self.etc.glob('inner-*')))}.conf"
        self._write_lines(file, self._rights(0.6))
        return [f"    Include {file}"]

    def _criteria(self) -> str:
        dice = self.ground.dice
        users = [user.name for user in self.users]
        groups: list[Group] = self.ground.groups
        one, other = dice.sample(groups, 2)
        return dice.choice(
            (
                f"User {dice.choice(users)}",
                f"User {','.join(dice.sample(users, 2))}",
                f"User {users[0][:-1]}*,!{dice.choice(users)}",
                f"Group {one.name}",
                f"Group {one.name},!{other.name}",
                f"Group !{other.name},{one.name[:-1]}?",
                f"Group !{other.name}",
                f"LocalPort {self.port}",
                f"Address 127.0.0.0/8 User {dice.choice(users)}",
                "Address 10.0.0.0/8",
                f"Group {one.name} User {users[0][:-1]}?",
                "all",
            )
        )
