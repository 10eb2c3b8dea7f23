"""Ownership disputes: an owner answered "not mine". The item goes to somebody else, and the folder
stays on a list until an officer names a new owner or confirms the old one."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Item
from recert.campaigns.reviewing.models import OwnershipDispute
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.inventory import owners
from recert.inventory.models import FolderOwner, FolderRoute, Server
from recert.people.models import Person
from recert.people.queries import person_by_email
from recert.people.synchronisation.history import email_at
from recert.trail.act import Act
from recert.trail.actions import Action

MOST_TEXT = 1000


class NoSuchDispute(NotFound):
    """There is no such line. `recert owners not-mine` shows them."""


def note(act: Act, item: Item, reason: str) -> None:
    """Opens a dispute when the owner themselves answered "not mine"; once per owner."""
    route = select(FolderRoute.folder_owner_id).where(FolderRoute.folder_id == item.folder_id)
    number = item.folder_owner_id or act.session.scalar(route)
    owner = act.session.get(FolderOwner, number) if number else None
    if owner is None or owner.person_id != act.actor.person_id:
        return
    here = (
        OwnershipDispute.folder_owner_id == owner.id,
        OwnershipDispute.person_id == owner.person_id,
        OwnershipDispute.settled_at.is_(None),
    )
    if act.session.scalar(select(OwnershipDispute.id).where(*here)) is not None:
        return
    dispute = OwnershipDispute(
        folder_owner_id=owner.id,
        person_id=owner.person_id,
        item_id=item.id,
        reason=reason.strip(),
        at=act.now,
    )
    act.session.add(dispute)
    act.session.flush()
    details = {"folder": owner.path, "item": item.id, "reason": dispute.reason}
    act.record(Action.OWNERSHIP_DOUBTED, dispute.ref, details)


def settle(act: Act, number: int, email: str, reason: str) -> str:
    """Names the folder's owner; the same person confirms the ownership. Returns what changed, as a
    sentence. Undecided items follow a new owner."""
    act.actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    if not reason.strip():
        raise BadInput("Say how you know who answers for it.")
    if len(reason) > MOST_TEXT:
        raise BadInput(f"The reason is longer than {MOST_TEXT} characters.")
    dispute = act.session.get(OwnershipDispute, number)
    if dispute is None:
        raise NoSuchDispute
    person = person_by_email(act.session, email.strip().lower())
    if person is None or not person.active:
        raise BadInput(f"Nobody has the address {email!r}, or they have left.")
    here = (OwnershipDispute.id == number, OwnershipDispute.settled_at.is_(None))
    done = f"{person.email}: {reason.strip()}"
    values = {"settled_at": act.now, "settled_by": act.actor.name, "outcome": done}
    moved = act.session.execute(update(OwnershipDispute).where(*here).values(**values))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    change = owners.confirm_folder(act, dispute.folder_owner_id, person.id)
    details = {"owner": person.email, "reason": reason.strip()}
    act.record(Action.OWNERSHIP_SETTLED, dispute.ref, details)
    return change


def disputes(session: Session, campaign_id: int | None = None) -> Sequence[AnyRow]:
    """Open disputes, oldest first; of one campaign also the settled ones."""
    who = aliased(Person)
    query = (
        select(
            OwnershipDispute,
            FolderOwner.path,
            Server.name.label("server"),
            email_at(OwnershipDispute.at, who).label("email"),
        )
        .join(FolderOwner, FolderOwner.id == OwnershipDispute.folder_owner_id)
        .join(Server, Server.id == FolderOwner.server_id)
        .join(who, who.id == OwnershipDispute.person_id)
        .order_by(OwnershipDispute.id)
    )
    if campaign_id is None:
        return session.execute(query.where(OwnershipDispute.settled_at.is_(None))).all()
    of_campaign = query.join(Item, Item.id == OwnershipDispute.item_id)
    return session.execute(of_campaign.where(Item.campaign_id == campaign_id)).all()
