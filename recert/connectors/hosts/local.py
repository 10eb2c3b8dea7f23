"""The machine on which Recert itself runs: plain files, and commands without a shell."""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Self

from recert.connectors import file_store
from recert.connectors.contract import ConnectorError, EditedByOthers, ServerUnreachable
from recert.connectors.hosts import trusted
from recert.connectors.hosts.commands import Command
from recert.connectors.hosts.contract import PATIENCE, Cleaner, FileFact, FileMissing, Output

_PIECE = 1 << 18
_MISSING_PROGRAM = 127
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
}


class LocalHost:
    """The machine on which Recert itself runs."""

    title = "this machine"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was opened."""

    def withhold(self, what: str | Command, clean: Cleaner) -> None:
        """Nothing is written down here."""

    def read(self, path: str) -> bytes:
        try:
            return file_store.read_bytes(Path(path))
        except ConnectorError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                raise FileMissing(f"{path}.") from error
            raise

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes | ConnectorError]:
        contents: dict[str, bytes | ConnectorError] = {}
        for path in paths:
            try:
                contents[path] = self.read(path)
            except ConnectorError as error:
                contents[path] = error
        return contents

    def stat(self, path: str) -> FileFact | None:
        try:
            with file_store.as_connector_errors(Path(path)):
                status = os.stat(path)
        except ConnectorError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                return None
            raise
        return FileFact(
            path=path,
            is_folder=stat.S_ISDIR(status.st_mode),
            is_file=stat.S_ISREG(status.st_mode),
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            size=status.st_size,
            modified=status.st_mtime,
        )

    def stat_many(self, paths: Sequence[str]) -> dict[str, FileFact | ConnectorError | None]:
        facts: dict[str, FileFact | ConnectorError | None] = {}
        for path in paths:
            try:
                facts[path] = self.stat(path)
            except ConnectorError as error:
                facts[path] = error
        return facts

    def names(self, folder: str) -> list[str]:
        if self.stat(folder) is None:
            raise FileMissing(f"{folder}.")
        with file_store.as_connector_errors(Path(folder)):
            return sorted(os.listdir(folder), key=os.fsencode)

    def resolve(self, path: str) -> str:
        return os.path.realpath(path)

    def resolve_many(self, paths: Collection[str]) -> dict[str, str]:
        return {path: self.resolve(path) for path in paths}

    def run(self, command: Command, data: bytes = b"") -> Output:
        program = shutil.which(command.arguments[0], path=_ENVIRONMENT["PATH"])
        if program is None:
            return Output(_MISSING_PROGRAM, b"", f"{command.arguments[0]}: command not found")
        trusted.check(program)
        try:
            done = subprocess.run(
                (program, *command.arguments[1:]),
                input=data,
                capture_output=True,
                check=False,
                env=_ENVIRONMENT,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired as error:
            minutes = PATIENCE // 60
            raise ServerUnreachable(f"{command.line} did not end in {minutes} minutes.") from error
        return Output(done.returncode, done.stdout, done.stderr.decode(errors="backslashreplace"))

    def stream(self, command: Command, data: bytes = b"") -> "_LocalStream":
        return _LocalStream(command, data)

    def replace(
        self, path: str, content: bytes, *, was: bytes | None, beside: str | None = None
    ) -> None:
        self._check(path, was)
        file_store.replace(
            Path(path),
            content,
            mode=0o644,
            beside=Path(beside) if beside else None,
            last_look=lambda: self._check(path, was),
        )

    def remove(self, path: str, *, was: bytes) -> None:
        if self._content(path) is None:
            return
        self._check(path, was)
        with file_store.as_connector_errors(Path(path)):
            os.unlink(path)

    def _content(self, path: str) -> bytes | None:
        try:
            return self.read(path)
        except FileMissing:
            return None

    def _check(self, path: str, was: bytes | None) -> None:
        if self._content(path) != was:
            raise EditedByOthers(f"{path} is not what it was when the plan was made.")


class _LocalStream:
    """A command whose input and stderr are temporary files, so that no full pipe can block it."""

    def __init__(self, command: Command, data: bytes) -> None:
        self._command, self._data = command, data
        self.code, self.errors = -1, ""

    def __iter__(self) -> Iterator[bytes]:
        program = shutil.which(self._command.arguments[0], path=_ENVIRONMENT["PATH"])
        if program is None:
            self.code = _MISSING_PROGRAM
            self.errors = f"{self._command.arguments[0]}: command not found"
            return
        trusted.check(program)
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as complaints:
            source.write(self._data)
            source.seek(0)
            yield from self._run((program, *self._command.arguments[1:]), source, complaints)

    def _run(
        self, arguments: tuple[str, ...], source: IO[bytes], complaints: IO[bytes]
    ) -> Iterator[bytes]:
        with subprocess.Popen(
            arguments, stdin=source, stdout=subprocess.PIPE, stderr=complaints, env=_ENVIRONMENT
        ) as process:
            if process.stdout is None:  # cannot happen with a pipe; for the type checker
                return
            while piece := process.stdout.read(_PIECE):
                yield piece
        self.code = process.returncode
        complaints.seek(0)
        self.errors = complaints.read().decode(errors="backslashreplace")
