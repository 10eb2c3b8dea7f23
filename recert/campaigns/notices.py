"""Mails of a campaign: invitations and reminders, pulled by the worker's ticks.

A slot with a unique key makes each of them happen once, whatever the number of workers.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import items, population, queries, rules
from recert.campaigns.models import Campaign, CampaignState, Occurrence, Progress
from recert.connectors import rights
from recert.foundation.actor import Actor, Role, system
from recert.foundation.db import Database
from recert.foundation.errors import BadInput
from recert.foundation.settings import Settings
from recert.mail import render
from recert.mail import service as mail
from recert.mail.models import OutboxMessage, Purpose
from recert.people.models import Person

ITEMS_IN_A_MAIL = 50
SECONDS_PER_ITEM = 20


@dataclass(frozen=True)
class Letterhead:
    """What every mail needs to know of the installation."""

    base_url: str
    zone: ZoneInfo
    sender: str

    @classmethod
    def of(cls, settings: Settings) -> "Letterhead":
        """The letterhead of this installation."""
        return cls(settings.base_url, settings.zone, settings.mail.sender)


def send_due(db: Database, head: Letterhead, *, now: datetime) -> int:
    """Puts every mail that is due into the outbox; how many. One transaction per mail."""
    sent = 0
    with db.reading() as session:
        active = session.scalars(
            select(Campaign.id).where(Campaign.state == CampaignState.ACTIVE)
        ).all()
    for campaign_id in active:
        with db.reading() as session:
            due = _due(session, session.get_one(Campaign, campaign_id), now=now)
        for kind, slot, person_id in due:
            with db.transaction() as session:
                campaign = items.hold(session, campaign_id)
                if _still_wanted(session, campaign, person_id) and items.take_slot(
                    session, campaign_id, f"{slot}: {person_id}", now
                ):
                    _skip_past_reminders(session, campaign, person_id, now)
                    sent += _write(session, campaign, person_id, kind, head, now=now)
    return sent


def _still_wanted(session: Session, campaign: Campaign, person_id: int) -> bool:
    """Nobody is asked about what is answered or closed, and nobody who has left."""
    progress = queries.progress_of(session, campaign.id, person_id)
    running = campaign.state is CampaignState.ACTIVE
    return bool(
        running and progress and progress.open and session.get_one(Person, person_id).active
    )


def _skip_past_reminders(
    session: Session, campaign: Campaign, person_id: int, now: datetime
) -> None:
    """Who gets a mail now does not also get the reminders of the days before."""
    launched = campaign.launched_at or now
    for slot in rules.reminder_slots(launched, campaign.due_at, now=now):
        items.take_slot(session, campaign.id, f"{slot}: {person_id}", now)


def _due(session: Session, campaign: Campaign, *, now: datetime) -> list[tuple[str, str, int]]:
    """(kind, slot, person) of each mail whose time has come and that was not written yet."""
    if campaign.launched_at is None:
        return []
    taken = set(
        session.scalars(select(Occurrence.slot).where(Occurrence.campaign_id == campaign.id))
    )
    reminders = list(rules.reminder_slots(campaign.launched_at, campaign.due_at, now=now))
    due = []
    for person, _ in population.reviewers_of(session, campaign.id):
        if f"invitation: {person.id}" not in taken:
            due.append(("invitation", "invitation", person.id))
        elif reminders and f"{reminders[-1]}: {person.id}" not in taken:
            due.append(("reminder", reminders[-1], person.id))
    return due


def remind_now(
    session: Session, campaign: Campaign, head: Letterhead, *, actor: Actor, now: datetime
) -> int:
    """An officer reminds everybody who has open items, at most once a day; how many."""
    actor.require(Role.OFFICER)
    if campaign.state is not CampaignState.ACTIVE:
        raise BadInput("Only a running campaign can remind its reviewers.")
    day = now.astimezone(head.zone).date().isoformat()
    if not items.take_slot(session, campaign.id, f"reminded by hand {day}", now):
        raise BadInput("Everybody was reminded today already. Try again tomorrow.")
    people = [person.id for person, _ in population.reviewers_of(session, campaign.id)]
    sent = sum(_write(session, campaign, each, "reminder", head, now=now) for each in people)
    trail.append(
        session,
        "campaign.reminded",
        f"campaign:{campaign.id}",
        {"mails": sent},
        actor=actor,
        at=now,
    )
    return sent


def _write(
    session: Session,
    campaign: Campaign,
    person_id: int,
    kind: str,
    head: Letterhead,
    *,
    now: datetime,
) -> int:
    """Writes one mail from what is true now; nobody is reminded of what is already answered."""
    progress = queries.progress_of(session, campaign.id, person_id)
    person = session.get_one(Person, person_id)
    if progress is None or not _still_wanted(session, campaign, person_id):
        return 0
    rows = queries.first_open_items(session, campaign.id, person.id, ITEMS_IN_A_MAIL)
    subjects = [f"item:{row.id}" for row in rows]
    tokens = mail.issue_tokens(
        session,
        Purpose.DECIDE_ITEM,
        subjects,
        f"person:{person.id}",
        expires_at=max(campaign.due_at, now) + rules.LINK_GRACE,
        now=now,
        states={f"item:{row.id}": str(row.content_hash) for row in rows},
    )
    subject, text, html = render.render(
        kind,
        head.zone,
        person=person,
        campaign=campaign,
        progress=progress,
        minutes=minutes_for(progress),
        items=[_facts(row, f"{head.base_url}/d/{tokens[f'item:{row.id}']}") for row in rows],
        review_link=f"{head.base_url}/reviews/{campaign.id}",
    )
    topic = f"campaign:{campaign.id}"
    message = mail.put(
        session,
        mail.Draft(
            topic=topic,
            kind=kind,
            to_address=person.email,
            to_name=person.name,
            subject=subject,
            text=text,
            html=html,
            in_reply_to=_first_mail(session, topic, person.email) if kind == "reminder" else None,
        ),
        sender=head.sender,
        now=now,
    )
    mail.attach(session, tokens.values(), message)
    details = {"to": person.email, "kind": kind, "message_id": message.message_id}
    trail.append(session, "mail.queued", topic, details, actor=system("notices"), at=now)
    return 1


def _first_mail(session: Session, topic: str, address: str) -> str | None:
    here = (OutboxMessage.topic == topic, OutboxMessage.to_address == address)
    query = select(OutboxMessage.message_id).where(*here).order_by(OutboxMessage.id).limit(1)
    return session.scalar(query)


def minutes_for(progress: Progress) -> int:
    """An honest guess of how long the open items take."""
    return max(1, round(progress.open * SECONDS_PER_ITEM / 60))


def _facts(row: object, link: str) -> dict[str, object]:
    names = {
        name: getattr(row, name)
        for name in ("account", "person", "organisation", "folder", "server")
    }
    granted = getattr(row, "rights", 0)
    return {**names, "link": link, "words": rights.words(granted), "label": rights.label(granted)}
