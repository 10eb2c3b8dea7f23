"""The rights a client can try, as a bit mask, and how reviewers read them.

A right is something a client can *try*, so each one can be checked against the real server.
"""

from collections.abc import Iterable
from enum import IntFlag

from recert.foundation.errors import BadInput


class UnknownRight(BadInput):
    """This right is not known. Use list, download, upload, overwrite, delete, rename, mkdir,
    rmdir, chmod or share."""


class Rights(IntFlag):
    """What one account can do with the entries directly in one folder."""

    NONE = 0
    LIST = 1
    DOWNLOAD = 2
    UPLOAD = 4
    OVERWRITE = 8
    DELETE = 16
    RENAME = 32
    MKDIR = 64
    RMDIR = 128
    CHMOD = 256
    SHARE = 512


READ = Rights.LIST | Rights.DOWNLOAD
ADD = READ | Rights.UPLOAD
EDIT = ADD | Rights.OVERWRITE | Rights.DELETE | Rights.RENAME | Rights.MKDIR | Rights.RMDIR
FULL = EDIT | Rights.CHMOD
ALL = FULL | Rights.SHARE

PHRASES = {
    Rights.LIST: "see file names",
    Rights.DOWNLOAD: "open and download files",
    Rights.UPLOAD: "add new files",
    Rights.OVERWRITE: "change existing files",
    Rights.DELETE: "delete files",
    Rights.RENAME: "rename or move files",
    Rights.MKDIR: "create subfolders",
    Rights.RMDIR: "remove subfolders",
    Rights.CHMOD: "change file settings",
    Rights.SHARE: "give others access",
}

_LABELS = {
    Rights.NONE: "no access",
    Rights.LIST: "see names",
    Rights.UPLOAD: "drop-off",
    READ: "read",
    ADD: "read and add",
    EDIT: "edit",
    FULL: "full",
    ALL: "full",
}


def names(rights: int) -> list[str]:
    """The stored names, in their fixed order: ["list", "download"]."""
    return [str(right.name).lower() for right in PHRASES if right & rights]


def say(rights: int) -> str:
    """The stored names as one text: "list, download", or "no access"."""
    return ", ".join(names(rights)) or "no access"


def phrases(rights: int) -> list[str]:
    """The phrases that reviewers read: ["see file names", "open and download files"]."""
    return [text for right, text in PHRASES.items() if right & rights]


def label(rights: int) -> str:
    """One line from "no access" to "full"; anything between is "custom"."""
    return _LABELS.get(Rights(rights), "custom")


def parse(text: Iterable[str]) -> Rights:
    """Rights from their stored names; raises UnknownRight for any other name."""
    rights = Rights.NONE
    for name in text:
        try:
            rights |= Rights[name.strip().upper()]
        except KeyError as error:
            raise UnknownRight(f"Not known: {name!r}.") from error
    return rights
