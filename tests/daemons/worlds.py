"""A small random company on disk: groups, a tree of folders with every sort of permission.

The accounts differ from server to server and are added by the rigs. Everything follows from the
seed, so that a world that shows a mistake can be built again.
"""

import os
import random
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.daemons.acls import (
    ACCESS,
    DEFAULT,
    GROUP,
    MASK,
    NOBODY,
    OTHER,
    OWNER,
    OWNING,
    USER,
    packed,
    set_acl,
)
from tests.daemons.residents import Group, Residents, User, new_place

FOLDER_NAMES = (
    "in", "out", "finance", "hr", "in box", "it's", 'the "best"', "Größe", "[draft]", "-dash",
    "a&b", "50%", "#1", "semi;colon", "{x}", "50 % + [1]", "日本", "x=y", ".config", "two  blanks",
)  # fmt: skip
FILE_NAMES = (
    "report.pdf", "übersicht.txt", "a b.csv", ".hidden", "-x", "[1].txt", "data.zip", "it's.doc",
)  # fmt: skip
OPEN_MODES = (0o755, 0o755, 0o775, 0o777, 0o711, 0o751, 0o2775, 0o1777)
FOLDER_MODES = (
    *OPEN_MODES, *OPEN_MODES, *OPEN_MODES, 0o750, 0o770, 0o2770, 0o2775, 0o1777, 0o777,
    0o551, 0o500, 0o000, 0o730, 0o733, 0o333, 0o710, 0o700, 0o3770, 0o757, 0o705, 0o070, 0o007,
)  # fmt: skip
FILE_MODES = (
    0o644, 0o644, 0o640, 0o660, 0o664, 0o600, 0o666, 0o000, 0o444, 0o604, 0o060, 0o606, 0o755,
    0o440, 0o420,
)  # fmt: skip
SOME_BITS = (0, 1, 2, 3, 4, 5, 5, 5, 6, 7, 7, 7)
WITHOUT_AN_OWNER = 6_999_999


@dataclass
class Ground:
    """The place of one world and what stands on it."""

    dice: random.Random
    place: Path
    residents: Residents
    groups: list[Group] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)  # parents first, the root included
    numbers: list[int] = field(default_factory=list)  # uids of accounts that are no system users

    @classmethod
    def of(cls, kind: str, seed: int) -> Self:
        """Groups, but neither accounts nor folders yet: both need the other."""
        dice = random.Random(f"{kind} {seed}")
        ground = cls(dice, new_place(seed), Residents())
        ground.root.mkdir(mode=0o755)
        ground.folders.append(ground.root)
        try:
            ground.groups = [
                ground.residents.add_group(f"g{number}") for number in range(dice.randint(3, 4))
            ]
        except AssertionError:
            ground.clear()
            raise
        return ground

    @property
    def root(self) -> Path:
        return self.place / "tree"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.clear()

    def clear(self) -> None:
        self.residents.__exit__()
        shutil.rmtree(self.place, ignore_errors=True)

    def chance(self, likelihood: float) -> bool:
        return self.dice.random() < likelihood

    def some(self, many: Sequence[Group], most: int) -> list[Group]:
        return self.dice.sample(list(many), self.dice.randint(0, min(most, len(many))))

    def a_home(self) -> Path:
        """Where an account starts: mostly high up, so that it can reach something."""
        some = self.dice.choice(([self.root], [self.root], [self.root], self.top(), self.folders))
        folder = self.dice.choice(some)
        return self._alias(folder) if self.chance(0.06) else folder

    def _alias(self, folder: Path) -> Path:
        """Another way to the same folder."""
        link = self.place / f"way-{len(list(self.place.glob('way-*')))}"
        link.symlink_to(folder)
        return link

    def top(self) -> list[Path]:
        """The root and what lies directly in it: where most accounts start."""
        return [self.root, *(folder for folder in self.folders if folder.parent == self.root)]

    def new_user(self, name: str, home: Path, **more: object) -> User:
        """A system user in random groups."""
        primary, *others = self.dice.sample(self.groups, self.dice.randint(1, 3))
        return self.residents.add_user(name, primary, others, home=home, **more)  # type: ignore[arg-type]

    @property
    def uids(self) -> list[int]:
        return [*(user.uid for user in self.residents.users), *self.numbers]

    def new_uid(self) -> int:
        """The uid of an account that the machine does not know."""
        self.numbers.append(self.residents.free_id())
        return self.numbers[-1]

    def lay_folders(self, count: int, also: Sequence[str] = ()) -> None:
        """Empty folders, all as open as they were made; `dress_folders` closes them. `also`:
        names that mean something to one kind of server."""
        names = [*FOLDER_NAMES, *also]
        self.dice.shuffle(names)
        for number in range(count):
            top = number < 4 or self.chance(0.1)
            parent = self.root if top else self.dice.choice(self.folders)
            if len(parent.relative_to(self.root).parts) > 3:
                parent = self.root
            self.add_folder(parent / names[number % len(names)])

    def add_folder(self, folder: Path) -> None:
        if folder not in self.folders:
            folder.mkdir()
            self.folders.append(folder)

    def dress_folders(self, keep: Sequence[Path] = ()) -> None:
        """Random owners, modes, ACLs and files for every folder but those to keep."""
        for folder in self.folders[1:]:
            for name in self.dice.sample(FILE_NAMES, self.dice.choice((0, 0, 1, 1, 2, 3))):
                self._add_file(folder / name)
            if self.chance(0.1):
                (folder / "link").symlink_to(self.dice.choice(("elsewhere", "..", "report.pdf")))
        for folder in self.folders[1:]:
            if folder not in keep:
                top = folder.parent == self.root and self.chance(0.8)
                self._dress(folder, OPEN_MODES if top else FOLDER_MODES, acl_chance=0.4)
                if self.chance(0.25):
                    set_acl(folder, DEFAULT, self._random_acl(folder.stat().st_mode))

    def _add_file(self, path: Path) -> None:
        path.write_text(f"{path} {self.dice.random()}")
        self._dress(path, FILE_MODES, acl_chance=0.3)

    def _dress(self, path: Path, modes: Sequence[int], acl_chance: float) -> None:
        uids = self.uids
        gids = [group.gid for group in self.groups]
        mode = self.dice.choice(modes)
        owner = self.dice.choice([*uids, *[0] * len(uids), WITHOUT_AN_OWNER])
        path.chmod(mode)
        set_acl(path, ACCESS, self._random_acl(mode) if self.chance(acl_chance) else None)
        os.chown(path, owner, self.dice.choice([*gids, *gids, 0]))
        if mode & 0o7000:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | mode & 0o7000)

    def _random_acl(self, mode: int) -> bytes:
        """The mode's own entries, some named ones and a mask that may cut them."""
        dice = self.dice
        users = dice.sample(self.uids, dice.randint(0, 2))
        groups = dice.sample([group.gid for group in self.groups], dice.randint(0, 2))
        if not users and not groups:
            users = [WITHOUT_AN_OWNER]
        mask = dice.choice((*SOME_BITS, 7, 7, 7))
        return packed(
            [
                (OWNER, NOBODY, mode >> 6 & 7),
                *((USER, uid, dice.choice(SOME_BITS)) for uid in set(users)),
                (OWNING, NOBODY, mode >> 3 & 7),
                *((GROUP, gid, dice.choice(SOME_BITS)) for gid in groups),
                (MASK, NOBODY, mask),
                (OTHER, NOBODY, mode & 7),
            ]
        )
