"""Who may run a command in a section: its <Limit> blocks from the inside out.

For the command's name, then its group, then ALL, the whole chain of sections is walked; the first
block that decides ends everything. So a block that names the command far above beats one that
names its group in the folder itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from recert.connectors.proftpd.authentication import user_expressions
from recert.connectors.proftpd.authentication.user_expressions import Fit, Roster
from recert.connectors.proftpd.configuration.sections import Section, on

# The daemon adds the twin to what a <Limit> names, in both directions.
_OLD_NAMES = {"XMKD": "MKD", "XRMD": "RMD", "XCUP": "CDUP", "XPWD": "PWD", "XCWD": "CWD"}
_NOT_IN_ALL = frozenset({"EPRT", "EPSV", "PASV", "PORT", "LOGIN"})


@dataclass(frozen=True)
class Verdict:
    """Sets of accounts. `allowed` maps doubt towards more; `surely` does not."""

    allowed: int
    surely: int


class Judge:
    """Decides for the accounts of one roster, remembering each block and each chain."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self._blocks: dict[Section, tuple[Fit, Fit, bool]] = {}
        self._known: dict[tuple[Section, str, str, bool, bool], Verdict] = {}
        self._trails: dict[tuple[Section, str, str], list[tuple[Section, int]]] = {}

    def may(
        self,
        section: Section,
        command: str,
        group: str,
        *,
        hidden: bool = False,
        spoken: bool = False,
    ) -> Verdict:
        """Who may run the command in this section. `hidden`: for paths that are hidden there;
        `spoken`: only those whom a block lets in by name."""
        key = (section, command, group, hidden, spoken)
        verdict = self._known.get(key)
        if verdict is None:
            lenient, strict = (
                self._decide(
                    section, command, group, hidden=hidden, spoken=spoken, lenient=is_lenient
                )
                for is_lenient in (True, False)
            )
            verdict = self._known[key] = Verdict(lenient, strict & lenient)
        return verdict

    def _decide(
        self,
        section: Section,
        command: str,
        group: str,
        *,
        hidden: bool,
        spoken: bool,
        lenient: bool,
    ) -> int:
        allowed, open_ones = 0, self.roster.everybody
        for block in _asked(section, command, group):
            if not open_ones:
                break
            if hidden and (switch := block.value("ignorehidden")) and on(switch, False):
                return allowed
            allow, deny = self._outcome(block, lenient=lenient)
            allowed |= open_ones & allow
            open_ones &= ~(allow | deny)
        return allowed if spoken else allowed | open_ones

    def _outcome(self, block: Section, *, lenient: bool) -> tuple[int, int]:
        """Whom the block lets in and whom it keeps out; for the rest it decides nothing."""
        allows, denies, deny_first = self.read(block)
        allow = allows.maybe if lenient else allows.surely
        deny = denies.surely if lenient else denies.maybe
        if deny_first:
            allow &= ~deny
            return allow, self.roster.everybody & ~allow
        return allow, deny & ~allow

    def read(self, block: Section) -> tuple[Fit, Fit, bool]:
        """What a block's Allow and Deny directives mean, and whether Deny is asked first."""
        known = self._blocks.get(block)
        if known is None:
            order = block.value("order")
            deny_first = order is not None and _order(order) == "deny,allow"
            known = (self._listed(block, "allow"), self._listed(block, "deny"), deny_first)
            self._blocks[block] = known
        return known

    def _listed(self, block: Section, side: str) -> Fit:
        roster, fit = self.roster, Fit()
        for item in block.items:
            if item.name == f"{side}user":
                fit |= user_expressions.users(item, roster)
            elif item.name == f"{side}group":
                fit |= user_expressions.groups(item, roster)
            elif item.name == side:
                fit |= user_expressions.addresses(item, roster)
            elif item.name == f"{side}class":
                fit |= Fit(0, roster.everybody)
            elif item.name == f"{side}filter":
                always = bool(item.args) and user_expressions.fits_every_path(item.args[0])
                fit |= Fit(roster.everybody if always else 0, roster.everybody)
            elif item.name == f"{side}all":
                fit |= Fit(roster.everybody, roster.everybody)
        return fit

    def login(self, level: Section, *, lenient: bool = True) -> tuple[int, int]:
        """Who may log in by the <Limit LOGIN> blocks of a level (all must agree), and about whom
        they say anything. `lenient`: what is not known is taken to let in."""
        allowed, named = self.roster.everybody, 0
        for block in level.limits():
            if not _names(block, "LOGIN"):
                continue
            allow, deny = self._outcome(block, lenient=lenient)
            allowed &= ~deny
            named |= allow | deny
        return allowed, named

    def shuts_out(self, block: Section, account: int) -> bool:
        """True for a <Limit LOGIN> that keeps the account out."""
        return _names(block, "LOGIN") and bool(self._outcome(block, lenient=True)[1] & account)

    def decider(self, section: Section, command: str, group: str, account: int) -> Section | None:
        """The block that decides about one account, if any does."""
        key = (section, command, group)
        trail = self._trails.get(key)
        if trail is None:
            trail = [
                (block, sum(self._outcome(block, lenient=True)))  # the two never overlap
                for block in _asked(section, command, group)
            ]
            self._trails[key] = trail
        return next((block for block, decided in trail if decided & account), None)


def _asked(section: Section, command: str, group: str) -> Iterator[Section]:
    """The blocks that name the command, its group or ALL, in the daemon's order."""
    names = [command, group] if group else [command]
    if command not in _NOT_IN_ALL:
        names.append("ALL")
    for name in names:
        for level in section.chain():
            for block in level.limits():
                if _names(block, name):
                    yield block


def _names(block: Section, name: str) -> bool:
    """Whether a block names the command; commas separate as blanks do."""
    listed = (part.upper() for command in block.args for part in command.split(","))
    return any(_OLD_NAMES.get(command, command) == name for command in listed)


def _order(directive: Section) -> str:
    return "".join(directive.args).replace(" ", "").lower()
