"""What helps to decide: facts with their reasons. Nothing is preselected by them.

All hints of a page are found by a fixed number of statements, however many items it shows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from recert.activity import queries as activity
from recert.activity.models import Use
from recert.activity.queries import Covered
from recert.campaigns.models import Answer, Campaign, Item
from recert.campaigns.setup.selection import last_reviewed
from recert.connectors import rights
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.statements import numbers, run
from recert.inventory import shared_storage
from recert.inventory.models import Account, Grant
from recert.people.models import Person

UNUSED = timedelta(days=90)
_USES = {
    Use.DOWNLOAD: "downloaded files",
    Use.UPLOAD: "added or changed files",
    Use.DELETE: "deleted files",
}
_ANSWERS = {Answer.KEEP: "kept", Answer.REDUCE: "reduced", Answer.REVOKE: "removed"}


class Level(StrEnum):
    RED = "red"  # to keep it needs a reason
    AMBER = "amber"
    PLAIN = "plain"


@dataclass(frozen=True)
class Hint:
    """One sentence with its reason in it."""

    level: Level
    text: str


Hints = dict[int, list[Hint]]


def hints_for(session: Session, rows: Sequence[AnyRow], *, now: datetime) -> Hints:
    """The hints of items as `queries` returns them, by item number."""
    kept: dict[int, str] = {row.account_id: row.emergency for row in rows if row.emergency}
    found: Hints = {row.id: list(_of_account(row, kept, now)) for row in rows}
    if rows:
        _add_emergency(session, rows, kept, found)
        _add_keys(rows, found)
        _add_other_servers(session, rows, found)
        _add_news(session, rows, found)
        _add_peers(session, rows, found)
        _add_previous(session, rows, found)
        _add_use(session, rows, kept, found, now)
    return found


def _of_account(row: AnyRow, kept: Mapping[int, str], now: datetime) -> list[Hint]:
    found = []
    if row.person and not row.person_active:
        day = f" on {row.left_on}" if row.left_on else ""
        found.append(Hint(Level.RED, f"{row.person} has left{day}."))
    if row.expires_at and row.expires_at <= now:
        found.append(Hint(Level.RED, f"The account ended on {row.expires_at:%-d %B %Y}."))
    if row.account_kind == "anonymous":
        found.append(Hint(Level.RED, "Anybody can use this account, without a password."))
    if not row.person and row.account_kind == "person":
        found.append(Hint(Level.AMBER, "The account belongs to nobody we know."))
    is_old = row.last_login_at and now - row.last_login_at > UNUSED
    if is_old and row.account_id not in kept:
        days = (now - row.last_login_at).days
        found.append(Hint(Level.AMBER, f"Nobody has signed in with it for {days} days."))
    if row.conflict:
        found.append(Hint(Level.AMBER, "The reviewer could grant themselves the same access."))
    return found


def _add_emergency(
    session: Session, rows: Sequence[AnyRow], kept: Mapping[int, str], found: Hints
) -> None:
    """Nobody should use such an account, so long disuse is no reproach."""
    used = activity.last_used(session, kept.keys()) if kept else {}
    for row in rows:
        if row.account_id in kept:
            at = used.get(row.account_id)
            last = f"It was last used on {at:%-d %B %Y}." if at else "No use of it is known."
            text = f"This is an emergency account: {kept[row.account_id].rstrip('.')}. {last}"
            found[row.id].append(Hint(Level.PLAIN, text))


def _add_keys(rows: Sequence[AnyRow], found: Hints) -> None:
    """A key opens an account whatever happens to its password."""
    for row in rows:
        if count := row.key_count:
            text = f"{count} keys open this account." if count > 1 else "1 key opens this account."
            found[row.id].append(Hint(Level.PLAIN, text))


def _add_other_servers(session: Session, rows: Sequence[AnyRow], found: Hints) -> None:
    """The same directory through another server: a removal here leaves that open."""
    pairs = {(row.account_id, row.folder_id) for row in rows if row.account_id and row.folder_id}
    coverage = shared_storage.ways(session, pairs) if pairs else {}
    for row in rows:
        for way in coverage.get((row.account_id, row.folder_id), ()):
            who = "this person" if way.is_same_person else "the same login name"
            text = (
                f"The same folder is open to {who} on server {way.server}: "
                f"account {way.account}, {way.held}."
            )
            found[row.id].append(Hint(Level.AMBER, text))


def _add_news(session: Session, rows: Sequence[AnyRow], found: Hints) -> None:
    """New since the last review of its server, or other rights than then."""
    granted = [row for row in rows if row.first_snapshot_id is not None]
    servers = {(row.campaign_id, row.server_id) for row in granted}
    since = {key: last_reviewed(session, *key) for key in sorted(servers)}
    news = []
    for row in granted:
        last = since[row.campaign_id, row.server_id]
        if last is not None and row.first_snapshot_id > last:
            news.append(row)
    before = _before(session, news) if news else {}
    for row in news:
        old = before.get((row.account_id, row.folder_id))
        if old is None:
            found[row.id].append(Hint(Level.PLAIN, "New since the last review."))
        elif row.rights & ~old:
            more = ", ".join(rights.phrases(row.rights & ~old))
            found[row.id].append(Hint(Level.AMBER, f"More than at the last review: {more}."))


def _add_use(
    session: Session,
    rows: Sequence[AnyRow],
    kept: Mapping[int, str],
    found: Hints,
    now: datetime,
) -> None:
    """What this account last did in this folder, as far as the logs of its server tell."""
    asked = [row for row in rows if row.folder_id and row.account_id]
    if not asked:
        return
    used = activity.last_uses(
        session, {row.account_id for row in asked}, {row.folder_id for row in asked}
    )
    covered = activity.covered(session, {row.server_id for row in asked})
    for row in asked:
        if row.account_kind == "anonymous":  # logs call it by the name that was typed, or none
            found[row.id].append(_use(None, {}, now))
            continue
        coverage, uses = covered.get(row.server_id), used.get((row.account_id, row.folder_id), {})
        hint = _use(coverage, uses, now)
        found[row.id].append(Hint(Level.PLAIN, hint.text) if row.account_id in kept else hint)


def _use(coverage: Covered | None, uses: Mapping[Use, datetime], now: datetime) -> Hint:
    if uses:
        newest = sorted(uses.items(), key=lambda one: one[1], reverse=True)
        dates = ", ".join(f"{_USES[use]} on {at:%-d %B %Y}" for use, at in newest)
        text = f"With it somebody last {dates} here."
        is_old = now - newest[0][1] > UNUSED
        return Hint(Level.AMBER if is_old else Level.PLAIN, text)
    if coverage is None:
        return Hint(Level.PLAIN, "Use of this folder: no data.")
    text = f"Not used here since {coverage.since:%-d %B %Y}, when the log begins."
    return Hint(Level.AMBER if now - coverage.since > UNUSED else Level.PLAIN, text)


def _before(session: Session, rows: Sequence[AnyRow]) -> dict[tuple[int, int], int]:
    """The rights of the newest former grant of each account in each folder."""
    found = run(session, _former(), _folders_and_accounts(rows))
    return {(row.account_id, row.folder_id): row.rights for row in found}


def _folders_and_accounts(rows: Sequence[AnyRow]) -> dict[str, list[int]]:
    """The folders and accounts of some items."""
    return {
        "folders": sorted({row.folder_id for row in rows if row.folder_id is not None}),
        "accounts": sorted({row.account_id for row in rows if row.account_id is not None}),
    }


@cache
def _former() -> AnySelect:
    return (
        select(Grant.account_id, Grant.folder_id, Grant.rights)
        .where(
            Grant.folder_id.in_(numbers("folders")),
            Grant.account_id.in_(numbers("accounts")),
            Grant.gone_snapshot_id.is_not(None),
        )
        .order_by(Grant.id)
    )


def _add_peers(session: Session, rows: Sequence[AnyRow], found: Hints) -> None:
    """How many of the same department have access to the folder."""
    departments = {
        row.department for row in rows if row.folder_id and row.department and row.person_active
    }
    if not departments:
        return
    here = (Person.department.in_(departments), Person.active)
    sizes = select(Person.department, func.count()).where(*here).group_by(Person.department)
    size = {row[0]: row[1] for row in session.execute(sizes)}
    holders = (
        select(Person.department, Grant.folder_id, func.count(Person.id.distinct()))
        .select_from(Grant)
        .join(Account, Account.id == Grant.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(
            *here,
            Grant.folder_id.in_({row.folder_id for row in rows}),
            Grant.gone_snapshot_id.is_(None),
            Grant.rights != 0,
        )
        .group_by(Person.department, Grant.folder_id)
    )
    have = {(row[0], row[1]): row[2] for row in session.execute(holders)}
    for row in rows:
        is_peer = row.folder_id and row.person_active and row.department in size
        if is_peer and size[row.department] > 1:
            count = have.get((row.department, row.folder_id), 0)
            text = f"{count} of {size[row.department]} people in {row.department} have access here."
            found[row.id].append(Hint(Level.PLAIN, text))


def _add_previous(session: Session, rows: Sequence[AnyRow], found: Hints) -> None:
    """What was answered about the same access in the last campaign that asked."""
    past = defaultdict[tuple[int, int], str](str)
    asked = {**_folders_and_accounts(rows), "campaign": rows[0].campaign_id}
    for row in run(session, _last_answers(), asked):
        day = f", {row.decided_at:%-d %B %Y}" if row.decided_at else ""
        past[row.account_id, row.folder_id] = f"{_ANSWERS[row.answer]} in “{row.name}”{day}"
    for row in rows:
        if answer := past.get((row.account_id, row.folder_id)):
            found[row.id].append(Hint(Level.PLAIN, f"Last time it was {answer}."))


@cache
def _last_answers() -> AnySelect:
    newest = (
        select(func.max(Item.id).label("id"))
        .where(
            Item.folder_id.in_(numbers("folders")),
            Item.account_id.in_(numbers("accounts")),
            Item.campaign_id < bindparam("campaign"),
            Item.answer.in_(list(_ANSWERS)),
        )
        .group_by(Item.account_id, Item.folder_id)
        .subquery()
    )
    return (
        select(Item.account_id, Item.folder_id, Item.answer, Campaign.name, Item.decided_at)
        .join(newest, newest.c.id == Item.id)
        .join(Campaign, Campaign.id == Item.campaign_id)
    )
