"""Drafts of campaigns: what shall be reviewed, checked and written down."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from recert.campaigns import local_time, states
from recert.campaigns.models import Campaign, CampaignKind, CampaignState, Subject
from recert.campaigns.policy import Policy
from recert.campaigns.setup import (
    policy_agreement,
)
from recert.campaigns.setup.scope import EVERYTHING, Scope
from recert.campaigns.setup.stages import ONE_STAGE, Stages
from recert.campaigns.setup.subjects.registry import kind_of
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import Step
from recert.inventory.models import Server
from recert.inventory.service import clean_path
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action

DEFAULT_POLICY = Policy()


@dataclass(frozen=True)
class CampaignDraft:
    """What somebody wants reviewed. The folder prefix counts, not the one of the scope. Without a
    zone the campaign's is that of the due date."""

    name: str
    server_ids: Sequence[int]
    folder_prefix: str
    due_at: datetime
    undo_minutes: int = field(kw_only=True)
    usual_undo_minutes: int = field(default=0, kw_only=True)
    scope: Scope = field(default=EVERYTHING, kw_only=True)
    policy: Policy = field(default=DEFAULT_POLICY, kw_only=True)
    kind: CampaignKind = field(default=CampaignKind.REVIEW, kw_only=True)
    about: Subject = field(default=Subject.ACCESS, kw_only=True)
    stages: Stages = field(default=ONE_STAGE, kw_only=True)
    zone: str = field(default="", kw_only=True)

    def check(self, known_servers: Collection[int], now: datetime) -> None:
        """Raises BadInput naming what cannot be."""
        self.scope.check()
        kind_of(self.about).check_scope(replace(self.scope, prefix=self.folder_prefix or "/"))
        name = self.name.strip()
        if not states.MIN_NAME <= len(name) <= states.MAX_NAME or not name.isprintable():
            raise BadInput("A campaign needs a name of 2 to 120 printable characters.")
        local_time.check(self.due_at, now=now)
        self.stages.check_capacity(self.due_at, now)
        if not self.server_ids or not set(known_servers).issuperset(self.server_ids):
            raise BadInput("Choose at least one server, and only servers that exist.")

    def campaign(self, actor: str, now: datetime) -> Campaign:
        """The campaign as it is written down. Rules that are weaker than usual are named: they
        need another officer before the launch."""
        prefix, usual = clean_path(self.folder_prefix or "/"), self.usual_undo_minutes
        return Campaign(
            name=self.name.strip(),
            kind=self.kind,
            about=self.about,
            state=CampaignState.DRAFT,
            server_ids=sorted(set(self.server_ids)),
            folder_prefix=prefix,
            scope=self.scope.as_json() | {"prefix": prefix},
            due_at=self.due_at,
            zone=local_time.zone_name(self.zone, self.due_at),
            undo_minutes=self.undo_minutes,
            policy=self.policy.as_json(),
            weaker=policy_agreement.weaker(self.policy, self.undo_minutes, usual),
            stages=self.stages.as_json(),
            created_at=now,
            created_by=actor,
        )


def draft(act: Act, wanted: CampaignDraft) -> Campaign:
    """Writes down what shall be reviewed. Nothing is asked yet."""
    act.actor.require(Role.OFFICER)
    wanted.check(act.session.scalars(select(Server.id)).all(), act.now)
    campaign = wanted.campaign(act.actor.name, act.now)
    name = campaign.name
    try:
        with act.session.begin_nested():
            act.session.add(campaign)
    except IntegrityError as error:  # also when two write it at the same moment
        raise BadInput(f"There is already a campaign {name!r}. Choose another name.") from error
    separation.note(act, campaign.ref, Step.DRAFTED)
    details = {
        "name": name,
        "about": campaign.about.value,
        "servers": campaign.server_ids,
        "scope": campaign.scope,
        "policy": campaign.policy,
        "undo_minutes": campaign.undo_minutes,
        **({"weaker": campaign.weaker} if campaign.weaker else {}),
        "stages": campaign.stages,
        "zone": campaign.zone,
    }
    act.record(Action.CAMPAIGN_DRAFTED, campaign.ref, details)
    return campaign
