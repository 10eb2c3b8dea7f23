"""Taking rights away by <Limit> blocks, where no ACL entry can say it: tried out on paper first.

The block goes to the end of the folder's own section, where it is looked at first, and names every
command by itself, so that no block further out decides before it. What follows from it is not
argued but evaluated: the edited text is read again, and all accounts are judged in all folders.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from recert.connectors import names
from recert.connectors.contract import CannotExpress, Cell, Change
from recert.connectors.hosts import Host
from recert.connectors.posix.edit import READS, region
from recert.connectors.posix.evaluate import FolderRights
from recert.connectors.posix.parts import Part, text_part
from recert.connectors.proftpd.blocks import Insertion, Text, check_name, limit
from recert.connectors.proftpd.demands import CLOSING, EVERYTHING, group_of
from recert.connectors.proftpd.door import Door
from recert.connectors.proftpd.doors import lay_out
from recert.connectors.proftpd.facts import configuration_of, source_of
from recert.connectors.proftpd.files import Source
from recert.connectors.proftpd.known import Known
from recert.connectors.proftpd.matching import find
from recert.connectors.proftpd.sections import Section
from recert.connectors.proftpd.survey import ProftpdSurvey, over
from recert.connectors.rights import Rights, say

Result = tuple[list[Part], Sequence[Cell]]
_WHOLE = "<Global>\n{block}</Global>\n"


@dataclass(frozen=True)
class Attempt:
    """One change on one machine."""

    host: Host
    survey: ProftpdSurvey
    known: Known
    change: Change

    @property
    def me(self) -> int:
        return self.survey.identities.of(self.change.account)


def candidates(host: Host, survey: ProftpdSurvey, known: Known, change: Change) -> Iterator[Result]:
    """Edits that make the change true, from the smallest to the largest."""
    attempt = Attempt(host, survey, known, change)
    reasons: list[str] = []
    for rights in dict.fromkeys((change.rights, change.rights & READS, Rights.NONE)):
        try:
            found = _tried(attempt, rights)
        except CannotExpress as error:
            reasons.append(error.message)
            continue
        yield found
        if not found[1]:
            return


def close_account(survey: ProftpdSurvey, known: Known, account: str) -> list[Part]:
    """A block of its own for the login at every server: all such blocks must agree, so it holds
    whatever else stands there."""
    user = _name_at(survey.doors[0], survey, account)
    check_name(user)
    text = Text(known.configuration)
    block = _WHOLE.format(block=limit(["LOGIN"], "DenyUser", user, "  "))
    return _parts(known, text.with_all([text.at_the_end(block)]))


def _tried(attempt: Attempt, rights: Rights) -> Result:
    """The blocks for these rights, with blocks that keep what lies below as it is."""
    change, me = attempt.change, attempt.me
    before, kept = attempt.survey.outlook()
    at = {one.path: one for one in before}
    if change.folder not in at:
        raise CannotExpress(f"The folder {change.folder} is not there any more.")
    held = at[change.folder].rights(me)
    if change.rights & ~held:
        raise CannotExpress(f"The account has {say(held)}; Recert only takes rights away.")
    _check_owner(attempt, at[change.folder])
    removed = held & ~rights
    commands = (
        EVERYTHING
        if not rights
        else tuple(
            dict.fromkeys(
                word for right, words in CLOSING.items() if right & removed for word in words
            )
        )
    )
    inside = region(before, kept, change.folder)
    text = Text(attempt.known.configuration)
    insertions = [
        one
        for door in _doors_with(attempt, removed)
        for one in _closing(door, attempt, text, commands)
    ]
    changed = text.with_all(insertions)
    after = _simulated(attempt.host, attempt.survey, attempt.known, changed)
    lost = _lost_below(attempt, before, after.rights(), inside)
    if lost:
        insertions += [
            one
            for door in attempt.survey.doors
            for folder in lost
            for one in _keeping(door, attempt, text, commands, folder)
        ]
        changed = text.with_all(insertions)
        after = _simulated(attempt.host, attempt.survey, attempt.known, changed)
    _check_others(attempt, after)
    return _parts(attempt.known, changed), _side_effects(attempt, before, after.rights(), inside)


def _check_owner(attempt: Attempt, one: FolderRights) -> None:
    for door in attempt.survey.doors:
        if door.identities.owners(one.folder.node) & attempt.me:
            raise CannotExpress(
                f"The account owns the folder {one.path}; give the folder to another owner first."
            )


def _doors_with(attempt: Attempt, rights: Rights) -> list[Door]:
    """The doors by which the account has something that shall go."""
    found = []
    for door, by_view in zip(attempt.survey.doors, attempt.survey.rights_by_view(), strict=True):
        one = next(one for one in by_view if one.path == attempt.change.folder)
        if one.rights(attempt.me) & rights:
            found.append(door)
    return found


def _name_at(door: Door, survey: ProftpdSurvey, account: str) -> str:
    """The name that <Limit> blocks know the account by."""
    number = survey.identities.of(account).bit_length() - 1
    session = door.sessions[number]
    return session.entry.name if session is not None else account


def _closing(
    door: Door, attempt: Attempt, text: Text, commands: Sequence[str]
) -> Iterator[Insertion]:
    user = _name_at(door, attempt.survey, attempt.change.account)
    check_name(user)
    block = limit(commands, "DenyUser", user, "  ")
    yield _placed(door, attempt, text, commands, attempt.change.folder, block)


def _keeping(
    door: Door, attempt: Attempt, text: Text, commands: Sequence[str], folder: str
) -> Iterator[Insertion]:
    """Lets the account go on with what it could do in a folder below."""
    view = door.screen.view_of(attempt.me)
    if view is None or door.refusal(attempt.change.account, attempt.survey.tree):
        return
    places = door.screen.places(view, folder)
    judge = door.screen.judge
    kept = [
        word
        for word in commands
        if any(
            judge.may(one, word, group_of(word)).allowed & attempt.me
            for one in (places.itself, places.inside)
        )
        and word not in ("READ", "WRITE", "DIRS", "ALL")
    ]
    if kept:
        user = _name_at(door, attempt.survey, attempt.change.account)
        yield _placed(door, attempt, text, kept, folder, limit(kept, "AllowUser", user, "  "))


def _placed(
    door: Door, attempt: Attempt, text: Text, commands: Sequence[str], folder: str, block: str
) -> Insertion:
    view = door.screen.view_of(attempt.me)
    if view is None:
        raise CannotExpress("The account does not come in by this door.")
    section = find(view.level, folder, view.path_of)
    _check_rules(door, section or view.level, commands, attempt.me)
    if section is not None and section.path == folder:
        return text.into_section(section, block)
    if view.level.parent is not None:
        raise CannotExpress("Anonymous access is changed in the configuration by hand.")
    return text.new_section(door.server, folder, block)


def _check_rules(door: Door, section: Section, commands: Sequence[str], me: int) -> None:
    """A rule that lets the account in by exclusion or by a pattern speaks of more than one
    account; an administrator shall look at it."""
    deciding = {door.screen.judge.decider(section, word, group_of(word), me) for word in commands}
    for block in deciding - {None}:
        for item in block.items if block is not None else ():
            unclear = item.args[:1] == ("regex",) or any(word.startswith("!") for word in item.args)
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
    attempt: Attempt,
    before: Sequence[FolderRights],
    after: Sequence[FolderRights],
    inside: Sequence[FolderRights],
) -> list[str]:
    """The topmost folders below the region in which the account would lose something."""
    wanted = {one.path for one in inside}
    found: list[str] = []
    for old, new in zip(before, after, strict=True):
        if old.path in wanted or old.rights(attempt.me) == new.rights(attempt.me):
            continue
        if not any(old.path.startswith(f"{path}/") for path in found):
            found.append(old.path)
    return found


def _check_others(attempt: Attempt, after: ProftpdSurvey) -> None:
    """Nobody else may win or lose anything at any single door."""
    mine = attempt.me
    before = attempt.survey.rights_by_view()
    for ones, others in zip(before, after.rights_by_view(), strict=True):
        for old, new in zip(ones, others, strict=True):
            for one, other in zip(old.masks, new.masks, strict=True):
                if (one ^ other) & ~mine:
                    raise CannotExpress(
                        f"The section for {attempt.change.folder} would change what others can do "
                        f"in {old.path}."
                    )


def _side_effects(
    attempt: Attempt,
    before: Sequence[FolderRights],
    after: Sequence[FolderRights],
    inside: Sequence[FolderRights],
) -> list[Cell]:
    """Cells of the account that would be other than wanted. CannotExpress when the wanted one is
    not reached."""
    change, me = attempt.change, attempt.me
    wanted = {one.path for one in inside}
    cells: list[Cell] = []
    for old, new in zip(before, after, strict=True):
        was, got = old.rights(me), new.rights(me)
        if old.path in wanted and got & ~change.rights:
            raise CannotExpress(
                f"After a <Limit> block the account would still have {say(got)} in {old.path}."
            )
        expected = change.rights & was if old.path in wanted else was
        if got != expected:
            was = change.rights if old.path in wanted else was
            cells.append(Cell(change.account, names.shown(old.path), was, got))
    return cells


def _parts(known: Known, changed: Mapping[str, bytes]) -> list[Part]:
    raw = known.configuration.raw
    return [text_part(path, raw[path], content) for path, content in sorted(changed.items())]
