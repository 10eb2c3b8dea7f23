"""A machine reached over SSH: files by SFTP, and the fixed list of commands.

The key of the machine is pinned and never accepted unverified. Everything runs on one connection;
an event loop in a thread of its own serves it, so that connectors stay plain functions.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import asyncssh
from asyncssh.sftp import start_sftp_client

from recert.connectors import file_store
from recert.connectors.contract import (
    ConnectorError,
    EditedByOthers,
    NoSpace,
    OutcomeUnknown,
    ServerDataInvalid,
    ServerRefusedUs,
    ServerUnreachable,
)
from recert.connectors.hosts import acl_copy, leftovers
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import PATIENCE, Cleaner, FileFact, FileMissing, Output
from recert.connectors.hosts.ssh_login import Login
from recert.foundation.failpoints import reach

_PIECE = 1 << 18
_AT_ONCE = 64  # requests under way; each file needs a few
_SFTP_PROGRAM = "/usr/lib/openssh/sftp-server"
_GONE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
Answer = TypeVar("Answer")


class SshHost:
    """The machine at the other end of one SSH connection."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._login = Login.of(settings)
        self.title = self._login.host
        self.requests = 0  # commands and file requests sent, for measuring
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connection: Any = None
        self._sftp: dict[bool, Any] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._connection = self._wait(self._connect())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._wait(self._connection.wait_closed())
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> Any:
        where = f"{self._login.host} port {self._login.port}"
        try:
            return await asyncssh.connect(
                self._login.host, self._login.port, **self._login.options()
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise ServerRefusedUs(
                f"The machine at {where} shows another host key than the pinned one. Find out why "
                "before you change host_key."
            ) from error
        except (asyncssh.PermissionDenied, asyncssh.KeyImportError) as error:
            raise ServerRefusedUs(f"{where} refuses {self._login.user}: {error}.") from error
        except (OSError, asyncssh.Error) as error:
            raise ServerUnreachable(f"{where}: {error}.") from error

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(self._translated(work), self._loop).result()

    async def _translated(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            return await asyncio.wait_for(work, PATIENCE)
        except TimeoutError as error:
            raise ServerUnreachable(
                f"{self.title} did not answer for {PATIENCE // 60} minutes."
            ) from error
        except (asyncssh.ConnectionLost, asyncssh.DisconnectError, ConnectionError) as error:
            raise ServerUnreachable(f"The connection to {self.title} broke: {error}.") from error
        except asyncssh.ChannelOpenError as error:
            raise ServerRefusedUs(f"{self.title}: {error}.") from error

    async def _files(self, *, to_write: bool = False) -> Any:
        """The SFTP session. Through sudo the reading one is started read-only."""
        if to_write not in self._sftp:
            try:
                await self._start_files(to_write)
            except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
                raise ServerRefusedUs(
                    f"No SFTP session on {self.title}: {error}. With sudo=yes its rule must permit "
                    f"{_SFTP_PROGRAM}."
                ) from error
        return self._sftp[to_write]

    async def _start_files(self, to_write: bool) -> None:
        if not self._login.with_sudo:
            self._sftp[True] = self._sftp[False] = await self._connection.start_sftp_client()
            return
        only = "" if to_write else " -R"
        writer, reader, _ = await self._connection.open_session(
            f"sudo -n {_SFTP_PROGRAM}{only}", encoding=None
        )
        self._sftp[to_write] = await start_sftp_client(
            self._connection, self._loop, "strict", reader, writer, "utf-8", "strict", 3
        )

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        """Nothing is written down here."""

    def read(self, path: str) -> bytes:
        return self._wait(self._read(path))

    async def _read(self, path: str) -> bytes:
        self.requests += 1
        sftp = await self._files()
        try:
            found = await sftp.stat(os.fsencode(path))
            if found.type not in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_DIRECTORY):
                raise ServerDataInvalid(f"{path} on {self.title} is not a regular file.")
            content = bytearray()
            async with sftp.open(os.fsencode(path), "rb") as file:
                while piece := await file.read(_PIECE):  # files of the kernel say no size
                    content += piece
                    if len(content) > file_store.LARGEST:
                        most = file_store.LARGEST // 1024**2
                        raise ServerDataInvalid(f"{path} is larger than {most} MiB.")
        except asyncssh.SFTPError as error:
            raise _as_connector_error(path, error) from error
        return bytes(content)

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        return self._wait(self._gathered(paths, self._read_or_error))

    async def _read_or_error(self, path: str) -> bytes | ConnectorError:
        try:
            return await self._read(path)
        except (FileMissing, ServerRefusedUs) as error:
            return error

    async def _gathered(self, paths: Sequence[str], ask: Any) -> dict[str, Any]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(path: str) -> Any:
            async with gate:
                return await ask(path)

        await self._files()
        answers = await asyncio.gather(*(one(path) for path in paths))
        return dict(zip(paths, answers, strict=True))

    def stat(self, path: str) -> FileFact | None:
        return self._wait(self._stat(path))

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        return self._wait(self._gathered(paths, self._stat_or_error))

    async def _stat_or_error(self, path: str) -> FileFact | ConnectorError | None:
        try:
            return await self._stat(path)
        except ServerRefusedUs as error:
            return error

    async def _stat(self, path: str) -> FileFact | None:
        self.requests += 1
        sftp = await self._files()
        try:
            found = await sftp.stat(os.fsencode(path))
        except _GONE:
            return None
        except asyncssh.SFTPError as error:
            raise _as_connector_error(path, error) from error
        return FileFact(
            path=path,
            is_folder=found.type == asyncssh.FILEXFER_TYPE_DIRECTORY,
            is_file=found.type == asyncssh.FILEXFER_TYPE_REGULAR,
            mode=(found.permissions or 0) & 0o7777,
            uid=found.uid or 0,
            gid=found.gid or 0,
            size=found.size or 0,
            modified=float(found.mtime or 0),
        )

    def names(self, folder: str) -> list[str]:
        return self._wait(self._names(folder))

    async def _names(self, folder: str) -> list[str]:
        self.requests += 1
        sftp = await self._files()
        try:
            found = await sftp.listdir(os.fsencode(folder))
        except asyncssh.SFTPError as error:
            raise _as_connector_error(folder, error) from error
        return [os.fsdecode(name) for name in sorted(found) if name not in (b".", b"..")]

    def resolve(self, path: str) -> str:
        return self._wait(self._resolve(path))

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        return self._wait(self._gathered(list(paths), self._resolve))

    async def _resolve(self, path: str) -> str:
        self.requests += 1
        sftp = await self._files()
        try:
            found: bytes = await sftp.realpath(os.fsencode(path))
        except asyncssh.SFTPError:
            return path
        return os.fsdecode(found)

    def _line(self, command: Command) -> str:
        """Messages in English, because some of them are read."""
        return f"LC_ALL=C {'sudo -n ' if self._login.with_sudo else ''}{command.line}"

    def run(self, command: Command, data: bytes = b"") -> Output:
        self.requests += 1
        return self._wait(self._run(command, data))

    async def _run(self, command: Command, data: bytes) -> Output:
        done = await self._connection.run(
            self._line(command), input=data, encoding=None, check=False
        )
        if done.exit_status is None:
            raise OutcomeUnknown(f"{command.arguments[0]} on {self.title} was cut off.")
        return Output(done.exit_status, done.stdout, done.stderr.decode(errors="backslashreplace"))

    def stream(self, command: Command, data: bytes = b"") -> "_SshStream":
        self.requests += 1
        return _SshStream(self, self._line(command), data)

    def open(self, line: str, data: bytes) -> Any:
        """For streams: the running process."""
        return self._wait(self._connection.create_process(line, input=data, encoding=None))

    def wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """For streams: runs a step on the loop."""
        return self._wait(work)

    def replace(
        self, path: str, content: bytes, *, was: bytes | None, beside: str | None = None
    ) -> None:
        target = self.resolve(path)
        acl = acl_copy.extended(self, target) if was is not None else None
        self._wait(self._replace(target, content, was, beside, acl))

    async def _replace(
        self, target: str, content: bytes, was: bytes | None, beside: str | None, acl: bytes | None
    ) -> None:
        """Written beside, read back, renamed over; owner, mode and ACL of the old file."""
        sftp = await self._files(to_write=True)
        folder, _, name = target.rpartition("/")
        temporary = os.fsencode(f"{beside or folder}/.{name}.{secrets.token_hex(8)}.tmp")
        try:
            await self._check(target, was)
            await self._write(sftp, temporary, content)
            await leftovers.sweep(sftp, temporary, name)
            if was is not None:
                await _dress(sftp, os.fsencode(target), temporary)
            if acl is not None:
                await self._give_acl(acl, temporary)
            reach("temporary file written")
            await self._check(target, was)
            await sftp.posix_rename(temporary, os.fsencode(target))
        except asyncssh.SFTPError as error:
            await _forget(sftp, temporary)
            raise _as_connector_error(target, error) from error
        except BaseException:
            await _forget(sftp, temporary)
            raise
        reach("file replaced")

    async def _write(self, sftp: Any, temporary: bytes, content: bytes) -> None:
        attributes = asyncssh.SFTPAttrs(permissions=0o600)
        async with sftp.open(temporary, "xb", attributes) as file:
            await file.write(content)
            await file.fsync()
        async with sftp.open(temporary, "rb") as file:
            if await file.read() != content:
                raise NoSpace(f"What was written on {self.title} reads back differently.")

    async def _give_acl(self, acl: bytes, temporary: bytes) -> None:
        output = await self._run(acl_copy.SET, acl_copy.for_path(acl, temporary))
        if output.code != 0:
            raise ServerRefusedUs(f"setfacl on {self.title}: {output.errors.strip()}")

    async def _check(self, target: str, was: bytes | None) -> None:
        try:
            content: bytes | None = await self._read(target)
        except FileMissing:
            content = None
        if content != was:
            raise EditedByOthers(f"{target} is not what it was when the plan was made.")

    def remove(self, path: str, *, was: bytes) -> None:
        self._wait(self._remove(path, was))

    async def _remove(self, path: str, was: bytes) -> None:
        if await self._stat(path) is None:
            return
        await self._check(path, was)
        sftp = await self._files(to_write=True)
        try:
            await sftp.remove(os.fsencode(path))
        except asyncssh.SFTPError as error:
            raise _as_connector_error(path, error) from error


async def _dress(sftp: Any, target: bytes, temporary: bytes) -> None:
    """Owner first: changing it may clear mode bits."""
    old = await sftp.stat(target)
    new = await sftp.stat(temporary)
    if (old.uid, old.gid) != (new.uid, new.gid):
        await sftp.chown(temporary, old.uid, old.gid)
    await sftp.chmod(temporary, old.permissions & 0o7777)


async def _forget(sftp: Any, temporary: bytes) -> None:
    """The temporary file of an attempt that failed; the first error is the one that counts."""
    try:
        await sftp.remove(temporary)
    except (asyncssh.Error, OSError):
        return


def _as_connector_error(path: str, error: asyncssh.SFTPError) -> ConnectorError:
    if isinstance(error, _GONE):
        return FileMissing(f"{path}.")
    if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return ServerRefusedUs(f"No permission for {path}: {error.reason}.")
    if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return NoSpace(f"{path}: {error.reason}.")
    if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
        return OutcomeUnknown(f"{path}: the connection broke.")
    return ServerUnreachable(f"{path}: {error.reason}.")


class _SshStream:
    """The output of one remote command, piece by piece."""

    def __init__(self, host: SshHost, line: str, data: bytes) -> None:
        self._host, self._line, self._data = host, line, data
        self.code, self.errors = -1, ""

    def __iter__(self) -> Iterator[bytes]:
        process = self._host.open(self._line, self._data)
        complaints = asyncio.run_coroutine_threadsafe(process.stderr.read(), self._host._loop)
        while piece := self._host.wait(process.stdout.read(_PIECE)):
            yield piece
        self.errors = complaints.result().decode(errors="backslashreplace")
        self._host.wait(process.wait_closed())
        if process.exit_status is None:
            raise ServerUnreachable(f"A command on {self._host.title} was cut off.")
        self.code = process.exit_status
