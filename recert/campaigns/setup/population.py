"""Who is asked about what: the population of a campaign, and its items, by set statements.

Items are made by INSERT .. SELECT from the frozen snapshot: one row per account and folder, routed
to the nearest owner and on along the chain (substitute, owner's manager, server owner, compliance
queue). Nobody is asked about an account of their own, and nobody who has left is asked at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Subquery,
    distinct,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, Item, ItemState
from recert.campaigns.setup import exclusions
from recert.campaigns.setup.models import LeftOut, Population
from recert.campaigns.setup.scope import Scope, is_unknown
from recert.campaigns.setup.subjects.access import held, joined
from recert.campaigns.setup.subjects.contract import Selection
from recert.campaigns.setup.subjects.registry import kind_of
from recert.foundation.db import AnyRow
from recert.inventory.models import (
    Account,
    Grant,
    Snapshot,
)
from recert.inventory.queries import in_snapshot
from recert.people.models import Person


@dataclass(frozen=True)
class ReviewerShare:
    """How many items one reviewer would get; None is the compliance queue."""

    reviewer_id: int | None
    name: str
    email: str
    items: int
    folders: int


def shares(session: Session, selections: Sequence[Selection]) -> list[ReviewerShare]:
    """What each reviewer would get, most first; the compliance queue is one of them."""
    rows: list[AnyRow] = []
    for selection in selections:
        routed = kind_of(selection.about).routed(selection).subquery()
        rows += _counted(session, routed, routed.c.path)
    return _merged(rows)


def shares_of(session: Session, campaign: Campaign) -> list[ReviewerShare]:
    """The same for a campaign that has its items: counting those is cheaper than routing again."""
    rows: list[AnyRow] = []
    for server_id in campaign.server_ids:
        here = (Item.campaign_id == campaign.id, Item.server_id == server_id)
        place = kind_of(campaign.about).place
        mine = select(Item.reviewer_id, place.label("place")).where(*here).subquery()
        rows += _counted(session, mine, mine.c.place)
    return _merged(rows)


def _counted(session: Session, asked: Subquery, place: ColumnElement[Any]) -> Sequence[AnyRow]:
    """The questions of one server by reviewer; grouped first, so that few rows are named."""
    each = (
        select(
            asked.c.reviewer_id,
            func.count().label("items"),
            func.count(distinct(place)).label("folders"),
        )
        .group_by(asked.c.reviewer_id)
        .subquery()
    )
    named = select(each, Person.name, Person.email)
    return session.execute(named.outerjoin(Person, Person.id == each.c.reviewer_id)).all()


def _merged(rows: Iterable[AnyRow]) -> list[ReviewerShare]:
    found: dict[int | None, ReviewerShare] = {}
    for row in rows:
        before = found.get(row.reviewer_id)
        found[row.reviewer_id] = ReviewerShare(
            row.reviewer_id,
            row.name or "Compliance queue",
            row.email or "",
            row.items + (before.items if before else 0),
            row.folders + (before.folders if before else 0),
        )
    return sorted(found.values(), key=lambda share: (-share.items, share.name))


def routed_away(session: Session, selections: Sequence[Selection]) -> int:
    """How many questions go to somebody else because the first in the chain holds the account."""
    found = 0
    for selection in selections:
        if kind_of(selection.about).has_holder:
            routed = kind_of(selection.about).routed(selection).subquery()
            query = select(func.count()).select_from(routed).where(routed.c.routed_away)
            found += session.scalar(query) or 0
    return found


def unknown_use(session: Session, scope: Scope, snapshot: Snapshot, server: str) -> list[str]:
    """A warning about accounts without any known use, when the scope depends on their last use."""
    if not scope.unused_days:
        return []
    here = (
        Account.server_id == snapshot.server_id,
        in_snapshot(Account, snapshot.id),
        is_unknown(),
    )
    count = session.scalar(select(func.count()).select_from(Account).where(*here)) or 0
    does = "They count as unused." if scope.unknown_unused else "They are not taken as unused."
    unknown = f"Of {count} accounts on {server} neither a sign-in nor a transfer is known."
    return [f"{unknown} {does}"] if count else []


def count(session: Session, selection: Selection) -> Population:
    """How the accounts of a snapshot add up. Not yet stored, and without its campaign."""
    return kind_of(selection.about).count(session, selection)


def freeze_exclusions(session: Session, campaign_id: int, selection: Selection) -> None:
    """Writes down what each exclusion leaves out of this campaign."""
    query = joined(select(func.count()).select_from(Grant))
    for one in selection.exclusions:
        here = (*held(selection), selection.in_scope, exclusions.covers(one))
        grants = session.scalar(query.where(*here)) or 0
        if grants:
            session.add(LeftOut(campaign_id=campaign_id, exclusion_id=one.id, grants=grants))


def generate(session: Session, campaign: Campaign, selection: Selection, first_key: int) -> int:
    """Makes the items of one server, in the order of their pages; how many."""
    server_id = selection.snapshot.server_id
    routed = kind_of(selection.about).routed(selection).subquery()
    order = (routed.c.reviewer_id, routed.c.path, routed.c.account)
    others = kind_of(selection.about).item_columns
    rows = select(
        literal(campaign.id),
        literal(server_id),
        routed.c.grant_id,
        routed.c.account_id,
        routed.c.folder_id,
        routed.c.reviewer_id,
        routed.c.route,
        routed.c.rights,
        routed.c.content_hash,
        (func.row_number().over(order_by=order) + first_key).label("sort_key"),
        literal(ItemState.OPEN.value),
        literal(0),
        literal(""),
        *(routed.c[name] for name in others),
    ).order_by(*order)
    columns = [
        *("campaign_id", "server_id", "grant_id", "account_id", "folder_id", "reviewer_id"),
        *("route", "rights", "content_hash", "sort_key", "state", "version", "outcome"),
        *others,
    ]
    made = session.execute(
        insert(Item).from_select(columns, rows, include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    return int(getattr(made, "rowcount", -1))
