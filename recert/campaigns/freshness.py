"""What was asked is compared with each new snapshot: access that changed is asked about again."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import frozen, places
from recert.campaigns.items import hold, is_taken, recount, take_slot
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState, Subject
from recert.changes.models import Order, OrderKind, OrderState
from recert.foundation.actor import system
from recert.foundation.db import AnyRow
from recert.inventory import queries as inventory
from recert.inventory.models import Folder, Grant

_CHANGED = """
SELECT i.id, i.reviewer_id, i.folder_id, i.state, i.answer, i.account_id, i.content_hash AS asked,
       f.server_id, f.path, f.gone_snapshot_id AS boundary_gone,
       a.gone_snapshot_id AS account_gone,
       n.id AS new_grant, n.rights, n.content_hash
FROM item i
JOIN access_grant g ON g.id = i.grant_id AND g.gone_snapshot_id IS NOT NULL
JOIN folder f ON f.id = i.folder_id
JOIN account a ON a.id = i.account_id
LEFT JOIN access_grant n ON n.account_id = i.account_id AND n.folder_id = i.folder_id
     AND n.gone_snapshot_id IS NULL AND n.rights <> 0
WHERE i.campaign_id = :campaign AND i.state IN ('open', 'decided', 'gone before decision')
ORDER BY i.id
"""
# A membership that ended, an account or a group that is not there any more. What comes back is
# another membership: the next review asks about it.
_GONE = """
SELECT i.id, i.reviewer_id, i.folder_id, i.answer FROM item i
LEFT JOIN account a ON a.id = i.account_id
LEFT JOIN server_group g ON g.id = i.group_id
WHERE i.campaign_id = :campaign AND i.state IN ('open', 'decided')
  AND (a.gone_snapshot_id IS NOT NULL OR g.gone_snapshot_id IS NOT NULL
       OR (a.id IS NOT NULL AND g.id IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM group_member m WHERE m.account_id = a.id AND m.group_id = g.id
           AND m.gone_snapshot_id IS NULL)))
ORDER BY i.id
"""
_BEFORE = "Gone before it was decided."
_NOT_FINAL = "Gone before the answer ({}) was final: it does not count."
_IS_GONE: dict[str, Any] = {"state": ItemState.GONE, "outcome": _BEFORE}


def refresh_slot(snapshots: Iterable[int]) -> str:
    """The slot of one comparison with the newest snapshots of a campaign's servers."""
    return "compared with snapshots " + ",".join(map(str, snapshots))


def refresh(session: Session, *, now: datetime) -> int:
    """After a new snapshot: an item whose access changed (or came back) asks again, one whose
    access is gone says so. How many were touched. Each snapshot is looked at once."""
    active = select(Campaign).where(Campaign.state == CampaignState.ACTIVE).order_by(Campaign.id)
    touched: dict[int, dict[str, Any]] = {}
    for campaign in session.scalars(active).all():
        newest = [inventory.last_complete(session, number) for number in campaign.server_ids]
        seen = refresh_slot(snapshot.id for snapshot in newest if snapshot)
        if is_taken(session, campaign.id, seen) or not take_slot(session, campaign.id, seen, now):
            continue
        if hold(session, campaign.id, alone=True).state is CampaignState.ACTIVE:
            touched[campaign.id] = _refresh(session, campaign)
    for campaign_id, ids in touched.items():
        if any(ids.values()):
            subject, actor = f"campaign:{campaign_id}", system("new snapshot")
            trail.append(session, "items.refreshed", subject, ids, actor=actor, at=now)
    return sum(len(ids["gone"]) + len(ids["asked_again"]) for ids in touched.values())


def _refresh(session: Session, campaign: Campaign) -> dict[str, Any]:
    ids: dict[str, Any] = {"gone": [], "asked_again": []}
    reviewers, folders, campaign_id = set(), set(), campaign.id
    is_access = campaign.about is Subject.ACCESS
    found = session.execute(text(_CHANGED if is_access else _GONE), {"campaign": campaign_id})
    rows = found.all()
    before = frozen.facts_of_access(session, campaign_id, [row.id for row in rows])
    for row in rows:
        values = _new_facts(session, row) if is_access else dict(_IS_GONE)
        if values is None:
            continue
        if values["state"] is ItemState.GONE and row.answer:  # an answer that was not final yet
            values["outcome"] = values["outcome"].replace(_BEFORE, _NOT_FINAL.format(row.answer), 1)
        values.update(answer=None, answer_rights=None, decided_at=None, keep_until=None)
        session.execute(update(Item).where(Item.id == row.id).values(**values))
        ids["gone" if values["state"] is ItemState.GONE else "asked_again"].append(row.id)
        reviewers.add(row.reviewer_id)
        folders.add(row.folder_id)
    recount(session, campaign_id, *reviewers)
    places.recount(session, campaign_id, *folders)
    after = frozen.facts_of_access(session, campaign_id, before)
    ids["changed"] = [[n, before[n], after[n]] for n in sorted(before) if before[n] != after[n]]
    return ids


def _new_facts(session: Session, row: AnyRow) -> dict[str, Any] | None:
    """What an item must say now; None when it says so already."""
    values: dict[str, Any] = {"state": ItemState.OPEN}
    found = row if row.new_grant else _inherited(session, row)
    if found is None:
        return None if row.state == ItemState.GONE else _gone(session, row)
    if row.new_grant:
        values["grant_id"] = row.new_grant
        values["outcome"] = "The access changed after it was asked about."
    elif found.content_hash == row.asked and row.state != ItemState.GONE:
        return None
    else:
        values["outcome"] = "The access here is now the one of the folder above."
    return {**values, "rights": found.rights, "content_hash": found.content_hash}


def _gone(session: Session, row: AnyRow) -> dict[str, Any]:
    """Gone, and who took it if we know: a change of Recert itself."""
    here = (Order.account_id == row.account_id, Order.folder_id == row.folder_id)
    verified = (Order.state == OrderState.VERIFIED, Order.kind != OrderKind.UNDO)
    query = select(Order.id, Order.origin).where(*here, *verified).order_by(Order.id.desc())
    order = session.execute(query.limit(1)).first()
    if order is None:
        return dict(_IS_GONE)
    why = f"{_BEFORE} Change {order.id} took it away ({order.origin})."
    return {**_IS_GONE, "outcome": why}


def _inherited(session: Session, row: AnyRow) -> AnyRow | None:
    """What the account has in a folder that is no boundary any more: the same as in the nearest
    one above it. None when it has nothing there."""
    if row.boundary_gone is None or row.account_gone is not None:
        return None
    above = [row.path[:at] or "/" for at, letter in enumerate(row.path) if letter == "/"]
    nearest = (
        select(Folder.id)
        .where(
            Folder.server_id == row.server_id,
            Folder.gone_snapshot_id.is_(None),
            Folder.path.in_(above),
        )
        .order_by(func.length(Folder.path).desc())
        .limit(1)
    )
    return session.execute(
        select(Grant.rights, Grant.content_hash).where(
            Grant.folder_id == nearest.scalar_subquery(),
            Grant.account_id == row.account_id,
            Grant.gone_snapshot_id.is_(None),
            Grant.rights != 0,
        )
    ).one_or_none()
