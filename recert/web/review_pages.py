"""What the pages of a review show to its reviewer, and to an officer who looks at them."""

from sqlalchemy.orm import Session

from recert.campaigns.decisions.reviewer_quality import quality
from recert.campaigns.models import Subject
from recert.campaigns.reviewing import (
    instructions,
)

ASKS = {
    Subject.ACCESS: "For each folder you answer for, say who may keep access.",
    Subject.MEMBERSHIP: "For each group you answer for, say who may stay in it.",
    Subject.OWNERSHIP: "Say whether you still answer for these, or who does.",
    Subject.SERVICE: "For each service account, say whether it is still needed and what for.",
}


def instructed(session: Session, campaign_id: int, reviewer_id: int) -> dict[str, object]:
    """What a review page says beside the folders: the instruction, and how its reader answered."""
    return {
        "instruction": instructions.newest(session),
        "read": instructions.reads_of(session, [reviewer_id]).get(reviewer_id),
        "how": quality(session, campaign_id, [reviewer_id])[reviewer_id],
    }
