"""Evaluates the user and group expressions of Allow and Deny directives to sets of accounts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from recert.connectors.proftpd.configuration.sections import Section

# Regular expressions whose meaning is the same in POSIX and here.
_PLAIN_REGEX = re.compile(r"(?:\\[^\w\s]|[\w^$.*+?()|\[\]\- @,:/])*")
_ALL_PATHS = {"", ".*", "^.*$", "^", ".", "^.", "^.+$", ".+", "^.*", ".*$"}


@dataclass
class Roster:
    """The accounts of one server by number: bit masks for names and for groups."""

    everybody: int = 0
    users: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)

    def add(self, bit: int, name: str, groups: Iterable[str]) -> None:
        self.everybody |= bit
        self.users[name] = self.users.get(name, 0) | bit
        for group in groups:
            self.groups[group] = self.groups.get(group, 0) | bit


@dataclass(frozen=True)
class Fit:
    """Accounts that a directive certainly means, and those that it may mean."""

    surely: int = 0
    maybe: int = 0

    def __or__(self, other: "Fit") -> "Fit":
        return Fit(self.surely | other.surely, self.maybe | other.maybe)


def names(args: Iterable[str]) -> list[str]:
    """The terms of an expression; blanks and commas separate them."""
    return [part for argument in args for part in argument.split(",") if part]


def users(directive: Section, roster: Roster) -> Fit:
    """AllowUser and DenyUser: one of the names, unless a keyword says otherwise."""
    return _expression(directive.args, roster.users, roster.everybody, all_of=False)


def groups(directive: Section, roster: Roster) -> Fit:
    """AllowGroup, DenyGroup, <IfGroup>, DefaultRoot: all of the names, unless a keyword says
    otherwise."""
    return _expression(directive.args, roster.groups, roster.everybody, all_of=True)


def all_groups(args: tuple[str, ...], roster: Roster) -> int:
    """The group expression of DefaultRoot, which knows no keyword."""
    return _all(names(args), roster.groups, roster.everybody)


def session_users(section: Section, roster: Roster) -> Fit:
    """<IfUser>, where the keyword AND works."""
    return _session(section.args, roster.users, roster.everybody, all_of=False)


def session_groups(section: Section, roster: Roster) -> Fit:
    """<IfGroup>, where the keyword AND works."""
    return _session(section.args, roster.groups, roster.everybody, all_of=True)


def _session(args: tuple[str, ...], known: dict[str, int], everybody: int, *, all_of: bool) -> Fit:
    if len(args) > 1 and args[0] == "AND":
        return _sure(_all(names(args[1:]), known, everybody))
    return _expression(args, known, everybody, all_of=all_of)


def _expression(
    args: tuple[str, ...], known: dict[str, int], everybody: int, *, all_of: bool
) -> Fit:
    keyword = args[0] if len(args) > 1 else ""
    if keyword == "regex":
        return _regex(args[1], known, everybody)
    if keyword == "OR":
        return _sure(_any(names(args[1:]), known, everybody))
    if keyword == "AND":  # no keyword here: the daemon takes it for one of the names
        return _sure(_all(names(args), known, everybody))
    mask = _all(names(args), known, everybody) if all_of else _any(names(args), known, everybody)
    return _sure(mask)


def _sure(mask: int) -> Fit:
    return Fit(mask, mask)


def _term(name: str, known: dict[str, int], everybody: int) -> int:
    if name.startswith("!"):
        return everybody & ~known.get(name[1:], 0)
    return known.get(name, 0)


def _any(terms: list[str], known: dict[str, int], everybody: int) -> int:
    mask = 0
    for term in terms:
        mask |= _term(term, known, everybody)
    return mask


def _all(terms: list[str], known: dict[str, int], everybody: int) -> int:
    mask = everybody
    for term in terms:
        mask &= _term(term, known, everybody)
    return mask


def _regex(text: str, known: dict[str, int], everybody: int) -> Fit:
    """What a regular expression of the plain kind means; of any other kind it may mean all."""
    compiled = simple_regex(text)
    if compiled is None:
        return Fit(0, everybody)
    matching = 0
    for name, mask in known.items():
        if compiled.search(name):
            matching |= mask
    return _sure(matching)


def simple_regex(text: str) -> re.Pattern[str] | None:
    """The expression when it means the same here as to the daemon."""
    if not _PLAIN_REGEX.fullmatch(text) or "[[" in text or "[:" in text or "(?" in text:
        return None
    try:
        return re.compile(text)
    except re.error:
        return None


def fits_every_path(text: str) -> bool:
    """True when a filter's expression fits whatever name a client may choose."""
    return text in _ALL_PATHS


def addresses(directive: Section, roster: Roster) -> Fit:
    """Allow and Deny [from]: from where a client comes is not known, so a list may fit."""
    terms = [term for term in names(directive.args) if term.lower() != "from"]
    if any(term.lower() == "all" for term in terms):
        return _sure(roster.everybody)
    if any(term.lower() == "none" for term in terms):
        return Fit()
    if all(term.startswith("!") for term in terms):
        return Fit()
    return Fit(0, roster.everybody)
