"""What a link in a mail stands for, and whether it still does. Reads only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item
from recert.mail import service as mail
from recert.mail.models import MailToken, Purpose
from recert.people.queries import is_active


@dataclass(frozen=True)
class Invitation:
    """What a mail link stands for: an item and the person it was sent to."""

    item_id: int
    person_id: int
    token: MailToken


def invitation(session: Session, token: str, *, now: datetime) -> Invitation:
    """Opens a one-click link; LinkUnknown, LinkOver or LinkStale. Reads only. A link dies when
    its item goes to somebody else, its access changes or its holder leaves; after the close it
    still shows what was recorded, until it expires."""
    row = mail.open_token(session, token, Purpose.DECIDE_ITEM, now=now)
    item_id, person_id = (int(ref.partition(":")[2]) for ref in (row.subject, row.holder))
    item = session.get(Item, item_id)
    if item is None or item.reviewer_id != person_id or not is_active(session, person_id):
        raise mail.LinkOver
    if row.state and row.state != str(item.content_hash):
        raise mail.LinkStale
    return Invitation(item_id, person_id, row)


@dataclass(frozen=True)
class FolderInvitation:
    """What a link to several questions stands for: those of one folder for one person."""

    campaign_id: int
    folder_id: int
    person_id: int
    token: MailToken


def folder_invitation(session: Session, token: str, *, now: datetime) -> FolderInvitation:
    """The same for a link to the questions of one folder; it dies when none of them is left."""
    row = mail.open_token(session, token, Purpose.DECIDE_FOLDER, now=now)
    campaign_id, folder_id = (int(ref.partition(":")[2]) for ref in row.subject.split("/"))
    person_id = int(row.holder.partition(":")[2])
    here = (
        Item.campaign_id == campaign_id,
        Item.folder_id == folder_id,
        Item.reviewer_id == person_id,
    )
    asked = session.scalar(select(Item.id).where(*here).limit(1))
    if asked is None or not is_active(session, person_id):
        raise mail.LinkOver
    return FolderInvitation(campaign_id, folder_id, person_id, row)
