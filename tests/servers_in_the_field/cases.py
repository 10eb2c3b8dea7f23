"""The files of this corpus: one construct each, with what the real daemon does."""

from dataclasses import dataclass, field
from pathlib import Path

from recert.connectors.rights import Rights, names

HERE = Path(__file__).parent
ALL = Rights(sum(right for right in Rights if right not in (Rights.CHMOD, Rights.SHARE)))


@dataclass(frozen=True)
class Cell:
    """What one account can do in one folder by one protocol."""

    account: str
    protocol: str
    folder: str
    rights: Rights

    def __str__(self) -> str:
        return f"{self.account} {self.protocol} {self.folder}: {spelled(self.rights)}"


@dataclass
class Case:
    """One file."""

    path: Path
    about: str = ""
    accounts: list[str] = field(default_factory=list)
    tree: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # "" is the main file
    modes: list[tuple[str, int, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # ACCOUNT FOLDER PATH-AS-TYPED
    cells: list[Cell] = field(default_factory=list)
    widened: bool = False
    partial: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refused: str = ""

    @property
    def kind(self) -> str:
        return self.path.parent.name


def spelled(rights: Rights) -> str:
    return "all" if rights == ALL else " ".join(names(rights)) or "none"


def read(path: Path) -> Case:
    """AssertionError names the line that is not of the form."""
    case = Case(path)
    section, about = "", []
    for line in path.read_text().splitlines():
        if line.startswith("[") and line.endswith("]") and _opens(case, line[1:-1]):
            section = line[1:-1]
        elif section == "config" or section.startswith("file "):
            name = section.removeprefix("file ") if section != "config" else ""
            case.files[name] = case.files.get(name, "") + line + "\n"
        elif not section:
            about.append(line)
        elif line.strip():
            _note(case, section, line)
    case.about = "\n".join(about).strip()
    assert case.about, f"{path.name} does not say what it is about"
    return case


def _opens(case: Case, title: str) -> bool:
    if title.startswith("mode "):
        _, name, mode, *owner = title.split()
        case.modes.append((name, int(mode, 8), owner[0] if owner else ""))
        return True
    if title == "config" or title.startswith("file "):
        case.files.setdefault("" if title == "config" else title.removeprefix("file "), "")
        return True
    return title in ("accounts", "tree", "paths", "expect")


def _note(case: Case, section: str, line: str) -> None:
    if section == "accounts":
        case.accounts.append(line)
    elif section == "tree":
        case.tree.append(line)
    elif section == "paths":
        case.paths.append(line)
    else:
        _expect(case, line)


def _expect(case: Case, line: str) -> None:
    key, _, text = line.partition(": ")
    if line == "widened":
        case.widened = True
    elif key in ("partial", "unlisted"):
        getattr(case, key).append(text)
    elif key == "warning":
        case.warnings.append(text)
    elif key == "refused":
        case.refused = text
    else:
        account, protocol, folder = key.rsplit(" ", 2)
        case.cells.append(Cell(account, protocol, folder, _rights(text)))


def _rights(text: str) -> Rights:
    found = Rights.NONE
    for word in text.split():
        found |= ALL if word == "all" else Rights[word.upper()]
    return found


def of_kind(kind: str) -> list[Case]:
    return [read(path) for path in sorted((HERE / kind).glob("*.case"))]
