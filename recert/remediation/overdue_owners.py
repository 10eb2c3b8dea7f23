"""A late change has somebody who sees to it, until a date, and a reason why it is late.

What was promised is never changed: a new date is a new row. When the date passes and the change is
still not verified, it is listed as missed, until somebody takes it on again.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, CampaignState, Item
from recert.campaigns.transitions import NoSuchItem, hold
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.people.queries import is_active, person_by_email, user_by_email
from recert.remediation import overdue
from recert.remediation.models import OverdueChange
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST = timedelta(days=92)
MOST_TEXT = 1000


class NotLate(RefusedByPolicy):
    """This change is not late, so nobody has to answer for it. `recert campaign late` lists those
    that are."""


def take_on(act: Act, item_id: int, email: str, until: datetime, reason: str) -> OverdueChange:
    """Says who sees to a late change, until when, and why it is late. The caller commits."""
    act.actor.require(Role.OFFICER, Role.ADMINISTRATOR)
    if not reason.strip():
        raise BadInput("Say why the change is late.")
    if len(reason) > MOST_TEXT:
        raise BadInput(f"The reason is longer than {MOST_TEXT} characters.")
    if not act.now < until <= act.now + LONGEST:
        raise BadInput(f"Choose a date in the next {LONGEST.days} days.")
    item = act.session.get(Item, item_id)
    if item is None:
        raise NoSuchItem
    campaign = hold(act.session, item.campaign_id)
    if campaign.state not in (CampaignState.ACTIVE, CampaignState.CLOSING):
        raise RefusedByPolicy(f"The campaign {campaign.name!r} is {campaign.state.value}.")
    if not overdue.is_overdue(act.session, campaign, item_id, now=act.now):
        raise NotLate
    made = OverdueChange(
        item_id=item_id,
        owner=_owner(act.session, email),
        until=until,
        reason=reason.strip(),
        by=act.actor.name,
        at=act.now,
    )
    act.session.add(made)
    details = {
        "owner": made.owner,
        "until": until.astimezone(act.now.tzinfo).isoformat(),
        "reason": made.reason,
    }
    act.record(Action.ITEM_TAKEN_ON, item.ref, details)
    return made


def _owner(session: Session, email: str) -> str:
    """The address of somebody who works with Recert or is known and has not left."""
    wanted = email.strip().lower()
    user = user_by_email(session, wanted)
    if user is not None:
        return user.email
    person = person_by_email(session, wanted)
    if person is None or not is_active(session, person.id):
        raise BadInput(f"Nobody has the address {email!r}, or they have left.")
    return person.email


def history(campaign_id: int) -> Select[OverdueChange]:
    """Everything that was promised about the late changes of a campaign, oldest first."""
    query = select(OverdueChange).join(Item, Item.id == OverdueChange.item_id)
    return query.where(Item.campaign_id == campaign_id).order_by(OverdueChange.id)


def count_missed(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """How many late changes are nobody's, or somebody's whose date has passed."""
    rows = overdue.overdue(session, campaign, now=now)
    return sum(1 for row in rows if is_missed(row, now=now))


def is_missed(row: AnyRow, *, now: datetime) -> bool:
    """Whether an overdue change has nobody who sees to it, or their date has passed."""
    return row.until is None or row.until <= now
