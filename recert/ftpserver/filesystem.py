"""The file system of a session: listings show its real rights and hide the targets of links."""

# mypy: disallow-subclassing-any=False

import os
import re
import stat
from collections.abc import Iterator

from pyftpdlib.exceptions import FilesystemError
from pyftpdlib.filesystems import AbstractedFS

from recert.connectors.embedded import paths, tree
from recert.connectors.names import is_clean
from recert.connectors.rights import Rights
from recert.ftpserver import command_rights
from recert.ftpserver.authorizer import Authorizer

_PERM = re.compile(rb"perm=;")
_OF_FOLDER = {
    "c": Rights.UPLOAD,
    "l": Rights.LIST,
    "m": Rights.MKDIR,
    "p": Rights.DELETE | Rights.RMDIR,
}
_OF_FILE = {
    "a": Rights.OVERWRITE,
    "d": Rights.DELETE,
    "f": Rights.RENAME,
    "r": Rights.DOWNLOAD,
    "w": Rights.OVERWRITE,
}


class Filesystem(AbstractedFS):
    """pyftpdlib's file system, corrected where it shows wrong rights or reveals too much."""

    def chdir(self, path: str) -> None:
        """The session moves, not the process: other threads live in it."""
        if not stat.S_ISDIR(os.stat(path).st_mode):
            raise FilesystemError("Not a directory")
        self.cwd = self.fs2ftp(path)

    def listdir(self, path: str) -> list[str]:
        """Without names that no client can send; one with a line break would add a line."""
        return [name for name in os.listdir(path) if is_clean(name)]

    def readlink(self, path: str) -> str:
        """Refuses: the target of a link is a path of the machine, which clients must not see."""
        raise FilesystemError("Not shown")

    def stat(self, path: str) -> os.stat_result:
        """Follows a link only to what the account may see there."""
        if os.path.islink(path) and not self._may("MLST", path):
            return os.lstat(path)
        return os.stat(path)

    def format_mlsx(
        self,
        basedir: str,
        listing: list[str],
        perms: str,
        facts: list[str],
        ignore_err: bool = True,
    ) -> Iterator[bytes]:
        """RFC 3659 7.5.5 `perm` facts from the rights in each folder, not from one list for all."""
        for name in listing:
            perm = self._perm_fact(os.path.join(basedir, name)) if "perm" in facts else ""
            true_fact = f"perm={perm};".encode()
            for line in super().format_mlsx(basedir, [name], "", facts, ignore_err):
                yield _PERM.sub(true_fact, line, count=1) if "perm" in facts else line

    @property
    def _authorizer(self) -> Authorizer:
        authorizer: Authorizer = self.cmd_channel.authorizer
        return authorizer

    def _perm_fact(self, path: str) -> str:
        tree_path = tree.from_native(self._authorizer.source.root, path)
        around = self._rights_in(
            paths.parent(tree_path) if tree_path and tree_path != "/" else None
        )
        if not os.path.isdir(path):
            return _perm_of(_OF_FILE, around)
        inside = self._rights_in(tree_path)
        perm = _perm_of(_OF_FOLDER, inside) + ("e" if inside else "")
        perm += _perm_of({"d": Rights.RMDIR, "f": Rights.RENAME}, around)
        return "".join(sorted(perm))

    def _may(self, command: str, path: str) -> bool:
        asked = command_rights.of(self._authorizer.source.root, command, path)
        return self._authorizer.allows(self.cmd_channel.username, asked)

    def _rights_in(self, folder: str | None) -> Rights:
        return self._authorizer.rights_in(self.cmd_channel.username, folder)


def _perm_of(meaning: dict[str, Rights], rights: Rights) -> str:
    return "".join(flag for flag, right in meaning.items() if right & rights)
