"""Removes rights by <Limit> blocks where no ACL entry can express it, and simulates the result.

The block goes to the end of the folder's own section, where the daemon looks first, and names
every command by itself, so that no block further out decides before it. Its effect is evaluated,
not assumed: the edited text is parsed again, and all accounts are judged in all folders.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from recert.connectors.changes import SetRights
from recert.connectors.contract import CannotExpress, Cell
from recert.connectors.hosts import Host
from recert.connectors.posix.changes.acl_edit import READS, region
from recert.connectors.posix.changes.comparison import ByView, compared
from recert.connectors.posix.changes.plan_parts import Part, text_part
from recert.connectors.posix.permissions.evaluate import FolderRights
from recert.connectors.proftpd.access.command_requirements import CLOSING, EVERYTHING, group_of
from recert.connectors.proftpd.access.listener import Listener
from recert.connectors.proftpd.changes.limit_blocks import (
    Insertion,
    Placement,
    Text,
    check_name,
    limit,
)
from recert.connectors.proftpd.configuration.files import Source
from recert.connectors.proftpd.configuration.listeners import SFTP, lay_out
from recert.connectors.proftpd.configuration.matching import find
from recert.connectors.proftpd.configuration.sections import Section
from recert.connectors.proftpd.daemon import Known
from recert.connectors.proftpd.facts import configuration_of, source_of
from recert.connectors.proftpd.survey import ProftpdSurvey, over
from recert.connectors.rights import Rights, say

Result = tuple[list[Part], Sequence[Cell]]
_MARK = "\0"  # where the block goes in the text around it
_WHOLE = "<Global>\n{block}</Global>\n"


@dataclass(frozen=True)
class Attempt:
    """One change on one machine."""

    host: Host
    survey: ProftpdSurvey
    known: Known
    change: SetRights

    @property
    def me(self) -> int:
        return self.survey.identities.of(self.change.account)


def candidates(
    host: Host, survey: ProftpdSurvey, known: Known, change: SetRights
) -> Iterator[Result]:
    """Edits that make the change true, from the smallest to the largest."""
    attempt = Attempt(host, survey, known, change)
    reasons: list[str] = []
    for rights in dict.fromkeys((change.rights, change.rights & READS, Rights.NONE)):
        try:
            result = _tried(attempt, rights)
        except CannotExpress as error:
            reasons.append(error.message)
            continue
        yield result
        if not result[1]:
            return


def close_account(survey: ProftpdSurvey, known: Known, account: str) -> list[Part]:
    """A block of its own for the login at every server: all such blocks must agree, so it holds
    whatever else stands there."""
    user = _name_at(survey.listeners[0], survey, account)
    check_name(user)
    text = Text(known.configuration)
    block = _WHOLE.format(block=limit(["LOGIN"], "DenyUser", user, "  "))
    return _parts(known, text.with_all([text.at_the_end(block)]))


def _tried(attempt: Attempt, rights: Rights) -> Result:
    """The blocks for these rights, with blocks that keep what lies below as it is."""
    change, me = attempt.change, attempt.me
    by_view = attempt.survey.rights_by_view()
    before, kept = attempt.survey.outlook(by_view)
    at = {one.path: one for one in before}
    if change.folder not in at:
        raise CannotExpress(f"The folder {change.folder} is not there any more.")
    held = at[change.folder].rights(me)
    if change.rights & ~held:
        raise CannotExpress(f"The account has {say(held)}; Recert only takes rights away.")
    _check_owner(attempt, at[change.folder])
    commands = _commands(rights, held)
    inside = region(before, kept, change.folder)
    text = Text(attempt.known.configuration)
    closing = [
        one
        for listener in _listeners_with(attempt, held & ~rights)
        for one in _closing(listener, attempt, text, commands)
    ]
    changed = text.with_all(closing)
    after = _simulated(attempt.host, attempt.survey, attempt.known, changed).rights_by_view()
    keeping = _keeping_all(attempt, text, commands, by_view, after, inside)
    if keeping:
        changed = text.with_all([*closing, *keeping])
        after = _simulated(attempt.host, attempt.survey, attempt.known, changed).rights_by_view()
    _check_others(attempt, by_view, after)
    effects = compared(attempt.survey, change, by_view, after, inside, "a <Limit> block")
    return _parts(attempt.known, changed), effects


def _commands(rights: Rights, held: Rights) -> tuple[str, ...]:
    if not rights:
        return EVERYTHING
    removed = held & ~rights
    commands = (command for right, names in CLOSING.items() if right & removed for command in names)
    return tuple(dict.fromkeys(commands))


def _keeping_all(
    attempt: Attempt,
    text: Text,
    commands: Sequence[str],
    before: ByView,
    after: ByView,
    inside: Sequence[FolderRights],
) -> list[Insertion]:
    """Blocks for the folders below in which a listener would remove more than the change asks.
    Where two listeners share a file that both include, a block there keeps only what both allowed:
    a command that one of them refused would add access."""
    wanted = {one.path for one in inside}
    kept: dict[tuple[str, str, int], list[str]] = {}
    wrapped: dict[tuple[str, str, int], Placement] = {}
    for listener, ones, others in zip(attempt.survey.listeners, before, after, strict=True):
        had = {one.path: one.rights(attempt.me) for one in ones}
        for folder in _lost_below(attempt.me, ones, others, wanted):
            keeping = _keeping(listener, attempt, text, commands, folder, had[folder])
            if keeping is None:
                continue
            names, placement = keeping
            key = (folder, placement.file, placement.at)
            kept[key] = [name for name in kept.get(key, names) if name in names]
            wrapped[key] = placement
    user = {key: one.user for key, one in wrapped.items()}
    return [
        wrapped[key].with_block(limit(names, "AllowUser", user[key], "  "))
        for key, names in kept.items()
        if names
    ]


def _check_owner(attempt: Attempt, one: FolderRights) -> None:
    for listener in attempt.survey.listeners:
        if listener.identities.owners(one.folder.node) & attempt.me:
            raise CannotExpress(
                f"The account owns the folder {one.path}; give the folder to another owner first."
            )


def _listeners_with(attempt: Attempt, rights: Rights) -> list[Listener]:
    """The listeners by which the account has something that shall go."""
    listeners = []
    for listener, by_view in zip(
        attempt.survey.listeners, attempt.survey.rights_by_view(), strict=True
    ):
        one = next(one for one in by_view if one.path == attempt.change.folder)
        if one.rights(attempt.me) & rights:
            listeners.append(listener)
    return listeners


def _name_at(listener: Listener, survey: ProftpdSurvey, account: str) -> str:
    """The name that <Limit> blocks know the account by."""
    number = survey.identities.of(account).bit_length() - 1
    session = listener.sessions[number]
    return session.entry.name if session is not None else account


def _closing(
    listener: Listener, attempt: Attempt, text: Text, commands: Sequence[str]
) -> Iterator[Insertion]:
    placement = _placed(listener, attempt, text, commands, attempt.change.folder)
    yield placement.with_block(limit(commands, "DenyUser", placement.user, "  "))


def _keeping(
    listener: Listener,
    attempt: Attempt,
    text: Text,
    commands: Sequence[str],
    folder: str,
    had: Rights,
) -> tuple[list[str], Placement] | None:
    """The commands that keep what the account could do in a folder below, and where the block
    goes. By SFTP an Allow for READDIR would open a listing that other commands deny."""
    view = listener.screen.view_of(attempt.me)
    if view is None or listener.refusal(attempt.change.account, attempt.survey.tree):
        return None
    deciding = listener.screen.sections(view, folder)
    judge = listener.screen.judge
    kept = [
        command
        for command in commands
        if any(
            judge.may(section, command, group_of(command, listener.protocol)).allowed & attempt.me
            for section in (deciding.itself, deciding.inside)
        )
        and command not in ("READ", "WRITE", "DIRS", "ALL")
        and (command != "READDIR" or listener.protocol != SFTP or Rights.LIST in had)
    ]
    return (kept, _placed(listener, attempt, text, commands, folder)) if kept else None


def _placed(
    listener: Listener, attempt: Attempt, text: Text, commands: Sequence[str], folder: str
) -> Placement:
    user = _name_at(listener, attempt.survey, attempt.change.account)
    check_name(user)
    view = listener.screen.view_of(attempt.me)
    if view is None:
        raise CannotExpress("The account does not come in by this listener.")
    section = find(view.level, folder, view.path_of)
    _check_rules(listener, section or view.level, commands, attempt.me)
    if section is not None and section.path == folder:
        insertion = text.into_section(section, "")
    elif view.level.parent is not None:
        raise CannotExpress("Anonymous access is changed in the configuration by hand.")
    else:
        insertion = text.new_section(listener.server, folder, _MARK)
    head, _, tail = insertion.text.partition(_MARK)
    return Placement(user, insertion.file, insertion.at, head, tail)


def _check_rules(listener: Listener, section: Section, commands: Sequence[str], me: int) -> None:
    """Raises CannotExpress when a rule lets the account in by exclusion or by a pattern: it
    concerns more than one account, so an administrator must decide."""
    deciding = {
        listener.screen.judge.decider(section, command, group_of(command, listener.protocol), me)
        for command in commands
    }
    for block in deciding - {None}:
        for item in block.items if block is not None else ():
            unclear = item.args[:1] == ("regex",) or any(
                command.startswith("!") for command in item.args
            )
            if unclear and item.name in ("allowuser", "allowgroup"):
                raise CannotExpress(
                    f"The rule {item.statement.text} at {item.place} is a pattern or an "
                    "exclusion. An administrator must decide what it shall be."
                )


def _simulated(
    host: Host, survey: ProftpdSurvey, known: Known, changed: Mapping[str, bytes]
) -> ProftpdSurvey:
    """The survey as it would be with the changed files."""
    real = source_of(host, known.prefix)

    def read(path: str) -> bytes | None:
        return changed[path] if path in changed else real.read(path)

    configuration = configuration_of(
        host, known.configuration.main, Source(read, real.names, real.version)
    )
    layout = lay_out(configuration)
    pairs = zip(known.layout.servers, layout.servers, strict=True)
    books = {new: known.facts.books[old] for old, new in pairs if old in known.facts.books}
    then = replace(
        known,
        configuration=configuration,
        layout=layout,
        facts=replace(known.facts, books=books),
        warnings=[],
    )
    return over(then, survey.ground, {})


def _lost_below(
    me: int,
    before: Sequence[FolderRights],
    after: Sequence[FolderRights],
    wanted: Collection[str],
) -> list[str]:
    """The topmost folders below the region in which the account would lose something by one
    listener."""
    folders: list[str] = []
    for old, new in zip(before, after, strict=True):
        if old.path in wanted or not old.rights(me) & ~new.rights(me):
            continue
        if not any(old.path.startswith(f"{path}/") for path in folders):
            folders.append(old.path)
    return folders


def _check_others(attempt: Attempt, before: ByView, after: ByView) -> None:
    """Nobody else may win or lose anything at any single listener."""
    for ones, others in zip(before, after, strict=True):
        for old, new in zip(ones, others, strict=True):
            for one, other in zip(old.masks, new.masks, strict=True):
                if (one ^ other) & ~attempt.me:
                    raise CannotExpress(
                        f"The section for {attempt.change.folder} would change what others can do "
                        f"in {old.path}."
                    )


def _parts(known: Known, changed: Mapping[str, bytes]) -> list[Part]:
    raw = known.configuration.raw
    return [text_part(path, raw[path], content) for path, content in sorted(changed.items())]
