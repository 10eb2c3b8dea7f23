"""Writes the transfer log in the common xferlog format."""

import logging
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transfer:
    """One finished or broken transfer, or one deletion."""

    account: str
    anonymous: bool
    host: str
    path: str  # of the server's tree
    direction: str  # o: download, i: upload, d: delete
    size: int = 0
    seconds: float = 0.0
    ascii_mode: bool = False
    complete: bool = True


def line_of(transfer: Transfer, at: datetime) -> str:
    """One line; times are UTC, blanks in names become _ as the format wants it."""
    return " ".join(
        (
            time.asctime(at.utctimetuple()),
            str(round(transfer.seconds)),
            transfer.host,
            str(transfer.size),
            _without_blanks(transfer.path),
            "a" if transfer.ascii_mode else "b",
            "_",
            transfer.direction,
            "a" if transfer.anonymous else "r",
            _without_blanks(transfer.account),
            "ftp 0 *",
            "c" if transfer.complete else "i",
        )
    )


def append(path: Path, transfer: Transfer, at: datetime) -> None:
    """Opens the log anew for each line, so that it can be rotated at any time."""
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line_of(transfer, at) + "\n")
    except OSError as error:
        log.error("The transfer log %s cannot be written: %s", path, error)


def _without_blanks(text: str) -> str:
    return re.sub(r"\s", "_", text)
