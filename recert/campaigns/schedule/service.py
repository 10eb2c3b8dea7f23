"""Schedules: added and switched off. `runner` launches what is due."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns import local_time, states
from recert.campaigns.models import Subject
from recert.campaigns.policy import Policy
from recert.campaigns.schedule import recurrence
from recert.campaigns.schedule.models import (
    CampaignSchedule,
    CampaignTemplate,
    ScheduleSlot,
    SlotState,
)
from recert.campaigns.schedule.recurrence import Monthly, Timetable
from recert.campaigns.setup import drafts, policy_agreement
from recert.campaigns.setup.scope import EVERYTHING, Scope
from recert.campaigns.setup.stages import ONE_STAGE, Stages
from recert.campaigns.setup.subjects.registry import kind_of
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotFound, RefusedByPolicy
from recert.foundation.separation import Step
from recert.inventory.models import Server
from recert.inventory.service import clean_path
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST_SUFFIX = len(" 2026-12-31")


class NoSuchSchedule(NotFound):
    """There is no schedule of this name that is switched on. `recert schedule list` shows them."""


class ScheduleRefused(RefusedByPolicy):
    """This schedule is there already. Switch it off before you give it another rhythm."""


class FirstDayPast(BadInput):
    """The first review lies in the past. Choose a later day or time."""


@dataclass(frozen=True)
class Wanted:
    """What shall be reviewed again and again, and when."""

    name: str
    rhythm: str
    first_day: date
    at: time
    zone: str
    server_ids: Sequence[int]
    folder_prefix: str = "/"
    days_to_answer: int = 14
    undo_minutes: int = 60
    usual_undo_minutes: int = 0
    policy: Policy = drafts.DEFAULT_POLICY
    scope: Scope = EVERYTHING
    about: Subject = Subject.ACCESS
    stages: Stages = ONE_STAGE


def timetable(found: CampaignSchedule) -> Timetable:
    """The occurrences of a schedule."""
    rhythm = recurrence.rhythm(found.rhythm)
    return Timetable(rhythm, found.first_day, found.time_of_day, ZoneInfo(found.zone))


def add(act: Act, wanted: Wanted) -> CampaignSchedule:
    """From its first day on, the review is drafted and launched by itself. A name that was
    switched off may come back with other content."""
    act.actor.require(Role.OFFICER)
    _check(act.session, wanted, act.now)
    wanted.scope.check()
    whole = replace(wanted.scope, prefix=wanted.folder_prefix or "/")
    kind_of(wanted.about).check_scope(whole)
    one_at_a_time(act.session, "add a schedule")
    template = _template(act.session, wanted)
    made = CampaignSchedule(
        template_id=template.id,
        rhythm=" ".join(wanted.rhythm.lower().split()),
        first_day=wanted.first_day,
        time_of_day=wanted.at,
        zone=wanted.zone,
        active=True,
        created_at=act.now,
        created_by=act.actor.name,
    )
    act.session.add(made)
    act.session.flush()
    separation.note(act, made.ref, Step.DRAFTED)
    details = {
        "name": template.name,
        "about": template.about.value,
        "rhythm": made.rhythm,
        "first_day": made.first_day.isoformat(),
        "at": made.time_of_day.isoformat("minutes"),
        "zone": made.zone,
        "servers": template.server_ids,
        "prefix": template.folder_prefix,
        "days_to_answer": template.days_to_answer,
        "policy": template.policy,
        "scope": template.scope,
        "stages": template.stages,
    }
    act.record(Action.SCHEDULE_ADDED, f"schedule:{made.id}", details)
    return made


def _check(session: Session, wanted: Wanted, now: datetime) -> None:
    name, zone = wanted.name.strip(), local_time.zone_of(wanted.zone)
    rhythm = recurrence.rhythm(wanted.rhythm)
    if (
        not states.MIN_NAME <= len(name) <= states.MAX_NAME - LONGEST_SUFFIX
        or not name.isprintable()
    ):
        raise BadInput("A schedule needs a name of 2 to 109 printable characters.")
    if not set(session.scalars(select(Server.id))).issuperset(wanted.server_ids or [0]):
        raise BadInput("Choose at least one server, and only servers that exist.")
    if not 1 <= wanted.days_to_answer <= 366:
        raise BadInput("Give 1 to 366 days to answer.")
    first = local_time.moment(wanted.first_day, wanted.at, zone)
    past = wanted.first_day < now.astimezone(zone).date()
    if past or (isinstance(rhythm, Monthly) and first <= now):
        raise FirstDayPast(f"It would have started at {first:%Y-%m-%d %H:%M} UTC.")


def _template(session: Session, wanted: Wanted) -> CampaignTemplate:
    name = wanted.name.strip()
    found = session.scalar(select(CampaignTemplate).where(CampaignTemplate.name == name))
    template = found or CampaignTemplate(name=name)
    here = (CampaignSchedule.template_id == template.id, CampaignSchedule.active)
    if found and session.scalar(select(CampaignSchedule.id).where(*here)):
        raise ScheduleRefused(f"Its name is {name!r}.")
    template.about, template.stages = wanted.about, wanted.stages.as_json()
    template.server_ids = sorted(set(wanted.server_ids))
    template.folder_prefix = clean_path(wanted.folder_prefix or "/")
    template.policy, template.scope = wanted.policy.as_json(), wanted.scope.as_json()
    undo = (wanted.undo_minutes, wanted.usual_undo_minutes)
    template.weaker = policy_agreement.weaker(wanted.policy, *undo)
    template.days_to_answer = wanted.days_to_answer
    template.undo_minutes = wanted.undo_minutes
    session.add(template)
    session.flush()
    return template


def active_by_name(session: Session, name: str) -> CampaignSchedule:
    """The schedule of this name (or number) that is switched on, or NoSuchSchedule."""
    query = select(CampaignSchedule).join(
        CampaignTemplate, CampaignTemplate.id == CampaignSchedule.template_id
    )
    found = session.scalar(query.where(CampaignTemplate.name == name, CampaignSchedule.active))
    if found is None:
        raise NoSuchSchedule(f"Asked for: {name!r}.")
    return found


def switch_off(act: Act, found: CampaignSchedule) -> None:
    """No more reviews by this schedule; those that were launched go on."""
    act.actor.require(Role.OFFICER)
    if not found.active:
        raise NoSuchSchedule
    found.active, found.off_at, found.off_by = False, act.now, act.actor.name
    for slot in waiting_slots(act.session, found):
        slot.state, slot.reason = SlotState.MISSED, f"Switched off before. {slot.reason}"
    name = act.session.get_one(CampaignTemplate, found.template_id).name
    subject = f"schedule:{found.id}"
    act.record(Action.SCHEDULE_OFF, subject, {"name": name})


def agree_policy(act: Act, number: int, reason: str) -> None:
    """Another officer agrees to the weaker rules of a schedule: it launches from then on."""
    found = act.session.get(CampaignSchedule, number)
    if found is None:
        raise NoSuchSchedule
    rules = act.session.get_one(CampaignTemplate, found.template_id).weaker
    policy_agreement.agree(act, found.ref, rules, reason)


def agreed(session: Session) -> set[int]:
    """The schedules to whose rules another officer has agreed, or needs not."""
    query = select(CampaignSchedule, CampaignTemplate.weaker).join(
        CampaignTemplate, CampaignTemplate.id == CampaignSchedule.template_id
    )
    rows = session.execute(query).all()
    return {
        one.id for one, weak in rows if not weak or policy_agreement.is_agreed(session, one.ref)
    }


def waiting_slots(session: Session, found: CampaignSchedule) -> Sequence[ScheduleSlot]:
    """Occurrences that were refused and are tried again."""
    here = (ScheduleSlot.schedule_id == found.id, ScheduleSlot.state == SlotState.WAITING)
    return session.scalars(select(ScheduleSlot).where(*here).order_by(ScheduleSlot.id)).all()
