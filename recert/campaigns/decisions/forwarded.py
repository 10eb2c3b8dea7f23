"""What somebody answered and somebody else looks at now: it went on to the next stage, or was
passed on. Its giver still finds it on their page."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Item
from recert.foundation.db import AnyRow
from recert.inventory.models import Account, Folder
from recert.people.models import Person

MOST = 100


def went_on(
    session: Session, campaign_id: int, person_id: int, *, size: int = MOST
) -> Sequence[AnyRow]:
    """Their newest answer to each such question, newest first, with who is asked now and what the
    state is; `size` of them at most."""
    newer = aliased(Decision)
    again = (newer.item_id == Decision.item_id, newer.person_id == person_id)
    later = select(newer.id).where(*again, newer.version > Decision.version).exists()
    query = (
        select(
            Decision.answer,
            Decision.at,
            Decision.reason,
            Item.id,
            Item.state,
            func.coalesce(Folder.path, Item.topic).label("about"),
            func.coalesce(Account.name, "").label("account"),
            func.coalesce(Person.name, "the compliance queue").label("reviewer"),
        )
        .join(Item, Item.id == Decision.item_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(Person, Person.id == Item.reviewer_id)
        .where(
            Decision.person_id == person_id,
            Item.campaign_id == campaign_id,
            Item.reviewer_id.is_distinct_from(person_id),
            ~later,
        )
        .order_by(Decision.id.desc())
        .limit(size)
    )
    return session.execute(query).all()
