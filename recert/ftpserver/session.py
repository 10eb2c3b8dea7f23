"""One client's session: every command is judged by the permission file as it is now."""

# mypy: disallow-subclassing-any=False

import os
from pathlib import Path
from typing import Any, ClassVar

from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.handlers.ftp.producers import BufferedIteratorProducer

from recert.connectors.contract import AccountKind
from recert.connectors.embedded import tree
from recert.connectors.names import is_clean
from recert.foundation import clock
from recert.ftpserver import command_rights, xferlog
from recert.ftpserver.authorizer import Authorizer
from recert.ftpserver.command_rights import Demand
from recert.ftpserver.filesystem import Filesystem
from recert.ftpserver.xferlog import Transfer

_SYNONYMS = {"XCWD": "CWD", "XCUP": "CDUP", "XMKD": "MKD", "XRMD": "RMD"}
_TRANSFERS = {"RETR", "STOR", "APPE", "LIST", "NLST", "MLSD"}
_TELNET = b"\xff\xf4\xf2"  # some clients put "interrupt" and "synch" before ABOR


def _judged_by_name(commands: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """pyftpdlib's command table with the command's own name in place of a permission code."""
    return {
        name: {**entry, "perm": _SYNONYMS.get(name, name) if entry["perm"] else None}
        for name, entry in commands.items()
    }


class Session(FTPHandler):
    """Plain FTP. `configured` makes the class of one server, so that servers share nothing."""

    authorizer: Authorizer
    sessions: ClassVar[set["Session"]]
    transfer_log: ClassVar[Path | None]
    proto_cmds = _judged_by_name(FTPHandler.proto_cmds)
    abstracted_fs = Filesystem
    banner = "FTP server ready."
    max_login_attempts = 3
    auth_failed_timeout = 1
    _needs: tuple[Demand, ...] = ()  # of the transfer that waits or runs
    _out_dtp_queue: Any  # pyftpdlib's transfers that wait for their data connection
    _in_dtp_queue: Any

    @classmethod
    def configured(cls, **settings: object) -> type["Session"]:
        return type("ConfiguredSession", (cls,), {**settings, "sessions": set()})

    def sweep(self) -> None:
        """Ends what is no longer allowed: the session, or only its transfer."""
        if self.authenticated and not self._may_stay():
            self._end()
        elif self._is_transferring() and not self.authorizer.allows(self.username, self._needs):
            self._cut()

    # What follows overrides pyftpdlib.

    def handle(self) -> None:
        self.sessions.add(self)
        super().handle()

    def close(self) -> None:
        self.sessions.discard(self)
        super().close()

    def decode(self, line: bytes) -> str:
        """Strict: a name that is not UTF-8 is refused, never repaired into another one."""
        return line.lstrip(_TELNET).decode("utf-8")

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        if self._closed:  # commands that came in one packet with the one that ended the session
            return
        if not is_clean(line):
            self.respond("501 Control characters are not allowed.")
            return
        self.authorizer.source.refresh()
        if self.authenticated and not self._may_stay():
            self._end()
            return
        super().pre_process_command(line, cmd, arg)

    def process_command(self, cmd: str, *args: str, **kwargs: str) -> None:
        if cmd in _TRANSFERS:
            self._ask(command_rights.of(self.authorizer.source.root, cmd, args[0]))
        super().process_command(cmd, *args, **kwargs)

    def push_dtp_data(
        self, data: Any, isproducer: bool = False, file: Any = None, cmd: str | None = None
    ) -> None:
        """Plain bytes become a producer: pyftpdlib would send the empty answer of NLST into a TLS
        channel that is not ready, and some clients would see a broken connection."""
        if not isproducer:
            data = BufferedIteratorProducer(iter([data] if data else []))
        super().push_dtp_data(data, isproducer=True, file=file, cmd=cmd)

    def flush_account(self) -> None:
        """A transfer ends with the sign-in that began it."""
        if self._is_transferring():
            self._cut()
        super().flush_account()

    def on_login(self, username: str) -> None:
        self.authorizer.note_login(username)

    def ftp_STOU(self, line: str) -> str | None:  # noqa: N802  pyftpdlib finds it by this name
        """pyftpdlib creates the file first and asks then; here it asks before."""
        folder = os.path.dirname(self.fs.ftp2fs(line)) if line else self.fs.ftp2fs(self.fs.cwd)
        asked = command_rights.of(self.authorizer.source.root, "STOU", folder)
        if not self.authorizer.allows(self.username, asked):
            self.respond("550 Not enough privileges.")
            return None
        self._ask(asked)
        return super().ftp_STOU(line)  # type: ignore[no-any-return]

    def ftp_DELE(self, path: str) -> str | None:  # noqa: N802
        deleted: str | None = super().ftp_DELE(path)
        if deleted:
            self._log(deleted, "d")
        return deleted

    def ftp_RMD(self, path: str) -> None:  # noqa: N802
        source = self.authorizer.source
        if command_rights.is_named(source.root, source.permissions, path):
            self.respond("550 This folder has entries of its own and must stay.")
            return
        super().ftp_RMD(path)

    def ftp_RNTO(self, path: str) -> tuple[str, str] | None:  # noqa: N802
        if self._rnfr:
            source = self.authorizer.source
            if not self.authorizer.allows(
                self.username, command_rights.of_move(source.root, self._rnfr, path)
            ):
                self.respond("550 Not enough privileges.")
                return None
            if command_rights.moves_an_entry(source.root, source.permissions, self._rnfr, path):
                self.respond("550 A folder with entries of its own must stay where it is.")
                return None
        return super().ftp_RNTO(path)  # type: ignore[no-any-return]

    def log_transfer(
        self, *, filename: str, receive: bool, completed: bool, elapsed: float, bytes: int, **_: str
    ) -> None:
        direction = "i" if receive else "o"
        self._log(filename, direction, size=bytes, seconds=elapsed, complete=bool(completed))

    # What follows is ours.

    def _may_stay(self) -> bool:
        return self.authorizer.may_stay(self.username, self.fs.root)

    def _end(self) -> None:
        self.respond("421 This account has no access any more.")
        _hang_up(self)

    def _ask(self, asked: tuple[Demand, ...]) -> None:
        """Remembers what the next transfer needs, on top of one that still waits or runs."""
        self._needs = (self._needs if self._is_transferring() else ()) + asked

    def _is_transferring(self) -> bool:
        waits = self._out_dtp_queue is not None or self._in_dtp_queue is not None
        return waits or (self.data_channel is not None and self.data_channel.cmd is not None)

    def _cut(self) -> None:
        """pyftpdlib closes the channel silently, and the client would wait for ever."""
        self._shutdown_connecting_dtp()
        if self.data_channel is not None:
            _hang_up(self.data_channel)
        self._drop_waiting()
        self._needs = ()
        self.respond("426 Transfer aborted: the right for it was taken away.")

    def _drop_waiting(self) -> None:
        outgoing, incoming = self._out_dtp_queue, self._in_dtp_queue
        self._out_dtp_queue = self._in_dtp_queue = None
        for file in (outgoing and outgoing[2], incoming and incoming[0]):
            if file is not None:
                file.close()

    def _log(self, path: str, direction: str, **more: Any) -> None:
        if self.transfer_log is None:
            return
        source = self.authorizer.source
        account = source.permissions.accounts.get(self.username)
        transfer = Transfer(
            account=self.username,
            anonymous=account is not None and account.kind is AccountKind.ANONYMOUS,
            host=self.remote_ip,
            path=tree.from_native(source.root, path) or path,
            direction=direction,
            ascii_mode=self._current_type == "a",
            **more,
        )
        xferlog.append(self.transfer_log, transfer, clock.now())


class SecureSession(Session, TLS_FTPHandler):
    """FTP and explicit FTPS on one port."""

    proto_cmds = _judged_by_name(TLS_FTPHandler.proto_cmds)


def _hang_up(channel: Any) -> None:
    """Closes at once. pyftpdlib would wait for the client's TLS farewell, which may never come;
    after an error it does not."""
    channel._error = True
    channel.close()
