"""What was asked is compared with each new snapshot: access that changed is asked about again."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import once, progress, transitions, vanished_access
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState
from recert.campaigns.once import SNAPSHOTS, compared_with
from recert.campaigns.progress import recount_reviewers
from recert.campaigns.setup import frozen_facts
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.transitions import hold
from recert.changes.models import GIVING, Order, OrderState
from recert.foundation.actor import Actor, system
from recert.foundation.db import AnyRow, Database
from recert.foundation.jobs.registration import WORKER, JobContext, Phase, job
from recert.inventory.models import Folder, Grant, Snapshot, SnapshotState
from recert.trail.act import Act
from recert.trail.actions import Action

_CHANGED = """
SELECT i.id, i.reviewer_id, i.folder_id, i.state, i.answer, i.content_hash AS asked,
       f.server_id, f.path, f.gone_snapshot_id AS boundary_gone,
       g.gone_snapshot_id AS gone_in, i.account_id AS account_asked, b.id AS account_id,
       fn.id AS folder_now,
       n.id AS new_grant, n.rights, n.content_hash
FROM item i
JOIN access_grant g ON g.id = i.grant_id AND g.gone_snapshot_id IS NOT NULL
JOIN folder f ON f.id = i.folder_id
JOIN account a ON a.id = i.account_id
LEFT JOIN account b ON b.server_id = a.server_id AND b.name = a.name
     AND b.gone_snapshot_id IS NULL
LEFT JOIN folder fn ON fn.server_id = f.server_id AND fn.path = f.path
     AND fn.gone_snapshot_id IS NULL
LEFT JOIN access_grant n ON n.account_id = b.id AND n.folder_id = fn.id
     AND n.gone_snapshot_id IS NULL AND n.rights <> 0
WHERE i.campaign_id = :campaign AND i.state IN ('open', 'decided', 'gone before decision')
ORDER BY i.id
"""
# A membership that ended, an account or a group that is not there any more. What comes back is
# another membership: the next review asks about it.
_GONE = """
SELECT i.id, i.reviewer_id, i.folder_id, i.answer,
       COALESCE(a.gone_snapshot_id, g.gone_snapshot_id, (
           SELECT MAX(m.gone_snapshot_id) FROM group_member m
           WHERE m.account_id = a.id AND m.group_id = g.id)) AS gone_in
FROM item i
LEFT JOIN account a ON a.id = i.account_id
LEFT JOIN server_group g ON g.id = i.group_id
WHERE i.campaign_id = :campaign AND i.state IN ('open', 'decided')
  AND (a.gone_snapshot_id IS NOT NULL OR g.gone_snapshot_id IS NOT NULL
       OR (a.id IS NOT NULL AND g.id IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM group_member m WHERE m.account_id = a.id AND m.group_id = g.id
           AND m.gone_snapshot_id IS NULL)))
ORDER BY i.id
"""
# The campaign is held: an item stands where the query found it. What was gone comes back.
REFRESHED = (ItemState.OPEN, ItemState.DECIDED, ItemState.GONE)
_BEFORE = "Gone before it was decided."
_NOT_FINAL = "Gone before the answer ({}) was final: it does not count."
_IS_GONE: dict[str, Any] = {"state": ItemState.GONE, "outcome": _BEFORE}


def refresh_due(db: Database, *, now: datetime) -> int:
    """Compares each running campaign with its newest snapshots, in a transaction of its own; how
    many items were touched. Nothing is written where nothing is new."""
    with db.reading() as session:
        active = select(Campaign.id).where(Campaign.state == CampaignState.ACTIVE)
        due = [
            one for one in session.scalars(active.order_by(Campaign.id)) if _is_due(session, one)
        ]
    touched = 0
    for campaign_id in due:
        with db.transaction() as session:
            touched += refresh_one(session, campaign_id, now=now)
    return touched


def want_second_readings(db: Database, *, actor: Actor, now: datetime) -> int:
    """Where access was missing in one reading only, another one is asked for; how many."""
    gone = select(Item.campaign_id).where(Item.missing_since.is_not(None)).distinct()
    running = select(Campaign.id).where(Campaign.state == CampaignState.ACTIVE)
    with db.reading() as session:
        numbers = session.scalars(running.where(Campaign.id.in_(gone))).all()
        due = [
            one
            for one in numbers
            if vanished_access.unproved(session, session.get_one(Campaign, one))
        ]
    wanted = 0
    for number in due:
        with db.transaction() as session:
            campaign = session.get_one(Campaign, number)
            wanted += vanished_access.want_second_reading(Act(session, actor, now), campaign)
    return wanted


def _newest(session: Session, campaign_id: int) -> str:
    """What stands for the newest complete snapshots of a campaign's servers."""
    servers = session.get_one(Campaign, campaign_id).server_ids
    newest = (
        select(func.max(Snapshot.id))
        .where(Snapshot.server_id.in_(servers), Snapshot.state == SnapshotState.COMPLETE)
        .group_by(Snapshot.server_id)
        .order_by(Snapshot.server_id)
    )
    return compared_with(number for number in session.scalars(newest) if number)


def _is_due(session: Session, campaign_id: int) -> bool:
    return not once.is_marked(session, campaign_id, SNAPSHOTS, _newest(session, campaign_id))


def refresh_one(session: Session, campaign_id: int, *, now: datetime) -> int:
    """After a new snapshot: an item whose access changed (or came back) asks again, one whose
    access is gone says so. How many were touched. Each snapshot is looked at once."""
    campaign = hold(session, campaign_id, alone=True)
    if campaign.state is not CampaignState.ACTIVE:
        return 0
    if not once.mark(session, campaign_id, SNAPSHOTS, _newest(session, campaign_id), now):
        return 0
    ids = _refresh(session, campaign)
    if any(ids.values()):
        actor = system("new snapshot")
        trail.append(session, Action.ITEMS_REFRESHED, campaign.ref, ids, actor=actor, at=now)
    return len(ids["gone"]) + len(ids["asked_again"])


def _refresh(session: Session, campaign: Campaign) -> dict[str, Any]:
    ids: dict[str, Any] = {"gone": [], "asked_again": []}
    reviewers, folders, campaign_id, moved = set(), set(), campaign.id, False
    is_access = kind_of(campaign.about).is_by_folder
    found = session.execute(text(_CHANGED if is_access else _GONE), {"campaign": campaign_id})
    rows = found.all()
    before = frozen_facts.facts_of_access(session, campaign_id, [row.id for row in rows])
    for row in rows:
        values = _new_facts(session, row) if is_access else dict(_IS_GONE)
        if values is None:
            continue
        # What a change of Recert took was looked at once more already.
        unproved = values["state"] is ItemState.GONE and values["outcome"] == _BEFORE
        if values["state"] is ItemState.GONE and row.answer:  # an answer that was not final yet
            values["outcome"] = values["outcome"].replace(_BEFORE, _NOT_FINAL.format(row.answer), 1)
        values |= transitions.UNANSWERED
        is_gone = values["state"] is ItemState.GONE
        values["missing_since"] = _reading_of(session, row.gone_in) if unproved else None
        moved |= values.get("folder_id", row.folder_id) != row.folder_id
        new = values.pop("state")
        transitions.move_items(session, Item.id == row.id, sources=REFRESHED, new=new, **values)
        ids["gone" if is_gone else "asked_again"].append(row.id)
        reviewers.add(row.reviewer_id)
        folders.add(row.folder_id)
    recount_reviewers(session, campaign_id, *reviewers)
    if moved:  # to the new row of a folder that was missing: it has no counters yet
        progress.start_folders(session, campaign_id)
    else:
        progress.recount_folders(session, campaign_id, *folders)
    after = frozen_facts.facts_of_access(session, campaign_id, before)
    ids["changed"] = [[n, before[n], after[n]] for n in sorted(before) if before[n] != after[n]]
    return ids


def _reading_of(session: Session, snapshot_id: int | None) -> datetime | None:
    """When the reading began in which something was missing."""
    return session.scalar(select(Snapshot.started_at).where(Snapshot.id == snapshot_id))


def _new_facts(session: Session, row: AnyRow) -> dict[str, Any] | None:
    """What an item must say now; None when it says so already."""
    values: dict[str, Any] = {"state": ItemState.OPEN}
    found = row if row.new_grant else _inherited(session, row)
    if found is None:
        return None if row.state == ItemState.GONE else _gone(session, row)
    if row.new_grant:
        # An account or a folder that is back after a reading without it has a new row.
        values |= {
            "grant_id": row.new_grant,
            "account_id": row.account_id,
            "folder_id": row.folder_now,
            "outcome": "The access changed after it was asked about.",
        }
        if row.state == ItemState.GONE:
            missing = _reading_of(session, row.gone_in)
            when = f"{missing:%Y-%m-%d %H:%M} UTC" if missing else "one reading"
            values["outcome"] = f"It was missing in the reading of {when} and is there again."
    elif found.content_hash == row.asked and row.state != ItemState.GONE:
        return None
    else:
        values["outcome"] = "The access here is now the one of the folder above."
    return {**values, "rights": found.rights, "content_hash": found.content_hash}


def _gone(session: Session, row: AnyRow) -> dict[str, Any]:
    """Gone, and who took it if we know: a change of Recert itself."""
    here = (Order.account_id == row.account_asked, Order.folder_id == row.folder_id)
    verified = (Order.state == OrderState.VERIFIED, Order.kind.not_in(GIVING))
    query = select(Order.id, Order.origin).where(*here, *verified).order_by(Order.id.desc())
    order = session.execute(query.limit(1)).first()
    if order is None:
        return dict(_IS_GONE)
    why = f"{_BEFORE} Change {order.id} took it away ({order.origin})."
    return {**_IS_GONE, "outcome": why}


def _inherited(session: Session, row: AnyRow) -> AnyRow | None:
    """What the account has in a folder that is no boundary any more: the same as in the nearest
    one above it. None when it has nothing there."""
    if row.boundary_gone is None or row.account_id is None:
        return None
    above = [row.path[:at] or "/" for at, character in enumerate(row.path) if character == "/"]
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


@job(Phase.SNAPSHOTS, 3)
def refresh_items(context: JobContext) -> int:
    """Asks again where access changed, whoever took the snapshot that shows it."""
    now = context.now()
    touched = refresh_due(context.db, now=now)
    return touched + want_second_readings(context.db, actor=WORKER, now=now)
