"""vsftpd's sites: accounts of the system, and a PAM service of the site's own."""

import subprocess
from pathlib import Path

from tests.daemons.residents import HASH, PAM, PREFIX, SECRET, Residents
from tests.daemons.rig_vsftpd import VERBS
from tests.daemons.running import Daemon, free_port
from tests.servers_in_the_field.cases import Case
from tests.servers_in_the_field.site import ACCOUNTS, Account, FtpSite

HEAD = """\
listen=YES
background=NO
listen_address=127.0.0.1
listen_port={port}
secure_chroot_dir={place}/empty
delay_failed_login=0
"""
SERVICE = "pam_service_name={service}\n"
PLAIN_PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"


class VsftpdSite(FtpSite):
    kind = "vsftpd"
    protocols = ("ftp",)
    verbs = VERBS

    def __init__(self, case: Case, place: Path) -> None:
        self.residents = Residents()
        self.services: list[Path] = []
        try:
            super().__init__(case, place)
        except BaseException:
            self.emptied()
            raise

    def settle(self) -> None:
        groups = [self.residents.add_group(name) for name in ("grp1", "grp2")]
        told = dict.fromkeys(ACCOUNTS, "")
        told |= {line.split()[0]: line for line in self.case.accounts}
        for label, line in told.items():
            words = dict(word.split("=", 1) for word in line.split()[1:])
            if "as" not in words and "virtual" not in words:
                self._resident(label, words, groups[label == "acc3"])
        for label, line in told.items():
            words = dict(word.split("=", 1) for word in line.split()[1:])
            known = self.accounts.get(words.get("as", words.get("virtual", "")))
            if known is not None:
                self.accounts[label] = Account(label, known.uid, known.gid, known.home)
                self.words[label] = label
        self.port = free_port()
        (self.place / "empty").mkdir(mode=0o755)
        self.words |= {
            "port": str(self.port),
            "service": f"{PREFIX}site",
            "secret": SECRET,
            "hash": HASH,
            "modules": str(self.prefix / "lib/x86_64-linux-gnu/security"),
        }
        self.words |= {f"grp{number}": one.name for number, one in enumerate(groups, 1)}

    def _resident(self, label: str, words: dict[str, str], group: object) -> None:
        home = words.get("home", f"/home/{label}")
        user = self.residents.add_user(
            label,
            group,  # type: ignore[arg-type]
            home=f"{self.place}{home}",  # type: ignore[arg-type]  # may hold "/./"
            shell=words.get("shell", "/bin/sh"),
            password=words.get("hash", HASH),
            expires=words.get("expires", ""),
        )
        self.accounts[label] = Account(user.name, user.uid, user.gid, str(user.home), user.shell)
        self.words[label] = user.name

    def config(self) -> Path:
        return self.place / "etc/vsftpd.conf"

    def write(self) -> None:
        files = {"pam {service}": PLAIN_PAM} | self.case.files
        says_service = "pam_service_name" in self.case.files.get("", "")
        for name, text in files.items():
            if name.startswith("pam "):
                self._write_service(self.filled(name[4:]), self.filled(text))
            elif name.startswith("db "):
                self._write_database(self.place / name[3:], text.split())
            else:
                head = HEAD + ("" if says_service else SERVICE) if not name else ""
                self._write(self.filled(name) or "etc/vsftpd.conf", self.filled(head + text))

    def _write(self, name: str, text: str) -> None:
        file = self.place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("latin-1"))
        file.chmod(0o644)

    def _write_service(self, name: str, text: str) -> None:
        file = PAM / name
        assert file.name.startswith(PREFIX), "only a service of the test's own"
        file.write_text(text)
        self.services.append(file)

    def _write_database(self, file: Path, names: list[str]) -> None:
        """As db_load makes it for pam_userdb: a name on a line, its password on the next."""
        text = "".join(f"{self.filled(name)}\n{SECRET}\n" for name in names)
        program = self.prefix / "usr/bin/db5.3_load"
        command = [str(program), "-T", "-t", "hash", str(file)]
        subprocess.run(command, input=text, text=True, check=True)

    def make_daemon(self) -> Daemon:
        program = str(self.prefix / "usr/sbin/vsftpd")
        return Daemon([program, str(self.config())], [self.port], self.place / "log")

    def emptied(self) -> None:
        for service in self.services:
            service.unlink(missing_ok=True)
        self.residents.__exit__()
        super().emptied()
