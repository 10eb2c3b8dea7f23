"""Who answers for what: promises about late changes, as rows of a package."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from recert.remediation import late_owners

LATE = ("item", "owner", "until", "reason", "by", "at")


def late(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    """Everybody who took on a late change, until when and why it was late, oldest first."""
    for made in session.scalars(late_owners.history(campaign_id)):
        yield {
            "item": made.item_id,
            "owner": made.owner,
            "until": made.until.isoformat(),
            "reason": made.reason,
            "by": made.by,
            "at": made.at.isoformat(),
        }
