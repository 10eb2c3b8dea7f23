"""Tables of scheduled campaigns."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recert.campaigns.models import Subject
from recert.foundation.db import Base, enum_column


class CampaignTemplate(Base):
    """What a scheduled campaign asks about: the arguments of a draft, kept for later."""

    __tablename__ = "campaign_template"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    about: Mapped[Subject] = mapped_column(
        enum_column(Subject), default=Subject.ACCESS, server_default="access"
    )
    server_ids: Mapped[list[int]] = mapped_column(JSON)
    folder_prefix: Mapped[str]
    policy: Mapped[dict[str, Any]] = mapped_column(JSON)
    scope: Mapped[dict[str, Any]] = mapped_column(JSON)
    stages: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    weaker: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    days_to_answer: Mapped[int]
    undo_minutes: Mapped[int]


class CampaignSchedule(Base):
    """When a template becomes a campaign: a rhythm from a first day on, at a time of a zone."""

    __tablename__ = "campaign_schedule"

    id: Mapped[int] = mapped_column(primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("campaign_template.id"), index=True)
    rhythm: Mapped[str]
    first_day: Mapped[date]
    time_of_day: Mapped[time]
    zone: Mapped[str]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    off_at: Mapped[datetime | None]
    off_by: Mapped[str | None]

    @property
    def ref(self) -> str:
        """How the trail names it."""
        return f"schedule:{self.id}"


class SlotState(StrEnum):
    WAITING = "waiting"  # refused for now; the next ticks try again
    LAUNCHED = "launched"
    MISSED = "missed"


class ScheduleSlot(Base):
    """One occurrence of a schedule and what became of it. `slot` is the planned day there, so
    that an hour that comes twice is one occurrence; the unique key decides who launches."""

    __tablename__ = "schedule_slot"
    __table_args__ = (UniqueConstraint("schedule_id", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("campaign_schedule.id"))
    slot: Mapped[str]
    due_at: Mapped[datetime]
    state: Mapped[SlotState] = mapped_column(enum_column(SlotState))
    reason: Mapped[str]
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    taken_at: Mapped[datetime]
    tried_at: Mapped[datetime]
