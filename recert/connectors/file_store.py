"""Permission files: read whole, replaced in one step, changed by one writer at a time."""

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from recert.connectors.contract import (
    ConnectorError,
    NoSpace,
    OutcomeUnknown,
    ServerBusy,
    ServerDataInvalid,
    ServerRefusedUs,
    ServerUnreachable,
)
from recert.foundation.failpoints import reach

LOCK_SECONDS = 10.0
_LOCK_PAUSE = 0.05
_FULL = {errno.ENOSPC, errno.EDQUOT}


LARGEST = 512 * 1024 * 1024  # more is no configuration and no list of permissions
_PIECE = 1 << 20


def open_regular(path: Path) -> BufferedReader:
    """Opens a file for reading without waiting for anybody: a pipe would hang for ever, and a
    device never ends. ServerDataInvalid when it is no regular file."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with as_connector_errors(path):
        handle = os.open(path, flags)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
            os.close(handle)
            if is_folder:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            raise ServerDataInvalid(f"{path} is not a regular file.")
        return os.fdopen(handle, "rb")


def read_bytes(path: Path) -> bytes:
    """The whole file; ServerUnreachable when it is missing, ServerRefusedUs when it is not ours,
    ServerDataInvalid when it is no regular file or larger than LARGEST bytes."""
    content = bytearray()
    with open_regular(path) as file, as_connector_errors(path):
        while piece := file.read(_PIECE):  # its size may be wrong, or grow meanwhile
            content += piece
            if len(content) > LARGEST:
                raise ServerDataInvalid(f"{path} is larger than {LARGEST // 1024**2} MiB.")
    return bytes(content)


@contextmanager
def as_connector_errors(path: Path) -> Iterator[None]:
    """Turns an OSError about `path` into the matching error of the contract."""
    try:
        yield
    except PermissionError as error:
        raise ServerRefusedUs(f"No permission for {path}: {error.strerror}.") from error
    except OSError as error:
        kind: type[ConnectorError] = NoSpace if error.errno in _FULL else ServerUnreachable
        raise kind(f"{path}: {error.strerror or error}.") from error


@contextmanager
def locked(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Holds `<path>.lock`, so that two of us never edit one file; ServerBusy after `seconds`."""
    lock = path.with_name(path.name + ".lock")
    with as_connector_errors(lock):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _wait_for(handle, lock, time.monotonic() + seconds)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, lock: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise ServerBusy(f"Another program holds {lock}.") from error
            time.sleep(_LOCK_PAUSE)
        else:
            return


def replace(
    path: Path,
    content: bytes,
    mode: int = 0o600,
    *,
    beside: Path | None = None,
    last_look: Callable[[], None] = lambda: None,
) -> None:
    """Writes the whole file anew: readers see the old or the new one, never a mixture.

    Owner, mode, ACL and other attributes of an existing file are kept (a new one gets `mode`); a
    symbolic link stays a link. The temporary file lies in the folder `beside`, by default beside
    the file; `last_look` may raise just before the new file replaces the old one. After an error
    the old file is untouched, except after OutcomeUnknown.
    """
    target = Path(os.path.realpath(path))
    folder = beside or target.parent
    temporary = folder / f".{target.name}.{secrets.token_hex(8)}.tmp"
    with as_connector_errors(target):
        _sweep(folder, target.name)
        try:
            with _written(temporary, target, content, mode):
                reach("temporary file written")
                last_look()
                temporary.rename(target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
    reach("file replaced")
    _settle(target.parent)


@contextmanager
def _written(temporary: Path, target: Path, content: bytes, mode: int) -> Iterator[None]:
    """The temporary file, locked for as long as it is somebody's."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        _dress(file.fileno(), target, mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        yield


def temporary_names_of(name: str) -> re.Pattern[str]:
    """The names of temporary files with which a file of this name is replaced."""
    return re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{16}}\.tmp")


def _sweep(folder: Path, name: str) -> None:
    """Removes what a killed run left: temporary files of this target that nobody holds."""
    pattern = temporary_names_of(name)
    for path in [one for one in folder.iterdir() if pattern.fullmatch(one.name)]:
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            except BlockingIOError:
                continue
            finally:
                os.close(handle)


def _dress(handle: int, target: Path, mode: int) -> None:
    """Owner first: changing it may clear mode bits."""
    try:
        old = target.stat()
    except FileNotFoundError:
        os.fchmod(handle, mode)
        return
    new = os.fstat(handle)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, old.st_mode & 0o7777)
    for name in os.listxattr(target):
        os.setxattr(handle, name, os.getxattr(target, name))


def _settle(folder: Path) -> None:
    """The new name must survive a power cut as well."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutcomeUnknown(f"{folder}: {error.strerror}.") from error
