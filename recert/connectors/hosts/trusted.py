"""Checks that a local program may be run: only root or Recert itself can have installed it."""

import grp
import os
import stat
from pathlib import Path

from recert.connectors.contract import SettingsInvalid


def check(program: str) -> None:
    """Raises SettingsInvalid naming the part of the path that others could have changed. Links are
    followed: the program that would run counts."""
    real = Path(os.path.realpath(program))
    for part in (real, *real.parents):
        status = part.stat()
        if status.st_uid not in (0, os.geteuid()):
            raise SettingsInvalid(
                f"{program} is not run: {part} belongs to uid {status.st_uid}, not to root or to "
                "Recert's own user."
            )
        is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        writable = status.st_mode & stat.S_IWOTH or (
            status.st_mode & stat.S_IWGRP and _has_others(status.st_gid)
        )
        if writable and not is_sticky:
            raise SettingsInvalid(f"{program} is not run: {part} can be changed by others.")


def _has_others(gid: int) -> bool:
    """Whether a group has members; root's own and an empty one (Debian's staff) let nobody in."""
    if gid == 0:
        return False
    try:
        return any(name != "root" for name in grp.getgrgid(gid).gr_mem)
    except KeyError:
        return True
