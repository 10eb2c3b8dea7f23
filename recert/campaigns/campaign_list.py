"""The list of campaigns with their totals, without what questions about their items need."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, CampaignKind
from recert.campaigns.progress_models import Progress
from recert.foundation.db import AnyRow


def campaigns(session: Session, *, micro: bool = True) -> Sequence[AnyRow]:
    """All campaigns with their totals, newest first; or without micro reviews."""
    totals = (
        select(
            Progress.campaign_id,
            *(
                func.sum(getattr(Progress, name)).label(name)
                for name in ("total", "open", "keep", "reduce", "revoke")
            ),
        )
        .group_by(Progress.campaign_id)
        .subquery()
    )
    query = select(Campaign, *totals.c).outerjoin(totals, totals.c.campaign_id == Campaign.id)
    if not micro:
        query = query.where(Campaign.kind != CampaignKind.MICRO)
    return session.execute(query.order_by(Campaign.id.desc())).all()
