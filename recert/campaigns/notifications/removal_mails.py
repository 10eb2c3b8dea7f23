"""Mails of the challenge period: whoever loses access is notified, with a link to object."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert.campaigns.completion import challenges
from recert.campaigns.completion.models import Challenge
from recert.campaigns.mailing import Addressee, Envelope, Letterhead, send
from recert.campaigns.models import Campaign, Item
from recert.foundation.db import AnyRow, Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.mail import service as mail
from recert.mail.models import Purpose
from recert.people.models import Person

ROWS = 50  # of one mail


def send_due(db: Database, head: Letterhead, *, now: datetime) -> int:
    """Writes one mail to everybody who loses access and was not notified yet; how many."""
    with db.reading() as session:
        untold = (
            select(Item.campaign_id, Challenge.person_id)
            .join(Item, Item.id == Challenge.item_id)
            .where(
                Challenge.notified_at.is_(None),
                Challenge.person_id.is_not(None),
                Challenge.until > now,
            )
            .distinct()
            .order_by(Item.campaign_id, Challenge.person_id)
        )
        due = [(row[0], row[1]) for row in session.execute(untold) if row[1] is not None]
    written = 0
    for campaign_id, person_id in due:
        with db.transaction() as session:
            written += _tell(session, campaign_id, person_id, head, now)
    return written


def _tell(
    session: Session, campaign_id: int, person_id: int, head: Letterhead, now: datetime
) -> int:
    campaign, person = session.get_one(Campaign, campaign_id), session.get_one(Person, person_id)
    rows = [
        row
        for row in challenges.of_person(session, person_id, now=now)
        if row.campaign_id == campaign_id and row.Challenge.notified_at is None
    ][:ROWS]
    taken = update(Challenge).where(
        Challenge.item_id.in_([row.item_id for row in rows]), Challenge.notified_at.is_(None)
    )
    session.execute(taken.values(notified_at=now).execution_options(synchronize_session=False))
    by_day = defaultdict[datetime, list[AnyRow]](list)
    for row in rows:
        by_day[row.Challenge.until].append(row)
    return sum(
        _write(session, campaign, person, until, found, head, now)
        for until, found in sorted(by_day.items())
    )


def _write(
    session: Session,
    campaign: Campaign,
    person: Person,
    until: datetime,
    rows: list[AnyRow],
    head: Letterhead,
    now: datetime,
) -> int:
    to = Addressee.person(person, head, campaign.zone)
    about = [f"item:{row.item_id}" for row in rows]
    made = mail.issue_tokens(session, Purpose.OBJECT, about, to.holder, expires_at=until, now=now)
    context = {
        "campaign": campaign,
        "until": until,
        "rows": [
            {
                "account": row.account,
                "folder": row.folder,
                "server": row.server,
                "link": f"{head.base_url}/d/{made[f'item:{row.item_id}']}",
            }
            for row in rows
        ],
        "link": "",
    }
    envelope = Envelope(campaign.ref, None, made.values(), until)
    return int(send(session, "removal", to, context, envelope, head, now=now) is not None)


@job(Phase.MAILS, 2, lock="campaign mails")
def write_removal_mails(context: JobContext) -> int:
    """Writes to everybody who loses access and can object."""
    return send_due(context.db, Letterhead.of(context.settings), now=context.now())
