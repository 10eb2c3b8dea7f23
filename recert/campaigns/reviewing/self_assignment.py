"""Items that came to their reviewer by a change of their own: they cannot be decided before another
officer agreed."""

from sqlalchemy import ColumnElement, and_, exists, or_, select

from recert.campaigns.models import Item, Route
from recert.campaigns.reviewing.models import Delegation
from recert.foundation.errors import RefusedByPolicy
from recert.inventory.models import (
    Account,
    FolderOwner,
    FolderRoute,
    Group,
    GroupOwner,
    ServiceAccount,
)
from recert.people.models import AssignedBy, SelfAssignment

UP_THE_LINE = (Route.MANAGER, Route.ESCALATED, Route.STAGE)


class NeedsAgreement(RefusedByPolicy):
    """You became the reviewer of this by a change of your own, so another officer must agree
    before you decide it: on the page "Self-assigned reviews", or with
    `recert owners agree`."""


def waits_for_agreement() -> ColumnElement[bool]:
    """The condition that an item came to its reviewer by their own doing and nobody agreed."""
    made = and_(SelfAssignment.person_id == Item.reviewer_id, SelfAssignment.agreed_at.is_(None))
    row, kind = SelfAssignment.ref_id, SelfAssignment.kind
    folder = exists(
        select(FolderRoute.folder_id).where(
            FolderRoute.folder_id == Item.folder_id, FolderRoute.folder_owner_id == row
        )
    )
    group = exists(
        select(GroupOwner.id)
        .join(Group, and_(Group.server_id == GroupOwner.server_id, Group.name == GroupOwner.name))
        .where(Group.id == Item.group_id, GroupOwner.id == row)
    )
    service = exists(
        select(ServiceAccount.id)
        .join(
            Account,
            and_(
                Account.server_id == ServiceAccount.server_id, Account.name == ServiceAccount.name
            ),
        )
        .where(Account.id == Item.account_id, ServiceAccount.id == row)
    )
    of_folder = exists(
        select(FolderRoute.folder_id)
        .join(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .where(FolderRoute.folder_id == Item.folder_id, FolderOwner.person_id == row)
    )
    # Also a stand-in of a stand-in: then the item names whoever was asked first.
    stands_in = and_(
        Item.route == Route.DELEGATED,
        exists(select(Delegation.id).where(Delegation.id == row)),
    )
    through = or_(
        and_(kind == AssignedBy.FOLDER_OWNER, or_(folder, Item.folder_owner_id == row)),
        and_(kind == AssignedBy.GROUP_OWNER, group),
        and_(kind == AssignedBy.SERVICE_OWNER, service),
        and_(
            kind.in_([AssignedBy.MANAGER, AssignedBy.LEAVER]),
            or_(of_folder, Item.route.in_(UP_THE_LINE)),
        ),
        and_(kind == AssignedBy.DELEGATION, stands_in),
    )
    return exists(select(SelfAssignment.id).where(made, through).correlate(Item))
