"""Temporary files that a killed run left on a machine reached over SSH."""

import os
import stat
from contextlib import suppress
from typing import Any

import asyncssh

from recert.connectors import file_store
from recert.connectors.hosts.contract import PATIENCE

# No lock tells over SFTP whose a file is, but no step of a run takes longer than this.
_OLDER_THAN = 6 * PATIENCE


async def sweep(sftp: Any, own: bytes, name: str) -> None:
    """Removes them beside our own temporary file, whose time is the machine's own "now". What
    cannot be looked at or removed stays: the edit itself does not depend on it."""
    folder = os.path.dirname(own)
    pattern = file_store.temporary_names_of(name)
    with suppress(asyncssh.SFTPError):
        now = (await sftp.lstat(own)).mtime
        for entry in await sftp.readdir(folder):
            if not pattern.fullmatch(os.fsdecode(entry.filename)):
                continue
            is_old = entry.attrs.mtime < now - _OLDER_THAN
            if is_old and stat.S_ISREG(entry.attrs.permissions or 0):
                await sftp.remove(folder + b"/" + entry.filename)
