"""Retention periods and legal holds of campaigns. Nothing in Recert deletes campaigns, decisions or
the trail; this shows from when on somebody outside may decide about them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign
from recert.evidence.models import LegalHold, Retention
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.trail.act import Act
from recert.trail.actions import Action

DEFAULT_YEARS, MOST_YEARS, LONGEST_REASON = 7, 100, 4000


class ShorterThanBefore(RefusedByPolicy):
    """The years a campaign is kept can grow but not shrink."""


class HeldAlready(RefusedByPolicy):
    """This campaign is under a legal hold already."""


class NotHeld(RefusedByPolicy):
    """This campaign is under no legal hold."""


@dataclass(frozen=True)
class Keeping:
    """What keeps a campaign. `until` is None while it has not ended."""

    years: int
    until: datetime | None
    hold: LegalHold | None

    def over(self, *, now: datetime) -> bool:
        """True when nothing keeps it any more."""
        return self.hold is None and self.until is not None and now > self.until


def keeping(session: Session, campaign: Campaign) -> Keeping:
    """For how long a campaign is kept, and the hold that lies on it."""
    of_campaign = Retention.campaign_id == campaign.id
    years = session.scalar(select(Retention.years).where(of_campaign).order_by(Retention.id.desc()))
    years = years or DEFAULT_YEARS
    end = campaign.signed_off_at or campaign.closed_at
    newest = _newest_hold(session, campaign)
    return Keeping(
        years, end and _years_later(end, years), newest if newest and newest.held else None
    )


def _years_later(at: datetime, years: int) -> datetime:
    leap_day = (at.month, at.day) == (2, 29)
    return at.replace(year=at.year + years, day=28 if leap_day else at.day)


def _newest_hold(session: Session, campaign: Campaign) -> LegalHold | None:
    query = select(LegalHold).where(LegalHold.campaign_id == campaign.id)
    return session.scalar(query.order_by(LegalHold.id.desc()).limit(1))


def keep_for(act: Act, campaign: Campaign, years: int) -> None:
    """Sets for how many years after its end a campaign is kept."""
    act.actor.require(Role.OFFICER, Role.AUDITOR)
    if not 1 <= years <= MOST_YEARS:
        raise BadInput(f"Keep a campaign for 1 to {MOST_YEARS} years.")
    before = keeping(act.session, campaign).years
    if years < before:
        raise ShorterThanBefore(f"{campaign.name!r} is kept for {before} years.")
    act.session.add(Retention(campaign_id=campaign.id, years=years, by=act.actor.name, at=act.now))
    subject = f"campaign:{campaign.id}"
    act.record(Action.RETENTION_SET, subject, {"years": years})


def hold(act: Act, campaign: Campaign, reason: str) -> None:
    """Lays a legal hold on a campaign: it is kept whatever its years say."""
    if keeping(act.session, campaign).hold:
        raise HeldAlready
    _write(act, campaign, True, reason)


def release(act: Act, campaign: Campaign, reason: str) -> None:
    """Lifts the legal hold. That it lay there stays written down."""
    if not keeping(act.session, campaign).hold:
        raise NotHeld
    _write(act, campaign, False, reason)


def _write(act: Act, campaign: Campaign, held: bool, reason: str) -> None:
    act.actor.require(Role.OFFICER, Role.AUDITOR)
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise BadInput(f"Give a reason of at most {LONGEST_REASON} characters.")
    act.session.add(
        LegalHold(campaign_id=campaign.id, held=held, reason=reason, by=act.actor.name, at=act.now)
    )
    action = Action.LEGAL_HOLD_LAID if held else Action.LEGAL_HOLD_LIFTED
    subject = f"campaign:{campaign.id}"
    act.record(action, subject, {"reason": reason})
