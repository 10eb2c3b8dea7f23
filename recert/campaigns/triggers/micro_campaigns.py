"""Micro-campaigns: changes between two snapshots of a server are asked about at once.

The newest complete snapshot is compared with the one compared before, and the people who hold
accounts with their last known state. The worker holds the server row, so it happens once.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import states
from recert.campaigns.models import Campaign, CampaignGrant, CampaignKind, Event, Item
from recert.campaigns.setup import drafts, launch
from recert.campaigns.triggers import conflict_recheck, emergency_use, reasons
from recert.campaigns.triggers import detection as queries
from recert.campaigns.triggers.emergency_use import Used
from recert.campaigns.triggers.models import CameBack, EmergencyUse, KnownPerson, ServerLook
from recert.campaigns.triggers.reasons import TIME_TO_ANSWER, Reasons, Returned, why_used
from recert.connectors import rights
from recert.foundation import bulk
from recert.foundation.actor import Role, system
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory import queries as inventory_queries
from recert.inventory import service as inventory
from recert.inventory.models import Account, Server, Snapshot
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action

ACTOR = replace(system("changes between reviews"), roles=frozenset({Role.OFFICER}))

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MicroCampaignSettings:
    """The settings of the installation that apply to micro-campaigns."""

    zone: ZoneInfo
    undo_minutes: int = 60


def ask_due(db: Database, options: MicroCampaignSettings, *, now: datetime) -> int:
    """Checks every server that has something new; how many micro-campaigns were launched. One
    server that fails does not delay the others."""
    conflict_recheck.want_due(db, actor=ACTOR, now=now)
    with db.reading() as session:
        due = queries.servers_to_look_at(session)
    launched = 0
    for server_id in due:
        try:
            with db.transaction() as session:
                launched += _look(session, server_id, options, now) is not None
        except Exception:
            log.exception("server %s: no micro review yet; it is tried again", server_id)
    return launched


def _look(
    session: Session, server_id: int, options: MicroCampaignSettings, now: datetime
) -> Campaign | None:
    held = select(Server).where(Server.id == server_id).with_for_update(key_share=True)
    server = session.scalars(held.execution_options(populate_existing=True)).one()
    newest = inventory_queries.last_complete(session, server_id)
    before = queries.last_look(session, server_id)
    if newest is None:
        return None
    if before is None:  # nothing to compare with
        _note(session, server_id, newest, now)
        return None
    used = emergency_use.not_asked_about(session, server_id)
    if before.id == newest.id and not used and not _may_find_more(session, server_id):
        return None  # another worker was faster
    if states.snapshot_problem(server.name, newest, now=now):
        inventory.want_snapshot_again(Act(session, ACTOR, now), server)
        return None
    reasons = _reasons(session, before, newest, options, now)
    for one in used:
        _ask_about_use(session, one, reasons, options, now)
    if before.id != newest.id:
        session.add(ServerLook(server_id=server_id, snapshot_id=newest.id, at=now))
    record_people(session, server_id)
    asked = _ask(session, server, reasons, options, now) if reasons else None
    conflict_recheck.record_outcomes(Act(session, ACTOR, now), server_id, asked)
    return asked


def _may_find_more(session: Session, server_id: int) -> bool:
    """Whether a snapshot that was compared before may lead to more questions now."""
    people = queries.people_changed(session, server_id)
    return people or queries.is_to_look_again(session, server_id)


def _note(session: Session, server_id: int, newest: Snapshot, now: datetime) -> None:
    session.add(ServerLook(server_id=server_id, snapshot_id=newest.id, at=now))
    record_people(session, server_id)


def _reasons(
    session: Session,
    before: Snapshot,
    newest: Snapshot,
    options: MicroCampaignSettings,
    now: datetime,
) -> Reasons:
    """Everything to ask about, and why. Returned access is recorded in the trail too."""
    server_id, found = newest.server_id, Reasons()
    may_ask = queries.askable(session, server_id, now=now)
    for grant_id, why in conflict_recheck.look(Act(session, ACTOR, now), newest, may_ask):
        found.add(grant_id, why)
    returned = queries.returned(session, newest, may_ask)
    for one in reasons.newest_of(returned).values():
        _record_return(session, one, now)
        if one.askable:
            found.add(one.grant_id, reasons.why_returned(one, _day(one.verified_at, options)))
    session.add_all(
        CameBack(order_id=one.order_id, grant_id=one.grant_id, at=now) for one in returned
    )
    if before.id != newest.id:
        orders = reasons.by_account(queries.ordered_access(session, server_id, before.started_at))
        since = _day(before.finished_at or before.started_at, options)
        for came in queries.came(session, before, newest, may_ask, now=now):
            found.add(came.grant_id, reasons.why_came(came, orders[came.account], since))
    for turn in queries.turned(session, server_id, may_ask):
        found.add(turn.grant_id, reasons.why_turned(turn))
    return found


def _day(at: datetime, options: MicroCampaignSettings) -> str:
    return f"{at.astimezone(options.zone):%-d %B %Y}"


def _record_return(session: Session, one: Returned, now: datetime) -> None:
    details = {
        "order": one.order_id,
        "grant": one.grant_id,
        "account": one.account,
        "folder": one.folder,
        "rights": rights.names(one.rights),
        "asked_about": one.askable,
    }
    subject = f"order:{one.order_id}"
    trail.append(session, Action.ACCESS_CAME_BACK, subject, details, actor=ACTOR, at=now)


def _ask_about_use(
    session: Session, used: Used, reasons: Reasons, options: MicroCampaignSettings, now: datetime
) -> None:
    """Asks about the use of an emergency account; it is recorded in the trail in any case."""
    grants = emergency_use.grants_to_ask(session, used, now=now)
    moment = f"{used.used_at.astimezone(options.zone):%-d %B %Y %H:%M}"
    for grant_id in grants:
        reasons.add(grant_id, why_used(used.reason, moment))
    session.add(EmergencyUse(account_id=used.account_id, used_at=used.used_at, at=now))
    details = {
        "account": used.account,
        "used_at": used.used_at.isoformat(),
        "asked_about": len(grants),
    }
    subject = f"server:{used.server_id}"
    trail.append(session, Action.EMERGENCY_ACCOUNT_USED, subject, details, actor=ACTOR, at=now)


def record_people(session: Session, server_id: int) -> None:
    """Stores the present state of everybody who holds an account on a server."""
    holders = (
        select(Account.person_id)
        .where(
            Account.server_id == server_id,
            Account.gone_snapshot_id.is_(None),
            Account.person_id.is_not(None),
        )
        .distinct()
    )
    changed = queries.changed_persons_query(server_id)
    old = or_(KnownPerson.person_id.not_in(holders), KnownPerson.person_id.in_(changed))
    session.execute(
        delete(KnownPerson)
        .where(KnownPerson.server_id == server_id, old)
        .execution_options(synchronize_session=False)
    )
    known = select(KnownPerson.person_id).where(KnownPerson.server_id == server_id)
    new = queries.people_now(server_id).where(Person.id.in_(holders), Person.id.not_in(known))
    columns = ["server_id", "person_id", "department", "organisation_id", "active"]
    session.execute(insert(KnownPerson).from_select(columns, new))


def _ask(
    session: Session,
    server: Server,
    reasons: Reasons,
    options: MicroCampaignSettings,
    now: datetime,
) -> Campaign:
    """One campaign about everything that one comparison found."""
    campaign = drafts.draft(
        Act(session, ACTOR, now),
        drafts.CampaignDraft(
            _name(session, server, options, now),
            [server.id],
            "/",
            now + TIME_TO_ANSWER,
            undo_minutes=options.undo_minutes,
            kind=CampaignKind.MICRO,
        ),
    )
    columns = ("campaign_id", "grant_id", "event", "reason")
    rows = ((campaign.id, *row) for row in reasons.rows())
    bulk.insert(session.connection(), "campaign_grant", columns, rows)
    launch.launch(Act(session, ACTOR, now), campaign)
    reason = (
        select(CampaignGrant.reason)
        .where(CampaignGrant.campaign_id == campaign.id, CampaignGrant.grant_id == Item.grant_id)
        .scalar_subquery()
    )
    session.execute(
        update(Item)
        .where(Item.campaign_id == campaign.id)
        .values(outcome=reason)
        .execution_options(synchronize_session=False)
    )
    counts = queries.events_of(session, campaign.id)
    details = {"server": server.name, "events": {event.value: n for event, n in counts.items()}}
    trail.append(session, Action.CHANGES_ASKED_ABOUT, campaign.ref, details, actor=ACTOR, at=now)
    return campaign


def _name(session: Session, server: Server, options: MicroCampaignSettings, now: datetime) -> str:
    """Two in one minute are numbered. The name of a server is cut to 70 characters."""
    at = f"{now.astimezone(options.zone):%-d %B %Y %H:%M}"
    name = f"Changes on {server.name[:70]}, {at}"
    same = select(func.count()).where(
        or_(Campaign.name == name, Campaign.name.startswith(f"{name} (", autoescape=True))
    )
    count = session.scalar(same)
    return f"{name} ({count + 1})" if count else name


BECAUSE = {
    Event.DIFFERS: "changed before it was taken away",
    Event.CAME_BACK: "removed access is there again",
    Event.LEFT: "access of somebody who has left",
    Event.EMERGENCY: "an emergency account was used",
    Event.WIDENED: "rights grew",
    Event.NEW: "new access that Recert did not give",
    Event.MOVED: "access of somebody who moved",
}


def because(session: Session, campaign: Campaign) -> str:
    """Why a micro review started by itself, for its board; "" for any other campaign."""
    if campaign.kind is not CampaignKind.MICRO:
        return ""
    found = queries.events_of(session, campaign.id)
    return ", ".join(f"{BECAUSE[event]} ({count})" for event, count in found.items())


# After the scheduled launches, so that nobody is asked twice.
@job(Phase.LAUNCHES, 2)
def ask_about_changes(context: JobContext) -> int:
    """Launches micro-campaigns about what changed outside of Recert, unless switched off."""
    settings = context.settings
    if not settings.micro_reviews:
        return 0
    options = MicroCampaignSettings(settings.zone, settings.undo_minutes)
    return ask_due(context.db, options, now=context.now())
