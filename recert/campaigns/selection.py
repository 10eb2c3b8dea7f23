"""Which grants a campaign asks about: its scope, less what exclusions leave out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    false,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from recert.campaigns import exclusions, subjects
from recert.campaigns.event_models import CampaignGrant
from recert.campaigns.models import (
    Campaign,
    CampaignKind,
    CampaignState,
    Exclusion,
    Population,
    Subject,
)
from recert.campaigns.scope import Scope, conditions, sample_key
from recert.foundation.db import AnySelect
from recert.foundation.statements import run
from recert.inventory.models import Account, Folder, Grant, Snapshot
from recert.inventory.queries import seen_in


@dataclass(frozen=True)
class Selection:
    """What of one snapshot is asked about, as conditions on grant, folder and account; where the
    campaign is `about` something else, on the tables that `subjects` names."""

    snapshot: Snapshot
    in_scope: ColumnElement[bool]
    left_out: ColumnElement[bool]
    exclusions: Sequence[Exclusion]
    chosen: ColumnElement[bool]
    about: Subject = Subject.ACCESS
    groups: bool = True  # of ownership: of groups as well, not only of folders

    @property
    def held(self) -> tuple[ColumnElement[bool], ...]:
        """Every grant that the snapshot saw."""
        here = Grant.server_id == self.snapshot.server_id
        return (here, seen_in(Grant, self.snapshot.id), Grant.rights != 0)


def select_for(
    session: Session,
    campaign: Campaign,
    snapshots: Sequence[Snapshot],
    *,
    now: datetime,
) -> list[Selection]:
    """What a campaign asks about on each of its servers."""
    scope = Scope.of({"prefix": campaign.folder_prefix, **campaign.scope})
    found = []
    for snapshot in snapshots:
        known = exclusions.in_force(session, snapshot.server_id, now=now)
        since = last_reviewed(session, campaign.id, snapshot.server_id)
        if campaign.about is not Subject.ACCESS:
            wanted = and_(true(), *subjects.conditions(campaign.about, scope, since=since, now=now))
            about = (campaign.about, not subjects.is_about_folders(scope))
            found.append(Selection(snapshot, wanted, false(), (), wanted, *about))
            continue
        inside = and_(*conditions(scope, since=since, now=now), *_named(campaign))
        left_out = exclusions.covered(known)
        found.append(Selection(snapshot, inside, left_out, known, and_(inside, not_(left_out))))
    return _sampled(session, found, scope) if scope.sample else found


def _named(campaign: Campaign) -> list[ColumnElement[bool]]:
    """A micro review asks about the grants that it names, and no others."""
    if campaign.kind is not CampaignKind.MICRO:
        return []
    named = select(CampaignGrant.grant_id).where(CampaignGrant.campaign_id == campaign.id)
    return [Grant.id.in_(named)]


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
        joined(select(key.label("key"), Grant.id.label("id"))).where(*one.held, one.chosen)
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


def joined(query: AnySelect) -> AnySelect:
    """Joins what conditions speak of."""
    return query.join(Folder, Folder.id == Grant.folder_id).join(
        Account, Account.id == Grant.account_id
    )
