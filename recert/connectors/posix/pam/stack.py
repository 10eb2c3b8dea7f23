"""Simulates how PAM answers a login with the right password or key.

Modules whose answer follows from files are judged with their arguments. Any other may succeed or
refuse: a login is refused only when both outcomes refuse it, and in doubt when they differ.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts.contract import FileFact, FileMissing, Host
from recert.connectors.posix.pam import mysql
from recert.connectors.posix.pam.databases import databases
from recert.connectors.posix.pam.lines import control, logical_lines, pam_path
from recert.connectors.posix.pam.modules import (
    CONSTANT,
    IGNORE,
    JUDGES,
    MISSING,
    NEW_PASSWORD,
    REFUSED,
    SHELLS,
    SUCCESS,
    UNSAFE,
    Answer,
    Lists,
    Login,
    Rule,
    database_of,
    shells_in,
)
from recert.connectors.posix.permissions.accounts import Passwd, lines_of

__all__ = ["Lists", "Login", "Pam", "Rule", "doubts", "refusal", "shells_of", "strangers"]

_LINE = re.compile(r"^(-?\w+)\s+(\[[^\]]*\]|\w+)\s+(\S+)\s*(.*)$")
_INCLUDE = re.compile(r"^(-?\w+)\s+(include|substack)\s+(\S+)")
_ARGUMENT = re.compile(r"\[((?:\\\]|[^\]])*)\]|(\S+)")
_OTHER = "/etc/pam.d/other"
_KINDS = ("auth", "account")
_EVERYBODY_WRITES = 0o002
_SAMPLE = Login("", Passwd("", 0, 0, "", "", ""), None, frozenset(), date.min)
_SUBSTACK = "substack"  # stands in the place of one, so that a jump counts it once


@dataclass
class Pam:
    """The stacks of one service, and the files that its modules look at."""

    service: str
    stacks: dict[str, list[Rule]] = field(default_factory=dict)
    lists: Lists = field(default_factory=Lists)
    unread: list[str] = field(default_factory=list)  # why the names of a database are not known

    @classmethod
    def read(
        cls, host: Host, service: str, prefix: str = "", settings: Mapping[str, str] | None = None
    ) -> "Pam":
        """The service's file with what it includes. libpam takes the service "other" when the
        file is missing, and for each kind of which the file says nothing."""
        pam = cls(service)
        pam._read_file(host, f"/etc/pam.d/{service}", set(), None)
        spare = cls("other")
        spare._read_file(host, _OTHER, set(), None)
        for kind in _KINDS:
            if not pam.stacks.get(kind) and spare.stacks.get(kind):
                pam.stacks[kind] = spare.stacks[kind]
        pam._read_lists(host)
        paths = {database_of(rule) for rule in pam.rules} - {""}
        pam.lists.names, pam.unread = databases(host, sorted(paths), prefix)
        pam.unread += mysql.read(host, list(pam.rules), settings or {}, pam.lists)
        return pam

    @property
    def rules(self) -> Iterator[Rule]:
        """Those that decide who gets in."""
        return (rule for kind in _KINDS for rule in self.stacks.get(kind, ()))

    @property
    def unknown(self) -> list[Rule]:
        """Rules that may answer anything: of an unknown module, or about something that is known
        only at a sign-in."""
        return [
            rule
            for kind in _KINDS
            for rule in self.stacks.get(kind, ())
            if len(_answers(rule, _SAMPLE, self.lists, kind)) > 1
        ]

    @property
    def not_understood(self) -> list[str]:
        """The unknown rules as text, sorted."""
        return sorted({f"PAM module {rule.module} at {rule.place}" for rule in self.unknown})

    @property
    def has_other_passwords(self) -> bool:
        """Whether a password may count that is not the system's."""
        return bool(self.unknown or self.lists.tables) or any(map(database_of, self.rules))

    def _read_lists(self, host: Host) -> None:
        paths = sorted(
            {
                rule.options["file"]
                for rule in self.rules
                if rule.module == "pam_listfile.so" and rule.options.get("file", "")[:1] == "/"
            }
        )
        facts, links = host.stat_many(paths), _links(host, paths)
        for path, content in host.read_many([*paths, SHELLS]).items():
            fact = facts.get(path)
            if isinstance(content, FileMissing):
                self.lists.faults[path] = MISSING
            elif isinstance(fact, FileFact) and (
                path in links or not fact.is_file or fact.mode & _EVERYBODY_WRITES
            ):
                self.lists.faults[path] = UNSAFE
            self.lists.lines[path] = lines_of(content)

    def _read_file(
        self, host: Host, path: str, opened: set[str], only: str | None, level: int = 0
    ) -> None:
        if path in opened:
            return
        host.withhold(path, mysql.without_secrets)
        try:
            raw = host.read(path).decode(errors="replace")
        except FileMissing:
            return
        for number, line in logical_lines(raw):
            stripped = line.partition("#")[0].strip()
            if stripped.startswith("@include"):
                for name in stripped.split()[1:2]:
                    self._read_file(host, pam_path(name), {*opened, path}, only, level)
            elif include := _INCLUDE.match(stripped):
                kind = include[1].lstrip("-").lower()
                if only in (None, kind):
                    deeper = level + (include[2] == "substack")
                    if deeper > level:
                        mark = Rule({}, _SUBSTACK, (), f"{path}:{number}", level)
                        self.stacks.setdefault(kind, []).append(mark)
                    self._read_file(host, pam_path(include[3]), {*opened, path}, kind, deeper)
            elif match := _LINE.match(stripped):
                self._rule(match, f"{path}:{number}", only, level)

    def _rule(self, match: re.Match[str], place: str, only: str | None, level: int) -> None:
        kind = match[1].lstrip("-").lower()
        if only in (None, kind):
            arguments = tuple(a or b for a, b in _ARGUMENT.findall(match[4]))
            module = match[3].rpartition("/")[2]
            rule = Rule(control(match[2]), module, arguments, place, level)
            self.stacks.setdefault(kind, []).append(rule)


def _links(host: Host, paths: Sequence[str]) -> set[str]:
    """Those that are symbolic links themselves."""
    folders = host.resolve_many({os.path.dirname(path) for path in paths})
    real = host.resolve_many(paths)
    return {
        path
        for path in paths
        if real.get(path) != os.path.join(folders[os.path.dirname(path)], os.path.basename(path))
    }


class _State(NamedTuple):
    """How far a stack has come, and its answer if it ended here."""

    position: int
    code: str = ""  # empty: no answer that counts yet
    reason: str = ""


def refusal(pam: Pam, login: Login) -> str:
    """Why PAM refuses the login, whatever modules say that we do not know; empty when it lets it
    in, or may do so."""
    for kind in _kinds(login):
        outcomes = _outcomes(pam, kind, login)
        if all(outcomes):
            return min(outcomes)
    return ""


def doubts(pam: Pam, login: Login) -> tuple[str, ...]:
    """The modules whose unknown answer may refuse a login that may succeed; empty when the
    outcome is certain."""
    outcomes_by_kind = {kind: _outcomes(pam, kind, login) for kind in _kinds(login)}
    if not all("" in outcomes for outcomes in outcomes_by_kind.values()):
        return ()
    return tuple(
        f"PAM module {rule.module} at {rule.place} may refuse it"
        for kind, outcomes in outcomes_by_kind.items()
        for rule in pam.stacks.get(kind, ())
        if len(outcomes) > 1 and len(_answers(rule, login, pam.lists, kind)) > 1
    )


def strangers(pam: Pam) -> list[str]:
    """The rules that may let in names that are in no list Recert can read."""
    login = Login("\0", None, None, frozenset(), date.min)
    if refusal(pam, login):
        return []
    return [
        f"PAM module {rule.module} at {rule.place}"
        for rule in pam.stacks.get("auth", ())
        if any(answer.code == SUCCESS for answer in _answers(rule, login, pam.lists, "auth"))
    ]


def _kinds(login: Login) -> Iterable[str]:
    return _KINDS if login.by_password else _KINDS[1:]


def _outcomes(pam: Pam, kind: str, login: Login) -> set[str]:
    """The possible outcomes of a stack, run as libpam does: reasons of refusal, "" for success."""
    rules: Sequence[Rule] = pam.stacks.get(kind, ())
    outcomes: set[str] = set()
    waiting, visited = [_State(0)], set()
    while waiting:
        state = waiting.pop()
        if state in visited:
            continue
        visited.add(state)
        if state.position >= len(rules):
            outcomes.add("" if state.code == SUCCESS else state.reason or _nobody(pam, kind))
            continue
        rule = rules[state.position]
        for answer in _answers(rule, login, pam.lists, kind):
            waiting.append(_next(rules, state, answer))
    return outcomes


def _nobody(pam: Pam, kind: str) -> str:
    return f"no module of PAM's service {pam.service} lets anybody in ({kind})"


def _answers(rule: Rule, login: Login, lists: Lists, kind: str) -> tuple[Answer, ...]:
    if rule.module == _SUBSTACK:
        return (Answer(IGNORE),)
    if (kind, rule.module) in CONSTANT:
        return (Answer(CONSTANT[kind, rule.module][0]),)
    judge = mysql.judge if rule.module == mysql.MODULE else JUDGES.get(rule.module)
    answer = judge(login, rule, lists, kind) if judge else None
    if answer is not None:
        return (answer,)
    refused = f"{rule.module} at {rule.place} may refuse it"
    return (Answer(SUCCESS), Answer(REFUSED, refused), Answer(IGNORE))


def _next(rules: Sequence[Rule], state: _State, answer: Answer) -> _State:
    """One step: as _pam_dispatch_aux does it."""
    rule = rules[state.position]
    action = _action(rule.control, answer.code) if rule.module != _SUBSTACK else "ignore"
    position, code, reason = state.position + 1, state.code, state.reason
    if action.isdecimal():
        return _State(_jumped(rules, state.position, int(action)), code, reason)
    if action in ("ok", "done") and code in ("", SUCCESS) and answer.code != IGNORE:
        code, reason = answer.code, answer.reason
    elif action in ("bad", "die") and code in ("", SUCCESS, NEW_PASSWORD):
        code = REFUSED if answer.code == SUCCESS else answer.code
        reason = answer.reason or f"refused at {rule.place}"
    elif action == "reset":
        code, reason = "", ""
    if action == "die" or (action == "done" and code in (SUCCESS, NEW_PASSWORD)):
        position = _end_of_substack(rules, state.position)
    return _State(position, code, reason)


def _end_of_substack(rules: Sequence[Rule], position: int) -> int:
    """A decision ends its own substack only."""
    level = rules[position].level
    if level == 0:
        return len(rules)
    while position < len(rules) and rules[position].level >= level:
        position += 1
    return position


def _jumped(rules: Sequence[Rule], position: int, count: int) -> int:
    """Behind the next modules; a substack counts as one, and none is left by a jump."""
    level = rules[position].level
    position += 1
    while position < len(rules) and rules[position].level >= level:
        if rules[position].level == level:
            if count == 0:
                break
            count -= 1
        position += 1
    return position


def _action(control: dict[str, str], code: str) -> str:
    return control.get(code, control.get("default", "bad"))


def shells_of(content: bytes | ConnectorError) -> frozenset[str]:
    """The shells of /etc/shells."""
    return shells_in(lines_of(content))
