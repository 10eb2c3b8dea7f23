"""A reviewer asks about an item before they answer it; the conversation stays with the item."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns import states
from recert.campaigns.models import Item
from recert.campaigns.reviewing.models import ItemMessage
from recert.campaigns.transitions import hold
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, NotAllowed
from recert.inventory.models import Account, Folder
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST = 2000


def ask(act: Act, item: Item, text: str) -> ItemMessage:
    """The reviewer asks. The item stays open; the officers see the question on their board."""
    if act.actor.person_id is None or item.reviewer_id != act.actor.person_id:
        raise NotAllowed("Only whoever is asked can ask back.")
    return _add(act, item, text, is_question=True)


def answer(act: Act, item: Item, text: str) -> ItemMessage:
    """An officer, an administrator, or the person whose account it is answers."""
    holder = act.session.scalar(select(Account.person_id).where(Account.id == item.account_id))
    is_holder = act.actor.person_id is not None and act.actor.person_id == holder
    if not is_holder:
        act.actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    return _add(act, item, text, is_question=False)


def _add(act: Act, item: Item, text: str, *, is_question: bool) -> ItemMessage:
    text = text.strip()
    if not 0 < len(text) <= LONGEST:
        raise BadInput(f"Write 1 to {LONGEST} characters.")
    if not all(character.isprintable() or character in "\r\n\t\xa0" for character in text):
        raise BadInput("The text contains control characters.")
    states.check_running(hold(act.session, item.campaign_id).state)
    message = ItemMessage(
        item_id=item.id, author=act.actor.name, is_question=is_question, text=text, at=act.now
    )
    act.session.add(message)
    act.session.flush()
    action = Action.ITEM_QUESTION if is_question else Action.ITEM_ANSWER
    act.record(action, item.ref, {"text": text})
    return message


def messages_of(session: Session, item_ids: Sequence[int]) -> dict[int, list[ItemMessage]]:
    """The conversations of some items, oldest line first."""
    found: dict[int, list[ItemMessage]] = {}
    query = select(ItemMessage).where(ItemMessage.item_id.in_(item_ids)).order_by(ItemMessage.id)
    for message in session.scalars(query):
        found.setdefault(message.item_id, []).append(message)
    return found


def waiting(session: Session, campaign_id: int, size: int = 100) -> Sequence[AnyRow]:
    """Items whose last line is a question, the oldest first."""
    last = select(func.max(ItemMessage.id)).group_by(ItemMessage.item_id)
    query = (
        select(
            ItemMessage.item_id,
            ItemMessage.author,
            ItemMessage.text,
            ItemMessage.at,
            func.coalesce(Account.name, "").label("account"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
        )
        .join(Item, Item.id == ItemMessage.item_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .where(Item.campaign_id == campaign_id, ItemMessage.is_question, ItemMessage.id.in_(last))
        .order_by(ItemMessage.id)
        .limit(size)
    )
    return session.execute(query).all()
