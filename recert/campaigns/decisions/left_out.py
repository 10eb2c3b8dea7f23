"""What a bulk answer left out, line by line: somebody reads it right after they pressed."""

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, ItemState
from recert.foundation.actor import Actor
from recert.inventory.models import Account

MOST = 20


def names(
    session: Session,
    campaign_id: int,
    item_ids: Sequence[int],
    ticked: Mapping[int, int],
    actor: Actor,
) -> tuple[str, ...]:
    """Each of the first MOST lines that was skipped, with why; what is not the reviewer's any more
    is only counted."""
    if not item_ids:
        return ()
    query = (
        select(
            Item.id,
            func.coalesce(Account.name, Item.topic).label("name"),
            Item.state,
            Item.content_hash,
            Item.account_id,
            Account.person_id,
        )
        .outerjoin(Account, Account.id == Item.account_id)
        .where(
            Item.campaign_id == campaign_id,
            Item.id.in_(item_ids[:MOST]),
            Item.reviewer_id == actor.person_id,
        )
        .order_by(Item.sort_key)
    )
    found = []
    for row in session.execute(query):
        if row.person_id is not None and row.person_id == actor.person_id:
            why = "it is your own"
        elif row.state is not ItemState.OPEN:
            why = str(row.state.value)
        elif row.content_hash != ticked.get(row.id):
            why = "its access changed"
        else:
            why = "it changed meanwhile"
        found.append(f"{row.name} ({why})")
    rest = len(item_ids) - len(found)
    return (*found, *([f"{rest} more that are not yours any more or not shown"] if rest else []))
