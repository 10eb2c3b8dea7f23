"""Reviewers who cannot be reached by mail: their substitutes and the officers are notified, and
the campaign's board shows them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.mailing import Addressee, Envelope, Letterhead, send
from recert.campaigns.models import Campaign, CampaignState
from recert.campaigns.progress_models import Progress
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow, Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import FolderOwner
from recert.mail import unreachable
from recert.mail.models import Undeliverable
from recert.people.models import Person
from recert.people.queries import holders_of


def tell_due(db: Database, head: Letterhead, *, now: datetime) -> int:
    """Notifies of addresses that cannot be reached, once each; how many mails."""
    with db.reading() as session:
        if not session.scalar(select(Undeliverable.address).limit(1)):
            return 0
    with db.transaction() as session:
        unreachable.forget_reached(session, now=now)
        return sum(_tell(session, found, head, now) for found in unreachable.not_notified(session))


def _tell(session: Session, found: Undeliverable, head: Letterhead, now: datetime) -> int:
    found.notified_at = now
    person = session.scalar(select(Person).where(Person.email == found.address))
    open_in = _open_reviews(session, person) if person else []
    context = {
        "who": person.name if person else found.address,
        "address": found.address,
        "reason": found.reason,
        "campaigns": [campaign.name for campaign in open_in],
        "link": f"{head.base_url}/campaigns/{open_in[0].id}" if open_in else "",
    }
    topic = open_in[0].ref if open_in else f"address:{found.address}"
    officers = [Addressee.user(user, head) for user in holders_of(session, Role.OFFICER)]
    stand_ins = _substitutes(session, person) if person and open_in else []
    recipients = [(to, False) for to in officers]
    recipients += [(Addressee.person(one, head), True) for one in stand_ins]
    for to, substitute in recipients:
        link = "" if substitute else context["link"]
        more = {**context, "substitute": substitute, "link": link}
        send(session, "undeliverable", to, more, Envelope(topic), head, now=now)
    return len(recipients)


def _open_reviews(session: Session, person: Person) -> Sequence[Campaign]:
    query = (
        select(Campaign)
        .join(Progress, Progress.campaign_id == Campaign.id)
        .where(
            Campaign.state == CampaignState.ACTIVE,
            Progress.reviewer_id == person.id,
            Progress.open > 0,
        )
        .order_by(Campaign.due_at, Campaign.id)
    )
    return session.scalars(query).all()


def _substitutes(session: Session, person: Person) -> Sequence[Person]:
    query = (
        select(Person)
        .join(FolderOwner, FolderOwner.substitute_id == Person.id)
        .where(FolderOwner.person_id == person.id, Person.active, Person.email != person.email)
        .distinct()
        .order_by(Person.id)
    )
    return session.scalars(query).all()


def of_campaign(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    """The reviewers with open questions who cannot be reached: name, address, why, since when."""
    query = (
        select(Person.name, Undeliverable.address, Undeliverable.reason, Undeliverable.at)
        .join(Person, Person.email == Undeliverable.address)
        .join(Progress, Progress.reviewer_id == Person.id)
        .where(Progress.campaign_id == campaign_id, Progress.open > 0)
        .order_by(Person.name)
    )
    return session.execute(query).all()


@job(Phase.MAILS, 4)
def report_undeliverable(context: JobContext) -> int:
    """Writes to officers when mail cannot reach a reviewer."""
    return tell_due(context.db, Letterhead.of(context.settings), now=context.now())
