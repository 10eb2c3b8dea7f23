"""vsftpd, as Debian ships it, with random options for everybody and for single accounts."""

import contextlib
import os
from pathlib import Path

from tests.daemons.clients import Client, FtpClient, Refused
from tests.daemons.residents import EXPIRED, HASH, PAM, PREFIX, SECRET, User
from tests.daemons.rigs import Login, Rig
from tests.daemons.running import LOOPBACK, Daemon, free_port

VERBS = frozenset(("STOR", "APPE", "STOU", "MKD", "XMKD", "RMD", "XRMD"))
NEEDED_VERBS = ("USER", "PASS", "QUIT", "TYPE", "PASV", "PORT", "EPSV", "PWD", "CWD")
DENIABLE = (
    "STOR", "APPE", "STOU", "DELE", "RNFR", "RNTO", "MKD", "XMKD", "RMD", "XRMD", "SITE", "RETR",
    "LIST", "NLST",
)  # fmt: skip
YES_WORDS = ("YES", "TRUE", "1", "yes", "True")
NO_WORDS = ("NO", "FALSE", "0", "no", "False")
FATAL = (("write_enable", "maybe"), ("no_such_option", "1"), ("download_enable", "YES "))
Options = list[tuple[str, str]]


class VsftpdRig(Rig):
    kind = "vsftpd"

    def build(self) -> None:
        self.users: list[User] = []
        self.main: Options = []
        self.of_users: dict[str, Options] = {}
        self._settle()
        self._state_daemon()
        self._state_logins()
        self._state_jails()
        self._state_rights()
        self._state_users()
        self._state_anonymous()
        self._write()

    def config(self) -> Path:
        return self.etc / "vsftpd.conf"

    def stated(self) -> list[Path]:
        return [*super().stated(), self._pam]

    def stop(self) -> None:
        super().stop()
        self._pam.unlink(missing_ok=True)

    def reload(self) -> None:
        """Lists and the files of users are read at each login, and nothing else is edited."""

    def sign_in(self, login: Login, listener: str) -> Client | None:
        """Anonymous is one account with two names, and a list may know but one of them."""
        names = ("anonymous", "ftp") if login.account == "anonymous" else (login.account,)
        for name in names:
            with contextlib.suppress(Refused):
                return FtpClient(self.port, name, SECRET, VERBS)
        return None

    def _settle(self) -> None:
        ground, dice = self.ground, self.ground.dice
        ground.lay_folders(dice.randint(12, 18))
        for number in range(dice.randint(5, 7)):
            twin = self.users[0] if self.users and ground.chance(0.06) else None
            home = ground.a_home()
            self.users.append(
                ground.new_user(
                    f"u{number}",
                    home,
                    shell="/usr/sbin/nologin" if ground.chance(0.12) else "/bin/sh",
                    password="!" + HASH if ground.chance(0.07) else HASH,
                    expires=EXPIRED if ground.chance(0.05) else "",
                    twin_of=twin,
                )
            )
        self.guest = ground.new_user("guest", ground.a_home())
        self.anonymous = ground.new_user("anon", ground.a_home(), password="*")
        ground.dress_folders()

    def _state_daemon(self) -> None:
        self.port = free_port()
        empty = self.ground.place / "empty"
        empty.mkdir(mode=0o755)
        self._pam = PAM / f"{PREFIX}vsftpd"
        self.main += [
            ("listen", "YES"),
            ("background", "NO"),
            ("listen_address", LOOPBACK),
            ("listen_port", str(self.port)),
            ("secure_chroot_dir", str(empty)),
            ("pam_service_name", self._pam.name),
            ("delay_failed_login", "0"),
            ("delay_successful_login", "0"),
        ]
        command = [str(self.prefix / "usr/sbin/vsftpd"), str(self.config())]
        self.daemon = Daemon(command, [self.port], self.ground.place / "log")

    def _state_logins(self) -> None:
        ground, dice = self.ground, self.ground.dice
        names = [user.name for user in self.users]
        self.main.append(("local_enable", "NO" if ground.chance(0.03) else "YES"))
        if ground.chance(0.4):
            deny = ground.chance(0.5)
            listed = dice.sample(names, dice.randint(0, 1) if deny else len(names) - 1)
            if ground.chance(0.5):
                listed.append("anonymous")
            self.main += [("userlist_enable", "YES"), ("userlist_deny", "YES" if deny else "NO")]
            self.main.append(("userlist_file", str(self._list("user_list", listed))))
        refused = self._list("ftpusers", ["root", *dice.sample(names, dice.randint(0, 1))])
        self._pam.write_text(self._pam_text(refused))

    def _pam_text(self, refused: Path) -> str:
        """As Debian's own service, but without the pause after a wrong password."""
        lines = [
            "# made by a test",
            f"auth\trequired\tpam_listfile.so item=user sense=deny file={refused} onerr=succeed",
            "auth required pam_unix.so nodelay",
            "account required pam_unix.so",
            "session required pam_permit.so",
        ]
        if self.ground.chance(0.6):
            lines.append("auth\trequired\tpam_shells.so")
        return "\n".join(lines) + "\n"

    def _list(self, name: str, entries: list[str]) -> Path:
        """One name a line; what is no name on a line of its own counts for nothing."""
        file = self.etc / name
        ground = self.ground
        lines = list(entries)
        if ground.chance(0.3):
            lines.insert(0, ground.dice.choice(("# a remark", "", f"#{self.users[0].name}")))
        if ground.chance(0.1):
            lines.append(f"{self.users[0].name} ")
        file.write_text("\n".join(lines) + ("" if ground.chance(0.2) else "\n"))
        return file

    def _state_jails(self) -> None:
        ground, dice = self.ground, self.ground.dice
        if ground.chance(0.75):
            self.main.append(("chroot_local_user", "YES"))
        if ground.chance(0.4):
            listed = dice.sample([user.name for user in self.users], dice.randint(1, 3))
            self.main.append(("chroot_list_enable", "YES"))
            self.main.append(("chroot_list_file", str(self._list("chroot_list", listed))))
        if ground.chance(0.75):
            self.main.append(("allow_writeable_chroot", "YES"))
        if ground.chance(0.25):
            missing = ground.root / "missing"
            self.main.append(
                ("local_root", str(missing if ground.chance(0.1) else ground.a_home()))
            )
        elif ground.chance(0.2):
            self._give_everybody_a_root()
        elif ground.chance(0.15):
            self._start_below_the_homes()

    def _start_below_the_homes(self) -> None:
        """A relative folder: some homes have it, and a guest's too."""
        homes = {user.home for user in self.users[:-1]}
        for home in homes - {self.users[-1].home}:
            if not (home / "web").exists():
                self.ground.add_folder(home / "web")
        self.main.append(("local_root", "web"))

    def _give_everybody_a_root(self) -> None:
        top = self.ground.root / "homes"
        self.ground.add_folder(top)
        top.chmod(0o755)
        deeper = self.ground.chance(0.5)  # the token twice
        for user in self.users[:-1]:
            home = top / user.name
            self.ground.add_folder(home)
            home.chmod(self.ground.dice.choice((0o755, 0o711, 0o750, 0o700, 0o777)))
            if deeper:
                home.chmod(0o755)
                self.ground.add_folder(home / f"f-{user.name}")
        end = "/f-$USER" if deeper else ""
        self.main += [("user_sub_token", "$USER"), ("local_root", f"{top}/$USER{end}")]

    def _state_rights(self) -> None:
        ground, dice = self.ground, self.ground.dice
        stated = dice.choice(("YES",) * 8 + ("NO", None))  # None: the built-in default
        if stated is not None:
            self.main.append(("write_enable", stated))
        self.main.append(("local_umask", dice.choice(("022", "077", "002"))))
        self.main += self._switches(0.08)
        for name in ("pasv_enable", "port_enable"):
            if ground.chance(0.06):
                self.main.append((name, "NO"))

    def _switches(self, likelihood: float) -> Options:
        """Some rights taken away, or given back, for whoever the file is for."""
        ground, dice = self.ground, self.ground.dice
        options: Options = []
        for name in ("download_enable", "dirlist_enable", "chmod_enable"):
            if ground.chance(likelihood):
                options.append((name, dice.choice(("NO", "NO", "YES"))))
        if ground.chance(likelihood):
            options.append(("cmds_denied", ",".join(self._commands(DENIABLE, 5))))
        if ground.chance(likelihood):
            allowed = [*NEEDED_VERBS, *self._commands(DENIABLE, len(DENIABLE))]
            options.append(("cmds_allowed", ",".join(allowed)))
        return options

    def _commands(self, words: tuple[str, ...], most: int) -> list[str]:
        return self.ground.dice.sample(words, self.ground.dice.randint(1, most))

    def _state_users(self) -> None:
        ground, dice = self.ground, self.ground.dice
        if ground.chance(0.06):
            self.main += [("guest_enable", "YES"), ("guest_username", self.guest.name)]
        self.main.append(("user_config_dir", str(self.etc / "users")))
        for user in self.users:
            if ground.chance(0.6):
                options = self._switches(0.25)
                if ground.chance(0.3):
                    options.append(("write_enable", dice.choice(("YES", "NO", "NO"))))
                if ground.chance(0.35):
                    options.append(("local_root", str(ground.a_home())))
                if ground.chance(0.15):
                    options += self._guest_options()
                if ground.chance(0.1):
                    options.append(("chroot_local_user", "NO"))
                if ground.chance(0.04):
                    options.append(dice.choice(FATAL))
                self.of_users[user.name] = options
        for user in self.users:
            own = self.of_users.get(user.name, [])
            guest = dict([*self.main, *own]).get("guest_enable") == "YES"
            uid = self.guest.uid if guest else user.uid
            self.logins.append(Login(user.name, uid, f"{user} own file: {own}"))

    def _guest_options(self) -> Options:
        dice = self.ground.dice
        options = [("guest_enable", "YES"), ("guest_username", self.guest.name)]
        options.append(("virtual_use_local_privs", dice.choice(("YES", "NO"))))
        if not self.ground.chance(0.5):
            options += self._anonymous_switches()
        return options

    def _anonymous_switches(self) -> Options:
        names = (
            "anon_upload_enable",
            "anon_mkdir_write_enable",
            "anon_other_write_enable",
            "anon_world_readable_only",
        )
        dice = self.ground.dice
        return [(name, dice.choice(("YES", "NO"))) for name in names if self.ground.chance(0.6)]

    def _state_anonymous(self) -> None:
        ground, dice = self.ground, self.ground.dice
        self.main += self._anonymous_switches()
        stated = dice.choice(("YES", "NO", None))
        if stated is not None:
            self.main.append(("anonymous_enable", stated))
        self.main.append(("ftp_username", self.anonymous.name))
        if ground.chance(0.7):
            self.main.append(("anon_root", str(ground.a_home())))
        if ground.chance(0.2):
            self.of_users[self.anonymous.name] = self._switches(0.4)
        self.logins.append(Login("anonymous", self.anonymous.uid, f"{self.anonymous}"))

    def _write(self) -> None:
        users = self.etc / "users"
        users.mkdir(mode=0o755)
        for name, options in self.of_users.items():
            (users / name).write_text(self._text(options))
            if self.ground.chance(0.02):
                os.chown(users / name, self.users[0].uid, 0)
        self.config().write_text(self._text(self.main))

    def _text(self, options: Options) -> str:
        """The options with everything that the syntax permits: comments, blank lines, indented
        lines, earlier lines that a later one overrules, any word for yes and no."""
        ground, dice = self.ground, self.ground.dice
        lines = ["# made by a test"]
        words = {"YES": YES_WORDS, "NO": NO_WORDS}
        for name, value in options:
            if value in words and ground.chance(0.1):
                lines.append(f"{name}={'NO' if value == 'YES' else 'YES'}")
            indent = " " if ground.chance(0.1) else ""
            lines.append(f"{indent}{name}={dice.choice(words.get(value, (value,)))}")
            if ground.chance(0.1):
                lines.append(dice.choice(("", "# write_enable=NO", "#anonymous_enable=YES")))
        return "\n".join(lines) + ("" if ground.chance(0.2) else "\n")
