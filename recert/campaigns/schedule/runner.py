"""What schedules say is launched. Whoever ticks first launches: the slot of an occurrence is taken
in the transaction that launches it. After a downtime the newest occurrence is caught up with and
the older ones are noted as missed."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import local_time, states
from recert.campaigns.models import Campaign
from recert.campaigns.policy import Policy
from recert.campaigns.schedule import recurrence
from recert.campaigns.schedule.models import (
    CampaignSchedule,
    CampaignTemplate,
    ScheduleSlot,
    SlotState,
)
from recert.campaigns.schedule.recurrence import Planned
from recert.campaigns.schedule.service import timetable, waiting_slots
from recert.campaigns.setup import drafts, launch, policy_agreement
from recert.campaigns.setup.scope import Scope
from recert.campaigns.setup.stages import Stages
from recert.foundation.actor import Actor, Role, system
from recert.foundation.db import Database
from recert.foundation.errors import RecertError
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory import queries as inventory_queries
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.trail.act import Act
from recert.trail.actions import Action

RETRY_AFTER = timedelta(minutes=1)
GIVE_UP_AFTER = timedelta(hours=48)
END_OF_DAY = time(23, 59, 59)


def launch_due(db: Database, *, now: datetime) -> int:
    """Launches what is due, notes what was missed; how many campaigns were launched."""
    with db.reading() as session:
        query = select(CampaignSchedule.id).where(CampaignSchedule.active)
        numbers = session.scalars(query.order_by(CampaignSchedule.id)).all()
        due = [number for number in numbers if _is_due(session, number, now)]
    launched = 0
    for number in due:
        with db.transaction() as session:
            launched += _tend(session, number, now)
    return launched


def _is_due(session: Session, number: int, now: datetime) -> bool:
    """Whether there is something to do, so that most ticks write nothing."""
    schedule = session.get_one(CampaignSchedule, number)
    if timetable(schedule).between(_last_occurrence(session, schedule), now):
        return True
    return any(now - slot.tried_at >= RETRY_AFTER for slot in waiting_slots(session, schedule))


def _tend(session: Session, number: int, now: datetime) -> int:
    query = select(CampaignSchedule).where(CampaignSchedule.id == number, CampaignSchedule.active)
    schedule = session.scalar(query.with_for_update())
    if schedule is None:
        return 0
    due = timetable(schedule).between(_last_occurrence(session, schedule), now)
    for slot in waiting_slots(session, schedule):
        if due:
            _miss(session, slot, f"A newer review is due. {slot.reason}", now)
        elif now - slot.taken_at > GIVE_UP_AFTER:
            _miss(session, slot, f"Given up after 48 hours. {slot.reason}", now)
        elif now - slot.tried_at >= RETRY_AFTER:
            return _try(session, schedule, slot, now)
    for planned in due[:-1]:
        slot = _take(session, schedule, planned, now)
        _miss(session, slot, "Recert did not run at the time; a newer review is due.", now)
    return _try(session, schedule, _take(session, schedule, due[-1], now), now) if due else 0


def _last_occurrence(session: Session, schedule: CampaignSchedule) -> datetime:
    """The newest occurrence that has its slot; before the first one, when it was added."""
    newest = (
        select(ScheduleSlot.due_at)
        .where(ScheduleSlot.schedule_id == schedule.id)
        .order_by(ScheduleSlot.due_at.desc())
        .limit(1)
    )
    return session.scalar(newest) or schedule.created_at


def _take(
    session: Session, schedule: CampaignSchedule, planned: Planned, now: datetime
) -> ScheduleSlot:
    """The slot of an occurrence. Another process that took it fails the unique key and so this
    whole transaction; the row of the schedule is held, so that does not happen in practice."""
    slot = ScheduleSlot(
        schedule_id=schedule.id,
        slot=planned.slot,
        due_at=planned.at,
        state=SlotState.WAITING,
        reason="",
        taken_at=now,
        tried_at=now,
    )
    session.add(slot)
    session.flush()
    return slot


def _miss(session: Session, slot: ScheduleSlot, reason: str, now: datetime) -> None:
    slot.state, slot.reason = SlotState.MISSED, reason.strip()
    details = {"slot": slot.slot, "planned": slot.due_at.isoformat(), "reason": slot.reason}
    subject, actor = f"schedule:{slot.schedule_id}", system("schedule")
    trail.append(session, Action.SCHEDULE_MISSED, subject, details, actor=actor, at=now)


def _try(session: Session, schedule: CampaignSchedule, slot: ScheduleSlot, now: datetime) -> int:
    """Drafts and launches one occurrence, or notes on its slot why not."""
    template = session.get_one(CampaignTemplate, schedule.template_id)
    actor = replace(system(f"schedule {template.name}"), roles=frozenset({Role.OFFICER}))
    asked_before, slot.tried_at = slot.tried_at, now
    try:
        with session.begin_nested():
            policy_agreement.check(session, schedule.ref, template.weaker)
            campaign = _draft(session, schedule, template, slot, actor, now)
            policy_agreement.hand_on(session, schedule.ref, campaign, now=now)
            launch.launch(Act(session, actor, now), campaign)
    except RecertError as error:
        _refuse(Act(session, actor, now), template, slot, str(error), asked_before)
        return 0
    slot.state, slot.reason, slot.campaign_id = SlotState.LAUNCHED, "", campaign.id
    details = {"slot": slot.slot, "planned": slot.due_at.isoformat(), "campaign": campaign.id}
    subject = f"schedule:{schedule.id}"
    trail.append(session, Action.SCHEDULE_LAUNCHED, subject, details, actor=actor, at=now)
    return 1


def _draft(
    session: Session,
    schedule: CampaignSchedule,
    template: CampaignTemplate,
    slot: ScheduleSlot,
    actor: Actor,
    now: datetime,
) -> Campaign:
    """The one place where a template becomes a draft. Each occurrence has a sample of its own."""
    zone = ZoneInfo(schedule.zone)
    last_day = now.astimezone(zone).date() + timedelta(days=template.days_to_answer)
    called = recurrence.rhythm(schedule.rhythm).name(date.fromisoformat(slot.slot))
    return drafts.draft(
        Act(session, actor, now),
        drafts.CampaignDraft(
            f"{template.name} {called}",
            template.server_ids,
            template.folder_prefix,
            local_time.moment(last_day, END_OF_DAY, zone),
            undo_minutes=template.undo_minutes,
            zone=schedule.zone,
            policy=Policy.of(template.policy),
            scope=replace(Scope.of(template.scope), seed=date.fromisoformat(slot.slot).toordinal()),
            about=template.about,
            stages=Stages.of(template.stages),
        ),
    )


def _refuse(
    act: Act, template: CampaignTemplate, slot: ScheduleSlot, reason: str, asked_before: datetime
) -> None:
    """Notes the refusal once in the trail and asks for fresh snapshots, again each hour."""
    first = not slot.reason
    slot.reason = reason
    if first or asked_before < act.now.replace(minute=0, second=0, microsecond=0):
        _want_snapshots(act.session, template, act.actor, act.now)
    if first:
        details = {"slot": slot.slot, "planned": slot.due_at.isoformat(), "reason": reason}
        subject = f"schedule:{slot.schedule_id}"
        act.record(Action.SCHEDULE_REFUSED, subject, details)


def _want_snapshots(
    session: Session, template: CampaignTemplate, actor: Actor, now: datetime
) -> None:
    for server_id in template.server_ids:
        server = session.get_one(Server, server_id)
        newest = inventory_queries.last_complete(session, server_id)
        stale = states.snapshot_problem(server.name, newest, now=now)
        if stale and server.snapshot_wanted_at is None:
            inventory.want_snapshot(Act(session, actor, now), server)


@job(Phase.LAUNCHES, 1)
def launch_scheduled(context: JobContext) -> int:
    """Launches the campaigns whose day has come."""
    return launch_due(context.db, now=context.now())
