"""Finding the <Directory> section that holds for a path."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from recert.connectors.proftpd.configuration.sections import Section

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
    return Finder(level, path_of).find(path)


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
    expression: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "*":
            expression.append(".*")
        elif character == "?":
            expression.append(".")
        elif character == "\\" and at < len(text):
            expression.append(re.escape(text[at]))
            at += 1
        elif character == "[" and (end := text.find("]", at + 1)) > 0:
            inside = text[at:end].replace("\\", "\\\\")
            inside = "^" + inside[1:] if inside[0] in "!^" else inside
            expression.append(f"[{inside}]")
            at = end + 1
        else:
            expression.append(re.escape(character))
    try:
        return re.compile("".join(expression), re.DOTALL)
    except re.error:
        return re.compile(re.escape(text))


class _Level:
    """The sections of one level by their paths: whichever comes first among those that fit a path
    is found without asking all of them."""

    def __init__(self, level: Section, path_of: Callable[[Section], str | None] | None) -> None:
        self._plain: dict[str, tuple[int, Section]] = {}
        self._patterns: list[tuple[int, Section, str]] = []
        for position, section in enumerate(level.directories()):
            path: str | None = section.path
            if section.is_deferred:
                path = path_of(section) if path_of else None
            if path is None:
                continue
            if GLOB.search(path):
                self._patterns.append((position, section, path))
            else:
                self._plain.setdefault(path, (position, section))

    @property
    def has_patterns(self) -> bool:
        return bool(self._patterns)

    def paths(self) -> Iterable[str]:
        return self._plain

    def first(self, path: str) -> tuple[Section, bool] | None:
        """The first section that fits, and whether it is the path itself."""
        best: tuple[int, Section] | None = None
        ancestor = path
        while self._plain:
            candidate = self._plain.get(ancestor or "/")
            if candidate is not None and (best is None or candidate[0] < best[0]):
                best = candidate
            if not ancestor or ancestor == "/":
                break
            ancestor = ancestor.rpartition("/")[0]
        for position, section, glob in self._patterns:
            if best is not None and best[0] < position:
                break
            if glob == path or fits(glob, path):
                return section, glob == path
        if best is None:
            return None
        return best[1], self._plain.get(path) == best


class Finder:
    """Finds sections for folders, remembering what cannot differ.

    A folder is governed like its parent unless a section names it or a pattern may fit it, so
    most folders of a large tree cost one look into a table.
    """

    def __init__(
        self, level: Section, path_of: Callable[[Section], str | None] | None = None
    ) -> None:
        self._top, self._path_of = level, path_of
        self._levels: dict[Section, _Level] = {}
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

    def find(self, path: str) -> Section | None:
        """The section that holds for one path."""
        level, section = self._levels[self._top], None
        while (step := level.first(path)) is not None:
            section, is_exact = step
            if is_exact:
                break
            level = self._levels[section]
        return section

    def _nearest(self, folder: str) -> str:
        while folder not in self._plain and folder != "/":
            folder = folder.rpartition("/")[0] or "/"
        return folder

    def _look(self, folder: str) -> tuple[Section | None, Section | None]:
        return self.find(folder), self.find(f"{folder.rstrip('/')}/{PROBE}")

    def _note(self, level: Section) -> None:
        own = self._levels[level] = _Level(level, self._path_of)
        self._has_patterns |= own.has_patterns
        self._plain.update(own.paths())
        for section in level.directories():
            self._note(section)
