"""Finding the <Directory> section that holds for a path."""

import re
from collections.abc import Callable
from functools import lru_cache

from recert.connectors.proftpd.sections import Kind, Section

GLOB = re.compile(r"[*?\[\\]")
# A name that no administrator writes into a section: it stands for any file in a folder.
PROBE = "\x01any"


def find(
    level: Section, path: str, path_of: Callable[[Section], str | None] | None = None
) -> Section | None:
    """The section that holds for a path, below one server or <Anonymous>; None when none does.

    At each level the first that is the path, or fits it as a pattern, or holds it, wins; the
    search goes on inside it. `path_of` gives the path of a section that is known only at the
    login.
    """
    for section in level.items:
        if section.kind is not Kind.DIRECTORY:
            continue
        own: str | None = section.path
        if section.is_deferred:
            own = path_of(section) if path_of else None
        if own is None:
            continue
        if own == path:
            return section
        if fits(own, path):
            return find(section, path, path_of) or section
    return None


def fits(section: str, path: str) -> bool:
    """True when a section of this path reaches to `path` below it."""
    if section == "/":
        return True
    if not GLOB.search(section):
        return path.startswith(section + "/")
    if section.endswith("/*"):
        return pattern(section).fullmatch(path) is not None
    return pattern(section + "/*").fullmatch(path) is not None or (
        pattern(section).fullmatch(path) is not None
    )


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """A glob of the daemon: * and ? also fit a slash; {a,b} is no pattern."""
    found: list[str] = []
    at = 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "*":
            found.append(".*")
        elif letter == "?":
            found.append(".")
        elif letter == "\\" and at < len(text):
            found.append(re.escape(text[at]))
            at += 1
        elif letter == "[" and (end := text.find("]", at + 1)) > 0:
            inside = text[at:end].replace("\\", "\\\\")
            inside = "^" + inside[1:] if inside[0] in "!^" else inside
            found.append(f"[{inside}]")
            at = end + 1
        else:
            found.append(re.escape(letter))
    try:
        return re.compile("".join(found), re.DOTALL)
    except re.error:
        return re.compile(re.escape(text))


class Finder:
    """Finds sections for folders, remembering what cannot differ.

    A folder is governed like its parent unless a section names it or a pattern may fit it, so
    most folders of a large tree cost one look into a table.
    """

    def __init__(
        self, level: Section, path_of: Callable[[Section], str | None] | None = None
    ) -> None:
        self._level, self._path_of = level, path_of
        self._plain: set[str] = set()
        self._has_patterns = False
        self._note(level)
        self._known: dict[str, tuple[Section | None, Section | None]] = {}

    def of(self, folder: str) -> tuple[Section | None, Section | None]:
        """The section for the folder itself, and the one for a file in it."""
        if self._has_patterns:
            return self._look(folder)
        nearest = self._nearest(folder)
        if nearest not in self._known:
            self._known[nearest] = self._look(nearest)
        itself, inside = self._known[nearest]
        return (itself, inside) if nearest == folder else (inside, inside)

    def _nearest(self, folder: str) -> str:
        while folder not in self._plain and folder != "/":
            folder = folder.rpartition("/")[0] or "/"
        return folder

    def _look(self, folder: str) -> tuple[Section | None, Section | None]:
        below = f"{folder.rstrip('/')}/{PROBE}"
        return (
            find(self._level, folder, self._path_of),
            find(self._level, below, self._path_of),
        )

    def _note(self, level: Section) -> None:
        for section in level.directories():
            path = section.path
            if section.is_deferred:
                path = (self._path_of(section) if self._path_of else None) or ""
            self._has_patterns |= bool(GLOB.search(path))
            self._plain.add(path)
            self._note(section)
