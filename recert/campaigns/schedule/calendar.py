"""Planned against actual: the calendar of scheduled reviews and the findings it raises itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign
from recert.campaigns.schedule.models import (
    CampaignSchedule,
    CampaignTemplate,
    ScheduleSlot,
    SlotState,
)
from recert.campaigns.schedule.service import timetable
from recert.foundation.db import AnyRow
from recert.inventory.models import Server

LATE = timedelta(hours=1)
GRACE = timedelta(minutes=5)  # the ticker needs a moment
NEXT = 3
LOOK_BACK = timedelta(days=366)
LOOK_AHEAD = timedelta(days=366)


class Standing(StrEnum):
    PLANNED = "planned"
    LAUNCHED = "launched"
    LATE = "launched late"
    WAITING = "waiting"  # refused for now, tried again
    MISSED = "missed"
    OVERDUE = "overdue"  # due, and no worker took it


FINDINGS = frozenset({Standing.LATE, Standing.WAITING, Standing.MISSED, Standing.OVERDUE})


@dataclass(frozen=True)
class Occurrence:
    """One planned review and what became of it."""

    schedule: str
    servers: Sequence[str]
    planned: datetime
    standing: Standing
    launched_at: datetime | None = None
    campaign_id: int | None = None
    campaign: str = ""
    reason: str = ""

    @property
    def finding(self) -> bool:
        """Whether an auditor must hear of it."""
        return self.standing in FINDINGS


def schedules(session: Session) -> Sequence[AnyRow]:
    """All schedules with their templates, the active ones first."""
    query = (
        select(CampaignSchedule, CampaignTemplate)
        .join(CampaignTemplate, CampaignTemplate.id == CampaignSchedule.template_id)
        .order_by(CampaignSchedule.active.desc(), CampaignTemplate.name, CampaignSchedule.id)
    )
    return session.execute(query).all()


def next_days(found: CampaignSchedule, *, now: datetime) -> list[datetime]:
    """The next moments of a schedule that is on."""
    after = max(now, found.created_at)
    return [one.at for one in timetable(found).after(after, NEXT)] if found.active else []


def calendar(
    session: Session, *, now: datetime, since: datetime | None = None, until: datetime | None = None
) -> list[Occurrence]:
    """Every planned review of every schedule in the period, oldest first, with what became of it.
    Without a period: the last and the next year."""
    since, until = since or now - LOOK_BACK, until or now + LOOK_AHEAD
    names = {server.id: server.name for server in session.scalars(select(Server))}
    found = []
    for row in schedules(session):
        servers = [names[number] for number in row.CampaignTemplate.server_ids]
        found += _of_one(
            session, row.CampaignSchedule, row.CampaignTemplate.name, servers, since, until, now
        )
    return sorted(found, key=lambda each: (each.planned, each.schedule))


def findings(session: Session, *, now: datetime) -> list[Occurrence]:
    """The missed, late and waiting reviews of the last year."""
    return [each for each in calendar(session, now=now, until=now) if each.finding]


def _of_one(
    session: Session,
    plan: CampaignSchedule,
    name: str,
    servers: Sequence[str],
    since: datetime,
    until: datetime,
    now: datetime,
) -> list[Occurrence]:
    query = (
        select(ScheduleSlot, Campaign)
        .outerjoin(Campaign, Campaign.id == ScheduleSlot.campaign_id)
        .where(ScheduleSlot.schedule_id == plan.id)
        .where(ScheduleSlot.due_at > since, ScheduleSlot.due_at <= until)
    )
    rows = session.execute(query).all()
    taken = {row.ScheduleSlot.due_at for row in rows}
    ends = min(until, plan.off_at) if plan.off_at else until
    ahead = timetable(plan).between(max(since, plan.created_at), ends)
    return [_actual(name, servers, row.ScheduleSlot, row.Campaign) for row in rows] + [
        Occurrence(
            name, servers, one.at, Standing.OVERDUE if one.at + GRACE < now else Standing.PLANNED
        )
        for one in ahead
        if one.at not in taken
    ]


def _actual(
    name: str, servers: Sequence[str], slot: ScheduleSlot, campaign: Campaign | None
) -> Occurrence:
    at = campaign.launched_at if campaign else None
    standing = Standing(slot.state.value)
    if slot.state is SlotState.LAUNCHED and at and at - slot.due_at > LATE:
        standing = Standing.LATE
    return Occurrence(
        name,
        servers,
        slot.due_at,
        standing,
        at,
        slot.campaign_id,
        campaign.name if campaign else "",
        slot.reason,
    )
