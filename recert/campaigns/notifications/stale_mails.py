"""Mails that wait in the outbox are looked at once more before they go: nobody is reminded of what
they answered while the mail server was away."""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import transitions
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import Campaign
from recert.campaigns.notifications import reviewer_mails
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.mail.models import MessageState, OutboxMessage
from recert.people.queries import person_by_email
from recert.trail.actions import Action

KINDS = ("invitation", "reminder", "last_call", "escalation", "reassignment")
FRESH = timedelta(minutes=10)
ACTOR = system("notices")


def look_again(db: Database, head: Letterhead, *, now: datetime) -> int:
    """Takes back mails to reviewers that are not right any more; how many. One that was never
    tried is written anew from what is true now; one that may have arrived is left as it is."""
    here = (
        OutboxMessage.state == MessageState.QUEUED,
        OutboxMessage.kind.in_(KINDS),
        OutboxMessage.created_at <= now - FRESH,
    )
    with db.reading() as session:
        query = select(OutboxMessage.id).where(*here).order_by(OutboxMessage.id)
        numbers = session.scalars(query).all()
    changed = 0
    for number in numbers:
        with db.transaction() as session:
            changed += _look(session, number, head, now)
    return changed


def _look(session: Session, number: int, head: Letterhead, now: datetime) -> bool:
    message = session.get_one(OutboxMessage, number)
    campaign_id = int(message.topic.partition(":")[2])
    campaign: Campaign = transitions.hold(session, campaign_id)
    person = person_by_email(session, message.to_address)
    wanted = person is not None and reviewer_mails.still_wanted(session, campaign, person.id)
    if wanted and message.attempts:
        return False
    here = (OutboxMessage.id == number, OutboxMessage.state == MessageState.QUEUED)
    values = {"state": MessageState.WITHDRAWN, "text": "", "html": "", "reply_key": ""}
    taken = session.execute(update(OutboxMessage).where(*here).values(**values))
    if getattr(taken, "rowcount", 0) != 1:
        return False  # a worker has just begun to send it
    if wanted and person is not None:
        reviewer_mails.write(session, campaign, person.id, message.kind, head, now=now)
    details = {"message_id": message.message_id, "written_anew": wanted}
    trail.append(session, Action.MAIL_WITHDRAWN, campaign.ref, details, actor=ACTOR, at=now)
    return True


@job(Phase.MAILS, 5)
def renew_stale_mails(context: JobContext) -> int:
    """Takes back mails that waited for long and are not right any more."""
    return look_again(context.db, Letterhead.of(context.settings), now=context.now())
