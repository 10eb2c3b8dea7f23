"""Verbs of campaigns: draft, preview, launch, close, sign off, void."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import freshness, items, population, queries, rules
from recert.campaigns.models import Campaign, CampaignState, Item, Population
from recert.campaigns.rules import LaunchRefused, StepRefused
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, MovedMeanwhile, NotFound
from recert.inventory import queries as inventory_queries
from recert.inventory.fold import match_persons
from recert.inventory.models import Server, Snapshot
from recert.inventory.rules import clean_path
from recert.trail.service import checkpoint

MAX_DURATION = timedelta(days=366)


class NoSuchCampaign(NotFound):
    """There is no campaign of this name or number. `recert campaign list` shows them."""


@dataclass(frozen=True)
class Preview:
    """What a launch would do, and what stands in its way."""

    populations: Sequence[Population]
    shares: Sequence[population.ReviewerShare]
    problems: Sequence[str]

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


def draft(
    session: Session,
    name: str,
    server_ids: Sequence[int],
    folder_prefix: str,
    due_at: datetime,
    *,
    undo_minutes: int,
    actor: Actor,
    now: datetime,
) -> Campaign:
    """Writes down what shall be reviewed. Nothing is asked yet."""
    actor.require(Role.OFFICER)
    name = name.strip()
    if not rules.MIN_NAME <= len(name) <= rules.MAX_NAME or not name.isprintable():
        raise BadInput("A campaign needs a name of 3 to 120 printable characters.")
    if not now < due_at <= now + MAX_DURATION:
        raise BadInput("The due date must lie in the future, within a year.")
    known = set(session.scalars(select(Server.id)))
    if not server_ids or not known.issuperset(server_ids):
        raise BadInput("Choose at least one server, and only servers that exist.")
    campaign = Campaign(
        name=name,
        state=CampaignState.DRAFT,
        server_ids=sorted(set(server_ids)),
        folder_prefix=clean_path(folder_prefix or "/"),
        due_at=due_at,
        undo_minutes=undo_minutes,
        created_at=now,
        created_by=actor.name,
    )
    try:
        with session.begin_nested():
            session.add(campaign)
    except IntegrityError as error:  # also when two write it at the same moment
        raise BadInput(f"There is already a campaign {name!r}. Choose another name.") from error
    trail.append(
        session,
        "campaign.drafted",
        f"campaign:{campaign.id}",
        {"name": name, "servers": campaign.server_ids, "prefix": campaign.folder_prefix},
        actor=actor,
        at=now,
    )
    return campaign


def preview(session: Session, campaign: Campaign, *, now: datetime) -> Preview:
    """Counts what a launch would do now; changes nothing."""
    snapshots, problems = _snapshots(session, campaign, now=now)
    counted = [population.count(session, found, campaign.folder_prefix) for found in snapshots]
    for part in counted:
        known = part.reviewed + part.out_of_scope + part.without_rights
        if part.accounts != known:
            name = session.get_one(Server, part.server_id).name
            problems.append(
                f"The population of {name} does not add up: {part.accounts} is not {known}."
            )
    if not problems and not any(part.items for part in counted):
        problems.append("Nobody has access in this scope: there is nothing to ask.")
    return Preview(counted, population.shares(session, snapshots, campaign.folder_prefix), problems)


def _snapshots(
    session: Session, campaign: Campaign, *, now: datetime
) -> tuple[list[Snapshot], list[str]]:
    snapshots, problems = [], []
    for server_id in campaign.server_ids:
        server = session.get_one(Server, server_id)
        snapshot = inventory_queries.last_complete(session, server_id)
        problem = rules.snapshot_problem(server.name, snapshot, now=now)
        if problem:
            problems.append(problem)
        elif snapshot:
            snapshots.append(snapshot)
    return snapshots, problems


def launch(session: Session, campaign: Campaign, *, actor: Actor, now: datetime) -> Preview:
    """Freezes the population, makes the items and starts asking. LaunchRefused names what
    stands in the way. The invitations are pulled by the next run of the worker."""
    actor.require(Role.OFFICER)
    if campaign.due_at <= now:
        raise LaunchRefused("Its due date has passed. Make a new one.")
    for server_id in campaign.server_ids:  # people may have been imported since the snapshot
        match_persons(session, server_id)
    found = preview(session, campaign, now=now)
    if found.problems:
        raise LaunchRefused(" ".join(found.problems))
    take_step(session, campaign, CampaignState.ACTIVE)
    campaign.launched_at, campaign.launched_by = now, actor.name
    made = 0
    for part in found.populations:
        part.campaign_id = campaign.id
        session.add(part)
        session.flush()
        snapshot = session.get_one(Snapshot, part.snapshot_id)
        added = population.generate(session, campaign, snapshot, made)
        if added != part.items:
            raise LaunchRefused(f"{added} items were made where {part.items} were counted.")
        made += added
    population.start_progress(session, campaign.id)
    seen = freshness.refresh_slot(part.snapshot_id for part in found.populations)
    items.take_slot(session, campaign.id, seen, now)
    details = {
        "name": campaign.name,
        "items": made,
        "due": campaign.due_at.isoformat(),
        "snapshots": [part.snapshot_id for part in found.populations],
    }
    trail.append(
        session, "campaign.launched", f"campaign:{campaign.id}", details, actor=actor, at=now
    )
    return found


def take_step(session: Session, campaign: Campaign, new: CampaignState) -> None:
    """Moves a campaign on, or raises StepRefused / MovedMeanwhile."""
    rules.check_campaign_step(campaign.state, new)
    session.flush()
    here = (Campaign.id == campaign.id, Campaign.state == campaign.state)
    moved = session.execute(update(Campaign).where(*here).values(state=new))
    if getattr(moved, "rowcount", 0) != 1:
        raise MovedMeanwhile
    session.refresh(campaign)


def close(session: Session, campaign: Campaign, *, actor: Actor, now: datetime) -> int:
    """Ends the asking. Answers become final; what nobody answered stays as it is and is listed as
    an exception, recorded as policy. The number of exceptions."""
    actor.require(Role.OFFICER)
    take_step(session, campaign, CampaignState.CLOSING)
    campaign.closed_at = now
    items.finalise(session, Item.campaign_id == campaign.id)
    silent = items.close_silent(session, campaign.id)
    reviewers = select(Item.reviewer_id).where(Item.campaign_id == campaign.id).distinct()
    items.recount(session, campaign.id, *session.scalars(reviewers).all())
    details = {
        "name": campaign.name,
        "without_answer": silent,
        "policy": "kept, listed as exception",
    }
    trail.append(
        session, "campaign.closed", f"campaign:{campaign.id}", details, actor=actor, at=now
    )
    return silent


def sign_off(
    session: Session,
    campaign: Campaign,
    statement: str,
    key: Ed25519PrivateKey,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Management's acknowledgement, with the figures that it speaks of. Refused while a change is
    not proved: an access review is not over before what was not wanted is gone."""
    actor.require(Role.OFFICER)
    if not statement.strip():
        raise BadInput("A sign-off needs a statement.")
    items.hold(session, campaign.id, alone=True)  # no item moves under the figures
    pending = session.scalar(
        select(func.count()).where(
            Item.campaign_id == campaign.id, Item.state.not_in(list(rules.DONE))
        )
    )
    if pending and campaign.state is CampaignState.CLOSING:
        raise StepRefused(f"{pending} items are not done yet: the board shows which.")
    take_step(session, campaign, CampaignState.SIGNED_OFF)
    campaign.signed_off_at, campaign.signed_off_by = now, actor.name
    campaign.statement = statement.strip()
    campaign.signed_figures = queries.figures(session, campaign.id)
    details = {
        "name": campaign.name,
        "statement": campaign.statement,
        "figures": campaign.signed_figures,
    }
    subject = f"campaign:{campaign.id}"
    trail.append(session, "campaign.signed_off", subject, details, actor=actor, at=now)
    checkpoint(session, key, at=now)


def void(session: Session, campaign: Campaign, reason: str, *, actor: Actor, now: datetime) -> None:
    """Stops a campaign for good. It stays with everything that was answered; changes that were
    not ordered yet are not ordered any more."""
    actor.require(Role.OFFICER)
    if not reason.strip():
        raise BadInput("Say why the campaign is void.")
    take_step(session, campaign, CampaignState.VOID)
    campaign.void_reason = reason.strip()
    details = {"name": campaign.name, "reason": campaign.void_reason}
    trail.append(
        session, "campaign.voided", f"campaign:{campaign.id}", details, actor=actor, at=now
    )


def campaign_by_name(session: Session, name: str) -> Campaign:
    """The campaign by its name or number, or NoSuchCampaign."""
    found = session.scalar(select(Campaign).where(Campaign.name == name))
    if found is None and name.isdigit():
        found = session.get(Campaign, int(name))
    if found is None:
        raise NoSuchCampaign(f"Asked for: {name!r}.")
    return found
