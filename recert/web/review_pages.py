"""What the pages of a review show to its reviewer, and to an officer who looks at them."""

from sqlalchemy.orm import Session

from recert.campaigns.decisions.reviewer_quality import quality
from recert.campaigns.reviewing import (
    instructions,
)


def instructed(session: Session, campaign_id: int, reviewer_id: int) -> dict[str, object]:
    """What a review page says beside the folders: the instruction, and how its reader answered."""
    return {
        "instruction": instructions.newest(session),
        "read": instructions.reads_of(session, [reviewer_id]).get(reviewer_id),
        "how": quality(session, campaign_id, [reviewer_id])[reviewer_id],
    }
