"""An officer looks at what a reviewer sees. He cannot answer, and the trail says that he looked."""

from datetime import datetime

from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import queries
from recert.campaigns.items import NoSuchItem
from recert.campaigns.models import Campaign
from recert.foundation.actor import Actor, Role
from recert.people.models import Person


def look(
    session: Session,
    campaign: Campaign,
    reviewer: Person,
    folder: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Notes one look at the pages of a reviewer: his folders ("") or one of them."""
    actor.require(Role.OFFICER)
    if queries.progress_of(session, campaign.id, reviewer.id) is None:
        raise NoSuchItem
    details = {"reviewer": reviewer.email, "folder": folder}
    trail.append(session, "review.looked_at", campaign.ref, details, actor=actor, at=now)
