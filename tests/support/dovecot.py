"""Debian's Dovecot as an IMAP server of our own: loopback, TLS, a folder that is gone after it."""

import getpass
import imaplib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from recert.foundation.settings import ReplySettings
from recert.ftpserver.certificate import self_signed_certificate

PROGRAM = Path("/usr/sbin/dovecot")
NEEDED = "Dovecot is missing. Run: make setup-test"
USER, PASSWORD, AUTHSERV = "recert", "a mailbox of tests", "mx.house.example"
CONFIGURATION = """\
protocols = imap
listen = 127.0.0.1
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
ssl = required
ssl_cert = <{home}/server.pem
ssl_key = <{home}/server.pem
mail_location = maildir:{home}/mail/%u
default_internal_user = {inner}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {uid}
mail_gid = {gid}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Dovecot:
    """One running server."""

    def __init__(self) -> None:
        assert PROGRAM.exists(), NEEDED
        self.home = Path(tempfile.mkdtemp(prefix="recert-dovecot-"))
        self.port, self.plain_port = free_port(), free_port()

    def __enter__(self) -> Self:
        root = os.geteuid() == 0
        os.chmod(self.home, 0o755)
        for name in ("run", "state", "mail"):
            (self.home / name).mkdir()
        me = getpass.getuser()
        uid, gid = (8, 8) if root else (os.geteuid(), os.getegid())
        if root:
            shutil.chown(self.home / "mail", uid, gid)
        self.certificate = self_signed_certificate(self.home / "server.pem", "127.0.0.1")
        text = CONFIGURATION.format(
            home=self.home,
            port=self.port,
            plain=self.plain_port,
            password=PASSWORD.replace(" ", "_"),
            uid=uid,
            gid=gid,
            inner="dovecot" if root else me,
            login="dovenull" if root else me,
            group="dovecot" if root else me,
        )
        configuration = self.home / "dovecot.conf"
        configuration.write_text(text)
        command = [str(PROGRAM), "-F", "-c", str(configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._await()
        return self

    def _await(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                with self.client() as line:
                    line.noop()
                    return
            except (OSError, imaplib.IMAP4.error) as error:
                if time.monotonic() > end:
                    raise AssertionError((self.home / "log").read_text()) from error
                time.sleep(0.1)

    def __exit__(self, *_details: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
        shutil.rmtree(self.home)

    @property
    def settings(self) -> ReplySettings:
        return ReplySettings(
            "127.0.0.1",
            self.port,
            "tls",
            str(self.certificate),
            USER,
            PASSWORD.replace(" ", "_"),
            authserv_id=AUTHSERV,
            timeout=5,
        )

    def client(self) -> imaplib.IMAP4_SSL:
        context = ssl.create_default_context(cafile=str(self.certificate))
        line = imaplib.IMAP4_SSL("127.0.0.1", self.port, ssl_context=context, timeout=5)
        line.login(USER, PASSWORD.replace(" ", "_"))
        return line

    def deliver(self, *mails: bytes) -> None:
        """Puts mails into the inbox, as the mail server of the organisation does."""
        with self.client() as line:
            for mail in mails:
                status, told = line.append(
                    "INBOX", "", imaplib.Time2Internaldate(time.time()), mail
                )
                assert status == "OK", told

    def counts(self) -> dict[str, int]:
        """How many mails lie in each folder that has any."""
        found = {}
        with self.client() as line:
            for row in line.list()[1]:
                name = bytes(row).decode().rpartition(" ")[2].strip('"')
                found[name] = int(line.select(name, readonly=True)[1][0])
        return {name: count for name, count in found.items() if count}

    def empty(self) -> None:
        """Deletes every mail."""
        for name in self.counts():
            with self.client() as line:
                line.select(name)
                line.store("1:*", "+FLAGS", r"\Deleted")
                line.expunge()
