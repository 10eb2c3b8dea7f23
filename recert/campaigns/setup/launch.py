"""Preview and launch of campaigns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert.campaigns import once, progress, states
from recert.campaigns.models import Campaign, CampaignState
from recert.campaigns.setup import (
    conflicts_of_interest,
    frozen_facts,
    launch_record,
    policy_agreement,
    population,
    reviewer_training,
    routing,
    scope,
)
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.scope import Scope
from recert.campaigns.setup.selection import select_for
from recert.campaigns.setup.subjects.contract import Selection
from recert.campaigns.setup.subjects.registry import kind_of
from recert.campaigns.states import LaunchRefused, StepRefused
from recert.foundation.actor import Role
from recert.foundation.db import raise_sort_memory, refresh_statistics
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.foundation.separation import Step
from recert.inventory import queries as inventory_queries
from recert.inventory.models import Server, Snapshot
from recert.inventory.snapshot_merge import match_persons
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action


class NoSuchCampaign(NotFound):
    """There is no campaign of this name or number. `recert campaign list` shows them."""


@dataclass(frozen=True)
class Preview:
    """What a launch would do, and what stands in its way."""

    populations: Sequence[Population]
    shares: Sequence[population.ReviewerShare]
    problems: Sequence[str]
    warnings: Sequence[str] = ()
    selections: Sequence[Selection] = ()
    routed_away: int = 0  # questions from which somebody is kept away: they are about themselves

    @property
    def items(self) -> int:
        """How many questions would be asked."""
        return sum(part.items for part in self.populations)

    @property
    def mails(self) -> int:
        """How many reviewers would get a mail."""
        return sum(1 for share in self.shares if share.reviewer_id is not None)

    @property
    def queued(self) -> int:
        """How many items would have no reviewer."""
        return sum(share.items for share in self.shares if share.reviewer_id is None)


def preview(session: Session, campaign: Campaign, *, now: datetime) -> Preview:
    """Counts what a launch would do now; changes nothing."""
    found = _checked(session, campaign, now=now)
    found = _with_reviewers(found, population.shares(session, found.selections))
    return _with_training_warnings(session, campaign, found, now=now)


def _with_training_warnings(
    session: Session, campaign: Campaign, found: Preview, *, now: datetime
) -> Preview:
    """Adds training warnings to the preview."""
    asked = [one.reviewer_id for one in found.shares if one.reviewer_id is not None]
    untrained = reviewer_training.warning(session, campaign, asked, now=now)
    return replace(found, warnings=[*found.warnings, *untrained])


def _checked(session: Session, campaign: Campaign, *, now: datetime) -> Preview:
    """The population and the problems of a launch, without its reviewers."""
    snapshots, problems, warnings = _snapshots(session, campaign, now=now)
    selections = select_for(session, campaign, snapshots, now=now)
    counted = [population.count(session, found) for found in selections]
    for part in counted:
        known = part.reviewed + part.excluded + part.out_of_scope + part.without_rights
        if part.accounts != known:
            name = session.get_one(Server, part.server_id).name
            problems.append(
                f"The population of {name} does not add up: {part.accounts} is not {known}."
            )
    names = {one.id: one.name for one in session.scalars(select(Server))}
    outside = []
    if kind_of(campaign.about).is_by_folder:
        outside = scope.outside(session, snapshots, campaign.folder_prefix, names)
    if problems or any(part.items for part in counted):
        warnings += outside
    else:
        problems += outside or [kind_of(campaign.about).nothing_to_ask]
    for snapshot in snapshots:
        name = session.get_one(Server, snapshot.server_id).name
        warnings += population.unknown_use(session, Scope.of(campaign.scope), snapshot, name)
    away = population.routed_away(session, selections)
    return Preview(counted, (), problems, warnings, selections, away)


def _with_reviewers(found: Preview, shares: Sequence[population.ReviewerShare]) -> Preview:
    """Adds the reviewers and their warnings to the preview."""
    many = [
        f"{share.name} would get {share.items} questions; more than {states.MANY_ITEMS} are seldom "
        "answered with care. Name more owners, or ask about less at once."
        for share in shares
        if share.reviewer_id is not None and share.items > states.MANY_ITEMS
    ]
    return replace(found, shares=shares, warnings=[*found.warnings, *many])


def _snapshots(
    session: Session, campaign: Campaign, *, now: datetime
) -> tuple[list[Snapshot], list[str], list[str]]:
    """The snapshots to ask about, what stands in the way, and what a person allowed."""
    snapshots, problems, warnings = [], [], []
    for server_id in campaign.server_ids:
        server = session.get_one(Server, server_id)
        snapshot = inventory_queries.last_complete(session, server_id)
        problem = states.snapshot_problem(server.name, snapshot, now=now)
        if problem and snapshot and campaign.freshness_by:
            warnings.append(
                f"{problem} {campaign.freshness_by} allows it: {campaign.freshness_reason}"
            )
        elif problem:
            problems.append(problem)
            continue
        if snapshot:
            snapshots.append(snapshot)
            warnings += inventory_queries.failures_since(session, server, snapshot)
    return snapshots, problems, warnings


def allow_old_snapshots(act: Act, campaign: Campaign, reason: str) -> None:
    """Lets a campaign be asked from snapshots older than the limit. Somebody else must launch
    it."""
    act.actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why older snapshots are good enough.")
    if campaign.state is not CampaignState.DRAFT:
        raise StepRefused(f"The campaign is {campaign.state.value}.")
    campaign.freshness_reason, campaign.freshness_by = reason.strip(), act.actor.name
    separation.note(act, campaign.ref, Step.ALLOWED_OLD)
    details = {"reason": campaign.freshness_reason}
    act.record(Action.CAMPAIGN_OLD_SNAPSHOTS_ALLOWED, campaign.ref, details)


def launch(act: Act, campaign: Campaign, *, is_preview: bool = False) -> Preview:
    """Freezes the population, makes the items and starts asking. LaunchRefused names what
    stands in the way. The invitations are pulled by the next run of the worker. A preview, which
    is taken back, needs nobody to agree."""
    act.actor.require(Role.OFFICER)
    if campaign.due_at <= act.now:
        raise LaunchRefused("Its due date has passed. Make a new one.")
    for server_id in campaign.server_ids:  # people may have been imported since the snapshot
        match_persons(act.session, server_id)
    found = _checked(act.session, campaign, now=act.now)
    if found.problems:
        raise LaunchRefused(" ".join(found.problems))
    if not is_preview:
        policy_agreement.check(act.session, campaign.ref, campaign.weaker)
        step = Step.LAUNCHED
        separation.check_and_note(act, step, campaign.ref)
    take_campaign_step(act.session, campaign, CampaignState.ACTIVE)
    raise_sort_memory(act.session)
    campaign.launched_at, campaign.launched_by = act.now, act.actor.name
    campaign.routing_version, campaign.routed_away = routing.VERSION, found.routed_away
    made = _make_items(act.session, campaign, found)
    progress.start_progress(act.session, campaign.id)
    progress.start_folders(act.session, campaign.id)
    conflicts_of_interest.mark(act.session, campaign.id)
    frozen_facts.freeze_accounts(act.session, campaign.id)
    found = _with_reviewers(found, population.shares_of(act.session, campaign))
    found = _with_training_warnings(act.session, campaign, found, now=act.now)
    compared = once.compared_with(part.snapshot_id for part in found.populations)
    once.mark(act.session, campaign.id, once.SNAPSHOTS, compared, act.now)
    details = {
        "name": campaign.name,
        "items": made,
        "due": campaign.due_at.isoformat(),
        "snapshots": [part.snapshot_id for part in found.populations],
        "about": campaign.about.value,
        "scope": campaign.scope,
        "routing": campaign.routing_version,
        "routed_away": campaign.routed_away,
        "warnings": list(found.warnings),
        **launch_record.record(act.session, campaign),
    }
    act.record(Action.CAMPAIGN_LAUNCHED, f"campaign:{campaign.id}", details)
    return found


def _make_items(session: Session, campaign: Campaign, found: Preview) -> int:
    """Freezes what was counted; how many items there are now."""
    made = 0
    for part, selection in zip(found.populations, found.selections, strict=True):
        part.campaign_id = campaign.id
        session.add(part)
        session.flush()
        population.freeze_exclusions(session, campaign.id, selection)
        added = population.generate(session, campaign, selection, made)
        if added != part.items:
            raise LaunchRefused(f"{added} items were made where {part.items} were counted.")
        made += added
    refresh_statistics(session, made, "item")
    return made


def take_campaign_step(session: Session, campaign: Campaign, new: CampaignState) -> None:
    """Moves a campaign on, or raises StepRefused / MovedMeanwhile."""
    states.check_campaign_step(campaign.state, new)
    session.flush()
    here = (Campaign.id == campaign.id, Campaign.state == campaign.state)
    moved = session.execute(update(Campaign).where(*here).values(state=new))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(campaign)


def campaign_by_id(session: Session, campaign_id: int) -> Campaign:
    """The campaign by its number, or NoSuchCampaign."""
    found = session.get(Campaign, campaign_id)
    if found is None:
        raise NoSuchCampaign
    return found


def campaign_by_name(session: Session, name: str) -> Campaign:
    """The campaign by its name or number, or NoSuchCampaign."""
    found = session.scalar(select(Campaign).where(Campaign.name == name))
    if found is None and name.isdigit():
        found = session.get(Campaign, int(name))
    if found is None:
        raise NoSuchCampaign(f"Asked for: {name!r}.")
    return found
