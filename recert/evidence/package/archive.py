"""A zip file whose files are hashed while they are written."""

import csv
import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from recert.evidence.package.csv_safety import neutral, neutral_row


class Sealed:
    """The files of a package, one after the other, and what the manifest says of them."""

    def __init__(self, target: IO[bytes]) -> None:
        self.zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self.files: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        self.zip.close()

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One file of the package."""
        hasher = _Hashing(self.zip.open(name, "w", force_zip64=True))
        with io.BufferedWriter(hasher) as file:
            yield file
        self.files[name] = {"sha256": hasher.digest.hexdigest(), "size": hasher.size}

    @contextmanager
    def open_text(self, name: str) -> Iterator[IO[str]]:
        """One text file of the package."""
        with (
            self.open(name) as file,
            io.TextIOWrapper(file, encoding="utf-8", newline="") as text,
        ):
            yield text

    def text(self, name: str, content: str) -> None:
        """A whole text file at once."""
        with self.open_text(name) as file:
            file.write(content)

    def raw(self, name: str, content: bytes) -> None:
        """A whole file at once."""
        with self.open(name) as file:
            file.write(content)

    def copy(self, name: str, source: Path) -> None:
        """A file from the disk, block by block."""
        with self.open(name) as file, source.open("rb") as made:
            shutil.copyfileobj(made, file)

    def table(self, name: str, rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> None:
        """A CSV file, row by row."""
        with self.open_text(name) as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in rows:
                writer.writerow({key: neutral(value) for key, value in row.items()})

    def rows(
        self, name: str, parts: Iterable[Sequence[Sequence[Any]]], columns: Sequence[str]
    ) -> None:
        """A CSV file from tuples, some at a time."""
        with self.open_text(name) as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for part in parts:
                writer.writerows([neutral_row(row) for row in part])

    def lines(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """A file with one JSON object per line."""
        with self.open_text(name) as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")


class _Hashing(io.RawIOBase):
    def __init__(self, target: IO[bytes]) -> None:
        self.target, self.digest, self.size = target, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self.digest.update(block)
        self.size += len(block)
        return self.target.write(block)

    def close(self) -> None:
        if not self.closed:
            self.target.close()
        super().close()
