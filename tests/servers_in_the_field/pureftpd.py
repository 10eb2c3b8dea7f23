"""Pure-FTPd's sites: one file for each option, or one file for all; virtual and system users."""

import subprocess
from pathlib import Path

from tests.daemons.residents import HASH, Residents
from tests.daemons.rig_pureftpd import ANONYMOUS, VERBS
from tests.daemons.running import Daemon, free_port
from tests.servers_in_the_field.cases import Case
from tests.servers_in_the_field.site import ACCOUNTS, Account, FtpSite

# A file of one name for the whole machine would be needed for PAM, so that is tried elsewhere.
METHODS = ("PureDB", "UnixAuthentication", "MySQLConfigFile", "LDAPConfigFile", "PGSQLConfigFile")
SINGLE = "# single file\n"


class PureftpdSite(FtpSite):
    kind = "pureftpd"
    protocols = ("ftp",)
    verbs = VERBS

    def __init__(self, case: Case, place: Path) -> None:
        self.residents = Residents()
        self.virtual: list[str] = []  # lines of the users' file
        self.is_single = case.files.get("", "").startswith(SINGLE)
        try:
            super().__init__(case, place)
        except BaseException:
            self.emptied()
            raise

    def settle(self) -> None:
        groups = [self.residents.add_group(name) for name in ("grp1", "grp2")]
        told = dict.fromkeys(ACCOUNTS, "")
        told |= {line.split()[0]: line for line in self.case.accounts}
        self.words |= {f"gid{number}": str(one.gid) for number, one in enumerate(groups, 1)}
        for label, line in told.items():
            words = dict(word.split("=", 1) for word in line.split()[1:])
            if "virtual" in words:
                self._virtual(label, words)
                continue
            if label == "anonymous":
                assert self.residents.take_turn(ANONYMOUS), "the machine has that user of its own"
            user = self.residents.add_user(
                ANONYMOUS if label == "anonymous" else label,
                groups[label == "acc3"],
                home=f"{self.place}{words.get('home', f'/home/{label}')}",  # type: ignore[arg-type]
                shell=words.get("shell", "/bin/sh"),
                password=words.get("hash", HASH),
                full_name=label != "anonymous",
            )
            name = label if label == "anonymous" else user.name
            self.accounts[label] = Account(name, user.uid, user.gid, str(user.home))
            self.words[label] = name
        self.port = free_port()
        self.words |= {"port": str(self.port)}

    def _virtual(self, label: str, words: dict[str, str]) -> None:
        """virtual=ACCOUNT whose uid it has; home=, hash=, more= (the fields behind the home)."""
        like = self.accounts[words["virtual"]]
        home = f"{self.place}{words.get('home', f'/home/{label}')}"
        self.accounts[label] = Account(label, like.uid, like.gid, home)
        self.words[label] = label
        secret = words.get("hash", HASH)
        self.virtual.append(
            f"{label}:{secret}:{like.uid}:{like.gid}::{home}{words.get('more', '')}"
        )

    @property
    def folder(self) -> Path:
        return self.place / "etc/pure-ftpd"

    def config(self) -> Path:
        return self.folder / "pure-ftpd.conf" if self.is_single else self.folder / "conf"

    def write(self) -> None:
        for name in ("conf", "auth"):
            (self.folder / name).mkdir(parents=True, mode=0o755)
        source = self.folder / "pureftpd.passwd"
        source.write_text("".join(f"{line}\n" for line in self.virtual))
        program = self.prefix / "usr/bin/pure-pw"
        database = self.folder / "pureftpd.pdb"
        command = [str(program), "mkdb", str(database), "-f", str(source)]
        subprocess.run(command, check=True, capture_output=True)
        self.words["users"] = str(database)
        for name, text in self.case.files.items():
            if name:
                file = self.place / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(self.filled(text))
        text = self.filled(self.case.files.get("", "")) + f"Bind 127.0.0.1,{self.port}\n"
        if self.is_single:
            self.config().write_text(text)
            return
        for number, line in enumerate(text.splitlines()):
            option, _, value = line.partition(" ")
            (self.folder / "conf" / option).write_text(value + "\n")
            if option in METHODS:
                (self.folder / f"auth/{number:02}x").symlink_to(f"../conf/{option}")

    def _command(self) -> list[str]:
        program = str(self.prefix / "usr/sbin/pure-ftpd")
        if self.is_single:
            return [program, str(self.config())]
        text = (self.prefix / "usr/sbin/pure-ftpd-wrapper").read_text()
        text = text.replace("/var/run/pure-ftpd/pure-ftpd.pid", f"{self.place}/pid")
        wrapper = self.place / "wrapper"
        wrapper.write_text(text.replace("/etc/pure-ftpd", str(self.folder)))
        told = subprocess.run(
            ["perl", str(wrapper), "-s"], check=False, capture_output=True, text=True
        )
        return [program, *told.stdout.split()] if told.returncode == 0 else ["/bin/false"]

    def make_daemon(self) -> Daemon:
        return Daemon(self._command(), [self.port], self.place / "log")

    def emptied(self) -> None:
        self.residents.__exit__()
        super().emptied()
