"""Which grants a campaign asks about: its scope, less what exclusions leave out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache

from sqlalchemy import and_, bindparam, func, or_, select, union_all
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, CampaignKind, CampaignState
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.scope import Scope, sample_key
from recert.campaigns.setup.subjects.access import held, joined
from recert.campaigns.setup.subjects.contract import Selection
from recert.campaigns.setup.subjects.registry import kind_of
from recert.foundation.db import AnySelect
from recert.foundation.statements import run
from recert.inventory.models import Grant, Snapshot


def select_for(
    session: Session,
    campaign: Campaign,
    snapshots: Sequence[Snapshot],
    *,
    now: datetime,
) -> list[Selection]:
    """What a campaign asks about on each of its servers."""
    scope = Scope.of({"prefix": campaign.folder_prefix, **campaign.scope})
    kind, found = kind_of(campaign.about), []
    for snapshot in snapshots:
        since = last_reviewed(session, campaign.id, snapshot.server_id)
        found.append(kind.select(session, campaign, snapshot, scope, since=since, now=now))
    return _sampled(session, found, scope) if scope.sample else found


def last_reviewed(session: Session, campaign_id: int, server_id: int) -> int | None:
    """The snapshot that the last campaign about this server was made from. Micro reviews asked
    about a few things only, so they do not count."""
    asked = {"campaign": campaign_id, "server": server_id}
    found: int | None = run(session, _last_reviewed(), asked).scalar()
    return found


@cache
def _last_reviewed() -> AnySelect:
    """Built once: it is needed for each answer."""
    mine = select(Campaign.about).where(Campaign.id == bindparam("campaign")).scalar_subquery()
    return (
        select(func.max(Population.snapshot_id))
        .join(Campaign, Campaign.id == Population.campaign_id)
        .where(
            Population.server_id == bindparam("server"),
            Campaign.id != bindparam("campaign"),
            Campaign.about == mine,
            Campaign.kind != CampaignKind.MICRO,
            Campaign.state != CampaignState.VOID,
        )
    )


def _sampled(session: Session, found: list[Selection], scope: Scope) -> list[Selection]:
    """The same, limited to those with the smallest keys over all servers."""
    key = sample_key(scope.seed)
    parts = [
        joined(select(key.label("key"), Grant.id.label("id"))).where(*held(one), one.chosen)
        for one in found
    ]
    if not parts:
        return found
    every = union_all(*parts).subquery()
    order = (every.c.key, every.c.id)
    last = session.execute(
        select(*order).order_by(*order).offset(scope.sample - 1).limit(1)
    ).one_or_none()
    if last is None:  # fewer than the sample wants: all of them
        return found
    small = or_(key < last.key, and_(key == last.key, Grant.id <= last.id))
    return [replace(one, chosen=and_(one.chosen, small)) for one in found]
