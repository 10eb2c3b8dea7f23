"""Until when access is certified: a person looked at it, and their answer still covers it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Subquery, and_, func, select
from sqlalchemy.orm import Session

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory import queries as inventory
from recert.inventory.models import Account, Folder, Grant, Snapshot
from recert.inventory.queries import in_snapshot

NOT_FINAL = (ItemState.OPEN, ItemState.DECIDED, ItemState.GONE, ItemState.SUPERSEDED)


def until(row: AnyRow, days: int) -> datetime | None:
    """When the certificate of a row with `certified_at` and `keep_until` ends: so many days after
    the answer, or sooner on the date of a keep that ends. None without a certificate."""
    if row.certified_at is None:
        return None
    end: datetime = row.certified_at + timedelta(days=days)
    return min(end, row.keep_until) if row.keep_until else end


def last_answers(server_id: int) -> Subquery:
    """The last final answer of a person about each account in each folder of a server: account_id,
    folder_id, at, answer_rights, keep_until. Policies are no persons, and void campaigns do not
    count."""
    newest = func.row_number().over(
        partition_by=(Item.account_id, Item.folder_id),
        order_by=(Decision.at.desc(), Decision.id.desc()),
    )
    answers = (
        select(
            Item.account_id,
            Item.folder_id,
            Decision.at,
            Decision.answer_rights,
            Decision.keep_until,
            newest.label("place"),
        )
        .join(Decision, and_(Decision.item_id == Item.id, Decision.version == Item.version))
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(
            Item.server_id == server_id,
            Item.state.not_in(NOT_FINAL),
            Decision.person_id.is_not(None),
            Campaign.state != CampaignState.VOID,
        )
        .subquery()
    )
    return select(answers).where(answers.c.place == 1).subquery()


def with_certificate(query: AnySelect, server_id: int) -> AnySelect:
    """Adds `certified_at` and `keep_until` to a query about grants. An answer that does not cover
    all rights of the grant is no certificate: it was removed, or has grown since."""
    last = last_answers(server_id)
    more = Grant.rights - Grant.rights.bitwise_and(func.coalesce(last.c.answer_rights, 0))
    return query.add_columns(last.c.at.label("certified_at"), last.c.keep_until).outerjoin(
        last,
        and_(
            last.c.account_id == Grant.account_id,
            last.c.folder_id == Grant.folder_id,
            more == 0,
        ),
    )


def grants_in(session: Session, snapshot: Snapshot) -> Iterator[AnyRow]:
    """Every grant of a snapshot with its certificate, streamed, by folder and account."""
    query = (
        with_certificate(inventory.grant_rows(), snapshot.server_id)
        .where(Grant.server_id == snapshot.server_id, in_snapshot(Grant, snapshot.id))
        .order_by(Folder.path, Account.name)
        .execution_options(yield_per=2000)
    )
    yield from session.execute(query)
