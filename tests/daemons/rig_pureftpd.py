"""Pure-FTPd, as Debian ships it: virtual users (PureDB), system users, jails and switches."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.daemons.clients import Client, FtpClient, Refused
from tests.daemons.residents import EXPIRED, HASH, PREFIX, SECRET, User
from tests.daemons.rigs import Login, Rig
from tests.daemons.running import LOOPBACK, Daemon, free_port

VERBS = frozenset(("STOR", "APPE", "MKD", "XMKD", "RMD", "XRMD", "MLSD", "enter first"))
SWITCHES = (
    ("KeepAllFiles", 0.2), ("NoRename", 0.2), ("NoChmod", 0.2), ("AutoRename", 0.15),
    ("CustomerProof", 0.2), ("ProhibitDotFilesWrite", 0.2), ("ProhibitDotFilesRead", 0.2),
    ("AnonymousCantUpload", 0.3), ("AnonymousCanCreateDirs", 0.4), ("AntiWarez", 0.3),
    ("AllowDotFiles", 0.1), ("DisplayDotFiles", 0.2), ("NoTruncate", 0.05),
    ("AnonymousOnly", 0.03),
)  # fmt: skip
YES_WORDS = ("yes", "1", "on", "Yes")
NO_WORDS = ("no", "0", "off")
ANONYMOUS = "_ftp"
WITHOUT_A_NAME = 6_888_888


@dataclass(frozen=True)
class Virtual:
    """One line of the file that becomes the PureDB."""

    name: str
    uid: int
    gid: int
    home: str
    secret: str = HASH
    limits: str = ""  # from the bandwidths to the times of day

    @property
    def line(self) -> str:
        parts = [self.name, self.secret, str(self.uid), str(self.gid), "", self.home]
        return ":".join(parts) + self.limits


def limits(allow_client: str = "", deny_client: str = "", times: str = "") -> str:
    """The fields after the home; only those that decide on a login are ever set. What depends on
    the client's address or on the time of day is either always or never true."""
    return f"{':' * 10}{allow_client}:{deny_client}:{times}"


class PureftpdRig(Rig):
    kind = "pureftpd"
    refuses_slowly = True

    def build(self) -> None:
        self.folder = self.etc / "pure-ftpd"
        self.conf = self.folder / "conf"
        self.auth = self.folder / "auth"
        for folder in (self.folder, self.conf, self.auth):
            folder.mkdir(mode=0o755)
        self.users: list[User] = []
        self.port = free_port()
        self._settle()
        self._state_virtual_users()
        self._state_system_users()
        self._state_switches()
        self._state_anonymous()
        self.daemon = Daemon(self._command(), [self.port], self.ground.place / "log")

    def config(self) -> Path:
        return self.conf

    def sign_in(self, login: Login, listener: str) -> Client | None:
        try:
            return FtpClient(self.port, login.account, SECRET, VERBS)
        except Refused:
            return None

    def reload(self) -> None:
        """Options are read at the start only; the users at each login."""
        self.daemon.stop()
        self.daemon = Daemon(self._command(), [self.port], self.ground.place / "log")
        self.daemon.start()

    def _settle(self) -> None:
        ground, dice = self.ground, self.ground.dice
        ground.lay_folders(dice.randint(12, 18))
        for number in range(dice.randint(3, 4)):
            home = str(ground.a_home())
            if ground.chance(0.3):
                home = self._jailed_home()
            user = ground.new_user(
                f"u{number}",
                Path(home) if "/./" not in home else home,  # type: ignore[arg-type]
                shell="/no/such/shell" if ground.chance(0.1) else "/bin/sh",
                password="!" + HASH if ground.chance(0.07) else HASH,
                expires=EXPIRED if ground.chance(0.07) else "",
                twin_of=self.users[0] if self.users and ground.chance(0.1) else None,
            )
            self.users.append(user)
        self.carrier = ground.new_user("carrier", ground.root, password="*")
        self._add_anonymous_user()
        ground.dress_folders()

    def _jailed_home(self) -> str:
        jail = self.ground.a_home()
        return f"{jail}/./"

    def _add_anonymous_user(self) -> None:
        """The name is fixed in the program: another run is waited for, and where the machine has
        that user of its own, anonymous logins are not tried."""
        self.anonymous: User | None = None
        ground = self.ground
        group, home = ground.dice.choice(ground.groups), ground.a_home()
        if not ground.residents.take_turn(ANONYMOUS):
            return
        self.anonymous = ground.residents.add_user(
            ANONYMOUS, group, home=home, password="*", full_name=False
        )

    def _state_virtual_users(self) -> None:
        ground, dice = self.ground, self.ground.dice
        # No two runs share a name: they share the machine's log.
        names = [f"{PREFIX}v{number}" for number in range(dice.randint(2, 4))]
        if ground.chance(0.3):
            names.append(f"{PREFIX}max müller")
        if ground.chance(0.15):
            names.append(self.users[0].name)
        known = [self._virtual(name) for name in names]
        self.stored = [one for one in known if not ground.chance(0.05)]
        stored = [one.line for one in self.stored]
        if ground.chance(0.1):
            stored.append(known[0].line.replace(HASH, "*"))  # a second line counts for nothing
        removed = self._virtual("removed") if ground.chance(0.1) else None
        if removed:
            known.append(removed)
        self._make_database([*stored, *([removed.line] if removed else [])])
        text = ["# made by a test", *(one.line for one in known if one is not removed)]
        (self.folder / "pureftpd.passwd").write_text("\n".join(text) + "\n")
        (self.folder / "pureftpd.passwd").chmod(0o600)
        for one in known:
            if one.name not in [user.name for user in self.users]:
                self.logins.append(Login(one.name, one.uid, one.line.replace(HASH, "HASH")))

    def _virtual(self, name: str) -> Virtual:
        ground, dice = self.ground, self.ground.dice
        one = dice.choice([self.carrier, self.carrier, *self.users])
        uid = WITHOUT_A_NAME if ground.chance(0.1) else one.uid
        gid = one.gid if ground.chance(0.7) else dice.choice(ground.groups).gid
        home = str(ground.a_home())
        if ground.chance(0.7):
            home += "/./"
        secret = dice.choice((*[HASH] * 8, "*" + HASH, "*"))
        limit = ""
        if ground.chance(0.25):
            limit = dice.choice(
                (
                    limits(allow_client="127.0.0.1"),
                    limits(deny_client="0.0.0.0/0"),
                    limits(times="0-0"),
                    limits(times="0000-2359"),
                )
            )
        return Virtual(name, uid, gid, home, secret, limit)

    def _make_database(self, lines: list[str]) -> None:
        """By Debian's own program, from a file that may differ from the one that is kept."""
        source = self.ground.place / "stored.passwd"
        source.write_text("".join(f"{line}\n" for line in lines))
        program = self.prefix / "usr/bin/pure-pw"
        command = [str(program), "mkdb", str(self.folder / "pureftpd.pdb"), "-f", str(source)]
        subprocess.run(command, check=True, capture_output=True)

    def _state_system_users(self) -> None:
        self._option("PureDB", str(self.folder / "pureftpd.pdb"))
        (self.auth / "50pure").symlink_to("../conf/PureDB")
        self._option("UnixAuthentication", "no" if self.ground.chance(0.2) else "yes")
        if not self.ground.chance(0.1):
            (self.auth / "65unix").symlink_to("../conf/UnixAuthentication")
        first = {one.name: one.uid for one in self.stored}
        for user in self.users:
            uid = first.get(user.name, user.uid)
            self.logins.append(Login(user.name, uid, f"{user}"))

    def _state_switches(self) -> None:
        ground, dice = self.ground, self.ground.dice
        self._option("Bind", f"{LOOPBACK},{self.port}")
        self._option("DontResolve", "yes")
        self._option("FSCharset", "UTF-8")
        lowest = dice.choice([user.uid for user in self.users])
        if ground.chance(0.8):
            self._option("MinUID", str(lowest) if ground.chance(0.15) else "1000")
        if ground.chance(0.5):
            self._option("ChrootEveryone", dice.choice(("yes", "yes", "no")))
        elif ground.chance(0.5):
            self._option("TrustedGID", str(dice.choice(ground.groups).gid))
        for name, likelihood in SWITCHES:
            if ground.chance(likelihood):
                self._option(name, dice.choice(("yes", "yes", "yes", "no")))
        if ground.chance(0.3):
            (self.conf / "NoRename.bak").write_text("yes\n")

    def _state_anonymous(self) -> None:
        off = self.anonymous is None or self.ground.chance(0.3)
        self._option("NoAnonymous", "yes" if off else "no")
        if self.anonymous:
            self.logins.append(Login("anonymous", self.anonymous.uid, f"{self.anonymous}"))

    def _option(self, name: str, value: str) -> None:
        """One file for each option, in any of the ways that the wrapper reads."""
        ground, dice = self.ground, self.ground.dice
        words = {"yes": YES_WORDS, "no": NO_WORDS}
        lines = [dice.choice(words.get(value, (value,)))]
        if value in words and ground.chance(0.1):
            lines.insert(0, dice.choice(NO_WORDS))
        if ground.chance(0.15):
            lines.insert(0, dice.choice(("", "# yes", "   ")))
        (self.conf / name).write_text("\n".join(lines) + dice.choice(("\n", "\n", "", " \n")))

    def _command(self) -> list[str]:
        """The switches as Debian's wrapper makes them from the option files."""
        text = (self.prefix / "usr/sbin/pure-ftpd-wrapper").read_text()
        text = text.replace("/var/run/pure-ftpd/pure-ftpd.pid", f"{self.ground.place}/pid")
        wrapper = self.ground.place / "wrapper"
        wrapper.write_text(text.replace("/etc/pure-ftpd", str(self.folder)))
        told = subprocess.run(
            ["perl", str(wrapper), "-s"], check=True, capture_output=True, text=True
        )
        return [str(self.prefix / "usr/sbin/pure-ftpd"), *told.stdout.split()]
