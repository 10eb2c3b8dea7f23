"""A real client that tries every right in every folder, and proves it by what happened on disk.

What an account can do is said about regular files of somebody else that lie directly in the
folder; a folder without any is judged by a file that stands for the folder's own bits.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from recert.connectors.rights import Rights
from tests.daemons.acls import (
    MASK,
    OTHER,
    OWNER,
    OWNING,
    READ_WRITE,
    Look,
    cut,
    dress,
    look,
    put_back,
    remove,
    unpacked,
)
from tests.daemons.clients import Client, Refused

NEW = "rctprobe-new"
STAND_IN = "rctprobe-file"
MOVABLE = "rctprobe-movable"
SUBFOLDER = "rctprobe-folder"
OURS = (STAND_IN, MOVABLE, SUBFOLDER)
WRITTEN = b"written by a probe"


def tried(client: Client, jail: str, uid: int, folders: Iterable[Path]) -> dict[str, Rights]:
    """What the account behind the client really can do, folder by folder."""
    folders = list(folders)
    inside = [path for folder in folders if (path := path_inside(jail, folder)) is not None]
    client.learn(["/", *inside], _files(jail, folders))
    return {str(folder): _one(client, jail, uid, folder) for folder in folders}


def _one(client: Client, jail: str, uid: int, folder: Path) -> Rights:
    inside = path_inside(jail, folder)
    if inside is None:
        return Rights.NONE
    with Bench(folder, uid) as bench:
        found = Attempts(client, inside, bench).all_rights()
        if client.enter(inside or "/"):
            found |= Attempts(client, None, bench).all_rights()
        client.leave()
        return found


def _files(jail: str, folders: Iterable[Path]) -> Iterator[str]:
    for folder in folders:
        inside = path_inside(jail, folder)
        for entry in sorted(folder.iterdir()) if inside is not None else ():
            if entry.is_file() and not entry.is_symlink():
                yield f"{inside}/{entry.name}"


def path_inside(jail: str, folder: Path) -> str | None:
    """The folder's path as a client of the jail writes it, without a final slash."""
    if not folder.is_relative_to(jail):
        return None
    inner = folder.relative_to(jail)
    return "" if inner == Path() else f"/{inner}"


class Bench:
    """One folder made ready for the tries of one account: everything in it stands as before
    after each of them, and what we laid out is gone at the end."""

    def __init__(self, folder: Path, uid: int) -> None:
        self.folder = folder
        self.uid = uid
        self._folder_look = look(folder)
        self.looks = {entry.name: look(entry) for entry in folder.iterdir()}
        self.existing = [name for name, its in self.looks.items() if its.is_file and its.uid != uid]
        self.movable = self.existing
        self.modes = self.existing

    def __enter__(self) -> "Bench":
        for name in OURS:
            remove(self.folder / name)
            self.looks.pop(name, None)
        self._lay_out(SUBFOLDER, Look(stat.S_IFDIR | 0o755, 0, 0))
        if not self.existing:
            self._lay_out_stand_in()
        return self

    def __exit__(self, *_details: object) -> None:
        for name in OURS:
            remove(self.folder / name)
            self.looks.pop(name, None)
        self.tidy()

    def _lay_out(self, name: str, wanted: Look) -> None:
        put_back(self.folder / name, wanted)
        self.looks[name] = look(self.folder / name)

    def _lay_out_stand_in(self) -> None:
        mine = stand_in(self._folder_look)
        self._lay_out(STAND_IN, mine)
        self.existing = self.movable = self.modes = [STAND_IN]
        if mine.uid == self.uid:
            self._lay_out(MOVABLE, Look(stat.S_IFREG | 0o600, 0, 0, content=b"of root"))
            self.movable, self.modes = [MOVABLE], []

    def tidy(self) -> None:
        """Every entry looks as before; what is new goes away."""
        for name in os.listdir(self.folder):
            if name not in self.looks:
                remove(self.folder / name)
        for name, wanted in self.looks.items():
            path = self.folder / name
            if not os.path.lexists(path) or look(path) != wanted:
                put_back(path, wanted)
        if look(self.folder) != self._folder_look:
            dress(self.folder, self._folder_look)

    def added(self) -> list[Path]:
        return [self.folder / name for name in os.listdir(self.folder) if name not in self.looks]


def stand_in(folder: Look) -> Look:
    """A file that lets in whom the folder lets in: by the default ACL, where there is one."""
    content = b"stands for the folder"
    if folder.default is None:
        access = folder.access  # whole: without its x a mask could become empty, which means more
        mode = stat.S_IFREG | (folder.mode & (0o666 if access is None else 0o777))
        return Look(mode, folder.uid, folder.gid, access, content=content)
    access = cut(folder.default)
    return Look(stat.S_IFREG | _mode_of(access), 0, folder.gid, access, content=content)


def _mode_of(access: bytes) -> int:
    """The mode that the kernel shows beside an access ACL; its mask, where it has one, stands in
    the place of the group."""
    bits = {tag: permission for tag, _number, permission in unpacked(access)}
    group = bits.get(MASK, bits[OWNING])
    return (bits[OWNER] << 6 | group << 3 | bits[OTHER]) & (READ_WRITE * 0o111)


class Attempts:
    """Every right of one account in one folder; without a path from inside of it."""

    def __init__(self, client: Client, inside: str | None, bench: Bench) -> None:
        self._client = client
        self._inside = inside
        self._bench = bench
        self._folder = bench.folder

    def all_rights(self) -> Rights:
        found = Rights.NONE
        for right in Rights:
            if right not in (Rights.NONE, Rights.SHARE):
                name = str(right.name).lower()
                if getattr(self, f"_{name}")():
                    found |= right
        return found

    def _path(self, name: str) -> str:
        return name if self._inside is None else f"{self._inside}/{name}"

    def _list(self) -> bool:
        # A name that stands nowhere else: some servers list other folders than was asked.
        known = {SUBFOLDER}
        for listing in self._client.listings():
            with contextlib.suppress(Refused):
                if known & listing("." if self._inside is None else self._inside or "/"):
                    return True
        return False

    def _download(self) -> bool:
        for name in self._bench.existing:
            for way in self._client.ways("download"):
                with contextlib.suppress(Refused):
                    if way(self._path(name)) == self._bench.looks[name].content:
                        return True
        return False

    def _upload(self) -> bool:
        def appeared() -> bool:
            return any(path.is_file() for path in self._bench.added())

        return self._any("upload", [NEW], appeared, WRITTEN)

    def _overwrite(self) -> bool:
        def changed() -> bool:
            return any(
                (self._folder / name).read_bytes() != self._bench.looks[name].content
                for name in self._bench.existing
            )

        return self._any("overwrite", self._bench.existing, changed, WRITTEN)

    def _delete(self) -> bool:
        return self._any("delete", self._bench.movable, lambda: self._gone(self._bench.movable))

    def _rename(self) -> bool:
        def moved() -> bool:
            return (self._folder / NEW).is_file() and self._gone(self._bench.movable)

        return self._any("rename", self._bench.movable, moved, self._path(NEW))

    def _mkdir(self) -> bool:
        return self._any("mkdir", [NEW], lambda: any(path.is_dir() for path in self._bench.added()))

    def _rmdir(self) -> bool:
        return self._any("rmdir", [SUBFOLDER], lambda: self._gone([SUBFOLDER]))

    def _chmod(self) -> bool:
        def changed() -> bool:
            return any(
                look(self._folder / name).mode != self._bench.looks[name].mode
                for name in self._bench.modes
            )

        return any(
            self._any("chmod", [name], changed, (self._bench.looks[name].mode & 0o777) ^ 0o004)
            for name in self._bench.modes
        )

    def _gone(self, names: Iterable[str]) -> bool:
        return any(not os.path.lexists(self._folder / name) for name in names)

    def _any(
        self, verb: str, names: Iterable[str], happened: Callable[[], bool], *more: Any
    ) -> bool:
        """Whether one way of doing it works for one of the names."""
        for name in names:
            for way in self._client.ways(verb):
                with contextlib.suppress(Refused):
                    way(self._path(name), *more)
                done = happened()
                self._bench.tidy()
                if done:
                    return True
        return False
