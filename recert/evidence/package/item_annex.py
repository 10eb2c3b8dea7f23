"""The item annex: one row per item for people who work with spreadsheets, as CSV and as XLSX."""

import tempfile
from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import case, func
from sqlalchemy.orm import Session

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Item
from recert.campaigns.setup import frozen_facts
from recert.campaigns.setup.frozen_facts import REVIEWER, REVIEWER_EMAIL
from recert.campaigns.setup.models import CampaignAccount, Population
from recert.changes.models import Order
from recert.connectors import rights
from recert.evidence.package.archive import Sealed
from recert.evidence.package.time_formats import iso, moment
from recert.evidence.package.workbook import Workbook
from recert.foundation import bulk
from recert.foundation.actor import Assurance, Channel
from recert.foundation.db import AnySelect
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot
from recert.remediation.models import Remediation

COLUMNS = (
    *("item", "server", "folder", "account", "person", "rights", "reviewer", "why_this_reviewer"),
    *("decided_by", "channel", "assurance", "answer", "rights_remaining", "reason"),
    *("access_seen_utc", "access_seen_local", "decided_utc", "decided_local"),
    *("outcome", "order", "verified_utc", "verified_local"),
)
NO_ANSWER = "policy: kept without an answer"

Rows = list[tuple[Any, ...]]


def write(
    sealed: Sealed, session: Session, campaign_id: int, zone: tzinfo, *, now: datetime
) -> None:
    """Both files of the annex into a package, in one walk over the items."""
    with tempfile.TemporaryDirectory(prefix="recert-annex-") as folder:
        path = Path(folder) / "items.xlsx"
        with Workbook(path, COLUMNS, now=now) as book:
            parts = book.also(rows(session, campaign_id, zone))
            sealed.rows("annex/items.csv", parts, COLUMNS)
        sealed.copy("annex/items.xlsx", path)


def rows(session: Session, campaign_id: int, zone: tzinfo) -> Iterator[Rows]:
    """One row per item as COLUMNS, in the order of the campaign's pages, some at a time."""

    @lru_cache(maxsize=4096)
    def times(value: datetime | str | None) -> tuple[str, str]:
        return (iso(value), moment(value).astimezone(zone).isoformat()) if value else ("", "")

    for part in bulk.select(session, _query(campaign_id)):
        yield [
            (
                *row[:5],
                rights_text(row[5]),
                f"{row[6]} <{row[7]}>" if row[7] else "",
                row[8],
                *_decision(row),
                *times(row[16]),
                *times(row[15]),
                row[17],
                row[18] or "",
                *times(row[19]),
            )
            for row in part
        ]


@cache
def rights_text(mask: int) -> str:
    """Rights in the phrases that reviewers read."""
    return ", ".join(rights.phrases(mask))


def _decision(row: bulk.Row) -> tuple[str, ...]:
    """Who answered what and how; a missing answer is shown as the non-response policy."""
    answer, remaining, actor, channel, assurance, reason = row[9:15]
    if answer == Answer.NO_ANSWER.value:
        actor, channel = actor or NO_ANSWER, channel or Channel.SYSTEM.value
        assurance = assurance or Assurance.POLICY.value
    left = "" if remaining is None else rights_text(remaining) or "no access"
    return (actor or "", channel or "", assurance or "", answer or "", left, reason or "")


def _query(campaign_id: int) -> AnySelect:
    later = Grant.first_snapshot_id > Population.snapshot_id  # asked again after it changed
    snapshot_shown = case((later, Grant.first_snapshot_id), else_=Population.snapshot_id)
    is_current = (Decision.item_id == Item.id) & (Decision.version == Item.version)
    columns = [
        *(Item.id, Server.name, func.coalesce(Folder.path, Item.topic)),
        *(func.coalesce(Account.name, ""), func.coalesce(CampaignAccount.person, "")),
        *(Item.rights, REVIEWER.name, REVIEWER_EMAIL, Item.route, Item.answer),
        *(Item.answer_rights, Decision.actor, Decision.channel, Decision.assurance),
        *(Decision.reason, Decision.at, Snapshot.finished_at, Item.outcome),
        *(Order.id, Order.verified_at),
    ]
    return (
        frozen_facts.of_items(campaign_id, columns)
        .join(
            Population,
            (Population.campaign_id == Item.campaign_id) & (Population.server_id == Item.server_id),
        )
        .join(Snapshot, Snapshot.id == snapshot_shown)
        .outerjoin(Decision, is_current & (Decision.answer == Item.answer))
        .outerjoin(Remediation, Remediation.item_id == Item.id)
        .outerjoin(Order, Order.id == Remediation.order_id)
        .order_by(Item.sort_key)
    )
