"""What the daemon itself lets through in each folder, for one server and one protocol."""

import re
from collections.abc import Callable, Collection, Container, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from recert.connectors.posix.permissions.acl import WRITE
from recert.connectors.posix.permissions.evaluate import ORDER, Masks, not_own
from recert.connectors.posix.permissions.identities import Identities
from recert.connectors.posix.permissions.scan import Folder
from recert.connectors.proftpd.access.command_requirements import (
    COPY,
    STORE_UNIQUE,
    WAYS,
    Ask,
    At,
    Way,
)
from recert.connectors.proftpd.access.limits import Judge, Verdict
from recert.connectors.proftpd.access.links import Names
from recert.connectors.proftpd.access.login_guards import Guard
from recert.connectors.proftpd.authentication.user_expressions import fits_every_path, simple_regex
from recert.connectors.proftpd.configuration.matching import Finder
from recert.connectors.proftpd.configuration.sections import Kind, Section, nearest, on
from recert.connectors.proftpd.configuration.syntax import Statement
from recert.connectors.rights import Rights

_STORING = frozenset({"STOR", "STOU", "APPE", "MKD", "RNTO", "SITE_CPTO", "SITE_MKDIR"})
_BY_DATA = frozenset({"LIST", "NLST", "MLSD", "RETR", "STOR", "APPE", "STOU"})
_AS_TYPED = frozenset({"DELE", "RNFR"})
_FEW = 16
_DOWNLOAD = ORDER.index(Rights.DOWNLOAD)


class DecidingSections(NamedTuple):
    """The sections that decide about a folder itself and about the entries in it."""

    itself: Section
    inside: Section

    def asked(self, at: At) -> Section:
        """The section whose <Limit> blocks judge a command with this path."""
        return self.itself if at is At.FOLDER else self.inside


@dataclass
class View:
    """The sections that some accounts of a server work under."""

    level: Section  # the server, or its <Anonymous>
    accounts: int
    path_of: Callable[[Section], str | None] | None = None  # for sections known at the login
    finder: Finder = field(init=False)

    def __post_init__(self) -> None:
        self.finder = Finder(self.level, self.path_of)


class Screen:
    """The filter of one server and protocol. Called for each folder, so everything that depends
    on sections only is judged once."""

    def __init__(
        self,
        protocol: str,
        judge: Judge,
        views: Collection[View],
        modules: Collection[str] = (),
        doubtful: Container[Statement] = frozenset(),
        *,
        who: Identities,
    ) -> None:
        self.protocol, self.judge, self.views = protocol, judge, list(views)
        self._ways = WAYS[protocol]
        self._modules = frozenset(modules)
        self._doubtful = doubtful
        self._who = who
        self.guard = Guard({})
        self.unsure = 0  # accounts that may not be let in from everywhere
        self.names: Names | None = None  # other paths of folders, by FTP
        self.cut_off = 0  # accounts that get no data connection
        self._known: dict[DecidingSections, tuple[Masks, Masks, int]] = {}
        self._by_account: dict[int, View] = {}
        self._rules: dict[Section, list[tuple[re.Pattern[str], bool]]] = {}

    def __call__(self, folder: Folder, masks: Masks) -> Masks:
        """What is left of the kernel's masks."""
        result = [0] * len(ORDER)
        for view in self._views_of(masks):
            allowed, _, _ = self.allowed(view, folder.path)
            if self.names:
                allowed = self._by_names(view, folder.path, allowed)
            hidden = self._hidden(view, folder.path)
            inside = self.sections(view, folder.path).inside
            rules = self._rules_for_names(inside) if folder.named else []
            for at in range(len(ORDER)):
                left = masks[at] & allowed[at] & view.accounts
                if hidden is not None and at in _ON_FILES:
                    left &= masks[_DOWNLOAD] | hidden[at]
                if rules and at in _ON_FILES:
                    left &= self._with_names(folder, rules, WRITE if at == _OVERWRITE else 0)
                result[at] |= left
            if self.guard.roots:
                result = list(self._guarded(view, folder, tuple(result)))
        return tuple(result)

    def _by_names(self, view: View, folder: str, allowed: Masks) -> Masks:
        """Add what other paths of the folder let through: the daemon judges DELE and RNFR by the
        path that the client typed."""
        masks = list(allowed)
        for name in self.names.of(folder) if self.names else ():
            for right in (Rights.DELETE, Rights.RENAME):
                may = self.by_name(view, folder, name.path, right)
                masks[ORDER.index(right)] |= may & name.accounts
        return tuple(masks)

    def by_name(self, view: View, folder: str, typed: str, right: Rights) -> int:
        """Who is let through when the folder is named by another path."""
        real, other = self.sections(view, folder), self.sections(view, typed)
        if real == other:
            return 0
        accounts = 0
        for way in self.ways(right, real):
            allowed = view.accounts
            for ask in way.asks:
                allowed &= self.ask(ask, other if ask.command in _AS_TYPED else real).allowed
            accounts |= allowed
        return accounts

    def _guarded(self, view: View, folder: Folder, masks: Masks) -> Masks:
        may = 0
        if self.protocol == "ftp" and self.guard.accounts(folder.path):
            may = self._way(STORE_UNIQUE, self.sections(view, folder.path), hidden=False).allowed
        return self.guard.left(masks, folder.path, may | ~view.accounts)

    def _views_of(self, masks: Masks) -> Collection[View]:
        """The views of the accounts that the kernel lets in; where each account has a view of
        its own, most of them have nothing to do with a folder."""
        holders = 0
        for mask in masks:
            holders |= mask
        if len(self.views) < _FEW or holders.bit_count() > _FEW:
            return [view for view in self.views if view.accounts & holders]
        views: dict[int, View] = {}
        while holders:
            lowest = holders & -holders
            view = self.view_of(lowest)
            if view is not None:
                views[id(view)] = view
            holders ^= lowest
        return list(views.values())

    def view_of(self, account: int) -> View | None:
        """The view of one account (its bit)."""
        if not self._by_account:
            for view in self.views:
                mask = view.accounts
                while mask:
                    lowest = mask & -mask
                    self._by_account[lowest] = view
                    mask ^= lowest
        return self._by_account.get(account)

    def is_doubtful(self, folder: str, account: int, rights: Rights) -> bool:
        """True when the rights may be more than the account really has."""
        view = self.view_of(account)
        if view is None:
            return False
        _, surely, unknown = self.allowed(view, folder)
        if (unknown | self.unsure) & account:
            return True
        return any(
            right & rights and not mask & account for right, mask in zip(ORDER, surely, strict=True)
        )

    def sections(self, view: View, folder: str) -> DecidingSections:
        """The sections that decide about a folder for the accounts of a view."""
        itself, inside = view.finder.of(folder)
        return DecidingSections(itself or view.level, inside or view.level)

    def allowed(self, view: View, folder: str) -> tuple[Masks, Masks, int]:
        """For each right who is let through, for whom that is certain, and for whom the sections
        hold something that is not understood."""
        deciding = self.sections(view, folder)
        verdict_masks = self._known.get(deciding)
        if verdict_masks is None:
            verdicts = [self._right(right, deciding) for right in ORDER]
            is_doubtful = any(
                section.statement in self._doubtful for one in deciding for section in one.chain()
            )
            verdict_masks = self._known[deciding] = (
                tuple(one.allowed for one in verdicts),
                tuple(one.surely for one in verdicts),
                self.judge.roster.everybody if is_doubtful else 0,
            )
        return verdict_masks

    def _hidden(self, view: View, folder: str) -> list[int] | None:
        """For rights on files: who keeps them although files they cannot read are hidden from them.
        None where nothing is hidden."""
        sections = self.sections(view, folder)
        if not on(nearest(sections.inside, "hidenoaccess"), False):
            return None
        return [self._right(right, sections, hidden=True).allowed for right in ORDER]

    def _right(self, right: Rights, sections: DecidingSections, *, hidden: bool = False) -> Verdict:
        allowed = surely = 0
        for way in self.ways(right, sections):
            verdict = self._way(way, sections, hidden=hidden)
            allowed |= verdict.allowed
            surely |= verdict.surely
        return Verdict(allowed, surely)

    def ways(self, right: Rights, sections: DecidingSections) -> Iterator[Way]:
        """The ways to a right that the switches of the section leave open."""
        inside = sections.inside
        for way in self._ways[right]:
            if way.module and not self._offers(way.module, inside):
                continue
            if way.overwrites and not on(nearest(inside, "allowoverwrite"), False):
                continue
            if way.appends and not on(nearest(inside, "allowstorerestart"), False):
                continue
            yield way

    def _offers(self, module: str, section: Section) -> bool:
        """Whether the module is loaded and its engine not switched off."""
        if module not in self._modules:
            return False
        *_, server = section.chain()
        return on(server.value("copyengine" if module == COPY else "sitemiscengine"), True)

    def _way(self, way: Way, sections: DecidingSections, *, hidden: bool) -> Verdict:
        allowed = surely = self.judge.roster.everybody
        for ask in way.asks:
            verdict = self.ask(ask, sections, hidden=hidden)
            allowed &= verdict.allowed
            surely &= verdict.surely
        return Verdict(allowed, surely)

    def ask(self, ask: Ask, sections: DecidingSections, *, hidden: bool = False) -> Verdict:
        """Who may run one command in these sections."""
        section = sections.asked(ask.at)
        if ask.at is not At.NEW and is_shut(section):
            return Verdict(0, 0)
        if ask.command in _STORING and _forbids_every_name(sections.inside):
            return Verdict(0, 0)
        verdict = self.judge.may(
            section,
            ask.command,
            ask.group,
            hidden=hidden and ask.at is At.FILE,
            spoken=ask.spoken,
        )
        if self.cut_off and ask.command in _BY_DATA:
            return Verdict(verdict.allowed & ~self.cut_off, verdict.surely & ~self.cut_off)
        return verdict

    def _rules_for_names(self, inside: Section) -> list[tuple[re.Pattern[str], bool]]:
        rules = self._rules.get(inside)
        if rules is None:
            rules = self._rules[inside] = name_rules(inside)
        return rules

    def _with_names(
        self, folder: Folder, rules: list[tuple[re.Pattern[str], bool]], wanted: int
    ) -> int:
        """Who may do this to at least one file of others whose name the filters let pass; where
        there is none of others, the folder stands for one with a name that passes."""

        def passes(name: str) -> bool:
            path = f"{folder.path}/{name}"
            return all(bool(rule.search(path)) is right for rule, right in rules)

        return not_own(self._who, folder, wanted, folder.files_named(passes).__contains__)


_OVERWRITE = ORDER.index(Rights.OVERWRITE)
_ON_FILES = frozenset(
    ORDER.index(right) for right in (Rights.OVERWRITE, Rights.DELETE, Rights.RENAME, Rights.CHMOD)
)


def is_shut(section: Section) -> bool:
    """A bare DenyAll in <Directory>: it holds for what exists, in this section alone."""
    if section.kind is Kind.SERVER or section.value("allowall"):
        return False
    return section.value("denyall") is not None


def _forbids_every_name(section: Section) -> bool:
    """A PathDenyFilter that fits every name; from any other a name that passes can be found."""
    deny = nearest(section, "pathdenyfilter")
    return deny is not None and bool(deny.args) and fits_every_path(deny.args[0])


def name_rules(section: Section) -> list[tuple[re.Pattern[str], bool]]:
    """The filters on paths, and whether a path must match them. Expressions that Recert cannot
    evaluate are left out: the survey reports them as not understood."""
    rules = []
    for name, wanted in (("pathdenyfilter", False), ("pathallowfilter", True)):
        directive = nearest(section, name)
        text = directive.args[0] if directive is not None and directive.args else "none"
        rule = simple_regex(text) if text.lower() != "none" else None
        if rule is not None:
            rules.append((rule, wanted))
    return rules
