"""Plain FTP and SFTP clients that look alike to a probe.

Each command returns when the server accepted it and raises `Refused` when it did not. Whether
it really happened is for the probe to see: servers accept listings that they do not give.

Where a protocol has several ways to do one thing, `ways(command)` names them all: a right that one
of them gives is given.
"""

import asyncio
import contextlib
import ftplib
import io
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

import asyncssh
from asyncssh import FXF_APPEND, FXF_CREAT, FXF_READ, FXF_TRUNC, FXF_WRITE

from tests.daemons.running import LOOPBACK

Way = Callable[..., Any]
TIMEOUT = 10


class Refused(Exception):
    """The server said no."""


class Client(Protocol):
    @property
    def port(self) -> int: ...

    def listings(self) -> list[Callable[[str], set[str]]]:
        """Ways to list a folder; each gives the names it shows."""

    def ways(self, verb: str) -> list[Way]: ...

    def learn(self, folders: Iterable[str], files: Iterable[str]) -> None:
        """Told what there is, for ways that need another place than the one in question."""

    def enter(self, folder: str) -> bool:
        """Goes into a folder; False when one cannot, or when it makes no difference."""

    def leave(self) -> None:
        """Goes to where whole paths work best."""

    def close(self) -> None: ...


def _where(ftp: ftplib.FTP) -> str:
    """The current folder; not every server doubles the quotes in its name, as ftplib expects."""
    answer = ftp.sendcmd("PWD")
    return answer[answer.index('"') + 1 : answer.rindex('"')].replace('""', '"')


class FtpClient:
    """What ftplib offers, with the twin of every command that may be allowed without it."""

    def __init__(self, port: int, user: str, password: str, verbs: frozenset[str]) -> None:
        self._login = (port, user, password)
        self._verbs = verbs
        self._sources: list[str] = []  # files that this account can read, to be copied
        self._start = ""  # where a session begins
        self._ftp = self._connect()
        self.leave()

    def enter(self, folder: str) -> bool:
        """From inside, names need no path: where paths count as they are typed, and where a
        session begins in a folder to which its account could not walk."""
        if "enter first" not in self._verbs or not ("/." in folder or self._start != "/"):
            return False
        with contextlib.suppress(Refused):
            self._try(lambda: self._ftp.cwd(folder))
            return True
        below = f"{folder}/".removeprefix(f"{self._start.rstrip('/')}/").rstrip("/")
        if below.startswith("/"):
            return False
        self.close()
        self._ftp = self._connect()
        with contextlib.suppress(Refused):
            if below:
                self._try(lambda: self._ftp.cwd(below))
            return True
        return False

    def leave(self) -> None:
        """Not every server lists another folder while we stand in one that we could not enter."""
        if "enter first" in self._verbs:
            with contextlib.suppress(Refused):
                self._try(lambda: self._ftp.cwd("/"))

    def _connect(self) -> ftplib.FTP:
        port, user, password = self._login
        ftp = ftplib.FTP(encoding="utf-8")
        try:
            ftp.connect(LOOPBACK, port, timeout=TIMEOUT)
            ftp.login(user, password)
            ftp.voidcmd("TYPE I")
            with contextlib.suppress(ftplib.error_perm):
                self._start = _where(ftp)
        except ConnectionRefusedError:
            raise  # No daemon is something else than a refused login.
        except (ftplib.Error, EOFError, OSError) as error:
            ftp.close()
            raise Refused(str(error)) from error
        return ftp

    @property
    def port(self) -> int:
        assert self._ftp.sock is not None
        return self._ftp.sock.getsockname()[1]

    def listings(self) -> list[Callable[[str], set[str]]]:
        mlsd = [self._mlsd] if "MLSD" in self._verbs else []
        return [self._nlst, *mlsd, self._list, self._stat]

    def ways(self, verb: str) -> list[Way]:
        return {
            "download": [self._retrieve],
            "upload": [
                *(self._storing(word) for word in self._known("STOR", "APPE", "STOU")),
                *([self._store_unique] if "STOU in place" in self._verbs else []),
                *([self._copy] if self._sources else []),
            ],
            "overwrite": [
                self._storing("STOR"),
                self._storing("APPE"),
                *([self._copy] if self._sources else []),
            ],
            "delete": [self._saying("DELE")],
            "rename": [self._rename],
            "mkdir": [self._saying(word) for word in self._known("MKD", "XMKD", "SITE MKDIR")],
            "rmdir": [self._saying(word) for word in self._known("RMD", "XRMD", "SITE RMDIR")],
            "chmod": [self._chmod],
        }[verb]

    def learn(self, folders: Iterable[str], files: Iterable[str]) -> None:
        """Stands where data may flow, because ProFTPD asks the folder in which we are; and knows
        two readable files where the server copies."""
        for folder in folders:
            if self._data_flows():
                break
            with contextlib.suppress(Refused):
                self._try(lambda folder=folder: self._ftp.cwd(folder))
        for file in files if "SITE CPTO" in self._verbs else ():
            if len(self._sources) < 2 and '"' not in file:
                with contextlib.suppress(Refused):
                    self._retrieve(file)
                    self._sources.append(file)

    def _data_flows(self) -> bool:
        """By a connection of the client's, or else by one of the server's."""
        for is_passive, word in ((True, "PASV"), (False, "PORT 127,0,0,1,200,1")):
            with contextlib.suppress(Refused):
                self._try(lambda word=word: self._ftp.sendcmd(word))
                self._ftp.set_pasv(is_passive)
                return True
        return False

    def close(self) -> None:
        with contextlib.suppress(ftplib.Error, EOFError, OSError):
            self._ftp.quit()
        self._ftp.close()

    def _known(self, *words: str) -> list[str]:
        return [word for word in words if word in self._verbs]

    def _try(self, what: Callable[[], Any]) -> Any:
        """A session that ended is begun again, so that one bad answer costs one try."""
        try:
            return what()
        except (ftplib.error_perm, ftplib.error_temp, ftplib.error_reply) as error:
            if str(error).startswith("421"):
                self._ftp = self._connect()
            raise Refused(str(error)) from error
        except (EOFError, ConnectionError) as error:
            self._ftp.close()
            self._ftp = self._connect()
            raise Refused(f"session ended: {error}") from error

    def _lines(self, command: str) -> list[str]:
        """What came, even when the server says no after it was sent."""
        lines: list[str] = []
        try:
            self._try(lambda: self._ftp.retrlines(command, lines.append))
        except Refused:
            if not lines:
                raise
        return lines

    def _nlst(self, folder: str) -> set[str]:
        return {line.rpartition("/")[2] for line in self._lines(f"NLST {folder}")}

    def _mlsd(self, folder: str) -> set[str]:
        return {line.partition(" ")[2].rpartition("/")[2] for line in self._lines(f"MLSD {folder}")}

    def _list(self, folder: str) -> set[str]:
        return {line.split(maxsplit=8)[-1] for line in self._lines(f"LIST {folder}") if line}

    def _stat(self, folder: str) -> set[str]:
        """The listing that comes without a data connection."""
        answer = self._try(lambda: self._ftp.sendcmd(f"STAT {folder}"))
        return {line.split(maxsplit=8)[-1] for line in answer.splitlines() if line.strip()}

    def _retrieve(self, path: str) -> bytes:
        parts: list[bytes] = []
        self._try(lambda: self._ftp.retrbinary(f"RETR {path}", parts.append))
        return b"".join(parts)

    def _storing(self, word: str) -> Way:
        def store(path: str, content: bytes) -> None:
            self._try(lambda: self._ftp.storbinary(f"{word} {path}", io.BytesIO(content)))

        return store

    def _store_unique(self, path: str, content: bytes) -> None:
        """Where the server chooses the name, in the folder in which we are."""
        self._try(lambda: self._ftp.cwd(path.rpartition("/")[0] or "/"))
        try:
            self._try(lambda: self._ftp.storbinary("STOU", io.BytesIO(content)))
        finally:
            with contextlib.suppress(Refused):
                self._try(lambda: self._ftp.cwd("/"))

    def _copy(self, path: str, _content: bytes) -> None:
        """A copy of a file that can be read; not of the very one that is to change."""
        source = next((one for one in self._sources if one != path), path)
        self._try(lambda: self._ftp.sendcmd(f"SITE CPFR {source}"))
        self._in_place(path, lambda name: self._ftp.voidcmd(f"SITE CPTO {name}"))

    def _in_place(self, path: str, say: Callable[[str], Any]) -> None:
        """SITE commands of ProFTPD cannot name a path with quotes, but a file where we are."""
        if '"' not in path:
            self._try(lambda: say(path))
            return
        folder, _, name = path.rpartition("/")
        before = self._try(lambda: _where(self._ftp))
        self._try(lambda: self._ftp.cwd(folder or "/"))
        try:
            self._try(lambda: say(name))
        finally:
            with contextlib.suppress(Refused):
                self._try(lambda: self._ftp.cwd(before))

    def _saying(self, word: str) -> Way:
        if word.startswith("SITE "):
            return lambda path: self._in_place(
                path, lambda name: self._ftp.voidcmd(f"{word} {name}")
            )
        return lambda path: self._try(lambda: self._ftp.voidcmd(f"{word} {path}"))

    def _rename(self, old: str, new: str) -> None:
        self._try(lambda: self._ftp.rename(old, new))

    def _chmod(self, path: str, mode: int) -> None:
        self._try(lambda: self._ftp.voidcmd(f"SITE CHMOD {mode:o} {path}"))


class SftpClient:
    """AsyncSSH, one request at a time."""

    def __init__(self, port: int, user: str, **credentials: Any) -> None:
        # In a thread of its own: a browser of another test may run a loop in ours.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._login = (port, user, credentials)
        try:
            self._run(self._connect())
        except ConnectionRefusedError:
            self._end()
            raise
        except (asyncssh.Error, OSError, TimeoutError) as error:
            self._end()
            raise Refused(str(error)) from error

    async def _connect(self) -> None:
        port, user, credentials = self._login
        self._connection = await asyncssh.connect(
            LOOPBACK,
            port,
            username=user,
            known_hosts=None,
            agent_path=None,
            config=None,
            login_timeout=TIMEOUT,
            **{"client_keys": None, **credentials},
        )
        self._sftp = await self._connection.start_sftp_client()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        waited = asyncio.wait_for(work, TIMEOUT)
        return asyncio.run_coroutine_threadsafe(waited, self._loop).result()

    def _try(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self._run(work)
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            self._run(self._connect())
            raise Refused(f"session ended: {error}") from error
        except (asyncssh.SFTPError, OSError) as error:
            raise Refused(str(error)) from error

    @property
    def port(self) -> int:
        return self._connection.get_extra_info("sockname")[1]

    def listings(self) -> list[Callable[[str], set[str]]]:
        return [lambda folder: set(self._try(self._sftp.listdir(folder)))]

    def ways(self, verb: str) -> list[Way]:
        sftp = self._sftp
        return {
            "download": [lambda path: self._try(self._read(path))],
            "upload": [
                self._storing(FXF_WRITE | FXF_CREAT | FXF_TRUNC),
                self._storing(FXF_WRITE | FXF_CREAT | FXF_APPEND),
            ],
            "overwrite": [
                self._storing(FXF_WRITE),
                self._storing(FXF_WRITE | FXF_CREAT | FXF_TRUNC),
                self._storing(FXF_WRITE | FXF_APPEND),
                lambda path, _content: self._try(sftp.truncate(path, 1)),
            ],
            "delete": [lambda path: self._try(sftp.remove(path))],
            "rename": [
                lambda old, new: self._try(sftp.posix_rename(old, new)),
                lambda old, new: self._try(sftp.rename(old, new)),
            ],
            "mkdir": [lambda path: self._try(sftp.mkdir(path))],
            "rmdir": [lambda path: self._try(sftp.rmdir(path))],
            "chmod": [lambda path, mode: self._try(sftp.chmod(path, mode))],
        }[verb]

    def learn(self, folders: Iterable[str], files: Iterable[str]) -> None:
        """SFTP copies nothing on its own account."""

    def enter(self, folder: str) -> bool:
        return False

    def leave(self) -> None:
        """Nothing to leave."""

    async def _read(self, path: str) -> bytes:
        async with self._sftp.open(path, FXF_READ, encoding=None) as file:
            return await file.read(65536, 0)

    def _storing(self, flags: int) -> Way:
        return lambda path, content: self._try(self._write(path, content, flags))

    async def _write(self, path: str, content: bytes, flags: int) -> None:
        async with self._sftp.open(path, flags, encoding=None) as file:
            await file.write(content)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._run(self._leave())
        self._end()

    async def _leave(self) -> None:
        self._sftp.exit()
        self._connection.close()
        await self._connection.wait_closed()

    def _end(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
