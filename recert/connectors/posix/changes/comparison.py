"""Compares the rights before and after an edit, cell by cell.

Every view (a protocol, a listener, a sort of client) is compared by itself, because the union of
all views may hide what one of them loses or gains.
"""

from collections.abc import Collection, Iterator, Sequence

from recert.connectors import names
from recert.connectors.changes import SetRights
from recert.connectors.contract import CannotExpress, Cell
from recert.connectors.posix.permissions.evaluate import FolderRights, Masks
from recert.connectors.posix.permissions.identities import Identities
from recert.connectors.posix.survey import Survey, union
from recert.connectors.rights import Rights, say

ByView = Sequence[list[FolderRights]]


def renumbered(
    later: ByView, theirs: Identities, before: ByView, survey: Survey
) -> Sequence[list[FolderRights]]:
    """The rights of a later survey with the account bits of the first. New accounts are left out,
    and accounts that are gone keep their earlier rights. CannotExpress when the later survey has
    other views."""
    if len(later) != len(before):
        raise CannotExpress("The change would alter by which ways clients come in.")
    ours = survey.identities
    if theirs.names == ours.names:
        return later
    present = sum(ours.of(name) for name in theirs.names)

    def turned(mask: int, old: int) -> int:
        same = sum(ours.of(one.account) for one in theirs.members(mask))
        return same | old & ~present

    return [
        [
            FolderRights(new.folder, tuple(map(turned, new.masks, old.masks)))
            for new, old in zip(ones, olds, strict=True)
        ]
        for ones, olds in zip(later, before, strict=True)
    ]


def compared(
    survey: Survey,
    change: SetRights,
    before: ByView,
    after: ByView,
    inside: Sequence[FolderRights],
    edit: str,
) -> tuple[Cell, ...]:
    """Cells that would be other than wanted after an edit, which is named for the message of
    CannotExpress: raised when the wanted one is not reached, and when anybody would win anything
    by any way in."""
    check_gains(survey, before, after, edit)
    wanted = {one.path for one in inside}
    cells = list(_cells(survey, change, union(before), union(after), wanted, edit))
    known = {(cell.account, cell.folder) for cell in cells}
    for view, ones, others in zip(survey.views, before, after, strict=True):
        cells += [
            cell
            for cell in _lost(survey, change, ones, others, wanted, view.protocol)
            if (cell.account, cell.folder) not in known
        ]
    return tuple(dict.fromkeys(cells))


def check_gains(survey: Survey, before: ByView, after: ByView, edit: str) -> None:
    """Raises CannotExpress when some account could do more in some folder by some way in."""
    for view, ones, others in zip(survey.views, before, after, strict=True):
        for old, new in zip(ones, others, strict=True):
            gained = _folded(new.masks, old.masks)
            if gained:
                who = next(iter(survey.identities.members(gained)))
                bit = survey.identities.of(who.account)
                more = new.rights(bit) & ~old.rights(bit)
                by = f" by {view.protocol}" if view.protocol else ""
                raise CannotExpress(
                    f"After {edit} {who.account} could do more in {old.path}{by}: {say(more)}."
                )


def _folded(masks: Masks, without: Masks) -> int:
    folded = 0
    for one, other in zip(masks, without, strict=True):
        folded |= one & ~other
    return folded


def _cells(
    survey: Survey,
    change: SetRights,
    before: Sequence[FolderRights],
    after: Sequence[FolderRights],
    wanted: Collection[str],
    edit: str,
) -> Iterator[Cell]:
    me = survey.identities.of(change.account)
    for old, new in zip(before, after, strict=True):
        touched = _folded(old.masks, new.masks)
        if old.path in wanted:
            got = new.rights(me)
            if got & ~change.rights:
                raise CannotExpress(
                    f"After {edit} the account would still have {say(got)} in {old.path}."
                )
            if got != change.rights & old.rights(me):
                yield Cell(change.account, names.shown(old.path), change.rights, got)
            touched &= ~me
        yield from _of_all(survey, old, new, touched)


def _of_all(
    survey: Survey, old: FolderRights, new: FolderRights, touched: int, protocol: str = ""
) -> Iterator[Cell]:
    for who in survey.identities.members(touched):
        bit = survey.identities.of(who.account)
        rights: tuple[Rights, Rights] = (old.rights(bit), new.rights(bit))
        yield Cell(who.account, names.shown(old.path), *rights, protocol)


def _lost(
    survey: Survey,
    change: SetRights,
    before: Sequence[FolderRights],
    after: Sequence[FolderRights],
    wanted: Collection[str],
    protocol: str,
) -> Iterator[Cell]:
    """What is lost by one way in, besides the wanted: of the wanted cell what should stay."""
    me = survey.identities.of(change.account)
    for old, new in zip(before, after, strict=True):
        touched = _folded(old.masks, new.masks)
        if old.path in wanted and touched & me:
            was, got = old.rights(me), new.rights(me)
            if got != change.rights & was:
                yield Cell(change.account, names.shown(old.path), was, got, protocol)
            touched &= ~me
        yield from _of_all(survey, old, new, touched, protocol)
