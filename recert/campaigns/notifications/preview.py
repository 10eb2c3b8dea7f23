"""Every message of a campaign for three real reviewers, before anything is launched. The launch is
played in a transaction that is taken back: nothing is sent, and no link in a sample works."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from recert.campaigns import progress
from recert.campaigns.mailing import Addressee, Envelope, Letterhead, send
from recert.campaigns.models import Campaign
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.reviewing import queries
from recert.campaigns.setup import launch
from recert.foundation.actor import Actor
from recert.foundation.db import AnyRow, Database
from recert.mail.models import OutboxMessage
from recert.trail.act import Act

REVIEWERS = 3
DIGESTS = ("invitation", "reminder", "last_call", "escalation", "reassignment")


@dataclass(frozen=True)
class Sample:
    """One message as its reader would get it."""

    kind: str
    to: str
    subject: str
    text: str
    html: str


def samples(
    db: Database, campaign_id: int, head: Letterhead, *, actor: Actor, now: datetime
) -> list[Sample]:
    """The messages to the reviewers with the most, a middling number and the fewest questions.
    LaunchRefused when the campaign cannot be launched."""
    with db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        player = replace(actor, name=f"{actor.name} (preview)")
        launch.launch(Act(session, player, now), campaign, is_preview=True)
        asked = progress.reviewers_of(session, campaign_id)
        ranked = sorted(asked, key=lambda row: (-row.Progress.open, row.Person.id))
        found = [
            sample
            for row in _three(ranked)
            for sample in _for_one(session, campaign, row, head, now)
        ]
        session.rollback()
    return found


def _three(ranked: Sequence[AnyRow]) -> Sequence[AnyRow]:
    if len(ranked) <= REVIEWERS:
        return ranked
    return [ranked[0], ranked[len(ranked) // 2], ranked[-1]]


def _for_one(
    session: Session, campaign: Campaign, row: AnyRow, head: Letterhead, now: datetime
) -> Iterator[Sample]:
    person = row.Person
    for kind in DIGESTS:
        message = reviewer_mails.write(session, campaign, person.id, kind, head, now=now)
        if message is not None:
            yield _sample(message)
    items = queries.first_open_items(session, campaign.id, person.id, REVIEWERS)
    to = Addressee.person(person, head)
    for kind, context in _news(campaign, items, row, head, now).items():
        made = send(session, kind, to, context, Envelope(campaign.ref), head, now=now)
        if made is not None:
            yield _sample(made)


def _news(
    campaign: Campaign, items: Sequence[AnyRow], row: AnyRow, head: Letterhead, now: datetime
) -> dict[str, dict[str, Any]]:
    """Messages about what has not happened yet, with real questions and invented events."""
    first, total = items[0], row.Progress.total
    link = f"{head.base_url}/reviews/{campaign.id}"
    about = {
        "campaign": campaign,
        "account": first.person or first.account,
        "folder": first.folder,
        "server": first.server,
        "link": link,
    }
    named = [f"{one.person or one.account}, {one.folder}, {one.server}" for one in items]
    gone = [{"what": what, "answer": "revoke", "at": None} for what in named]
    ends = [{"what": what, "answer": "", "at": now + timedelta(days=14)} for what in named]
    done = {"revoked": len(gone), "reduced": 0, "at": now}
    counts = {"answered": 0, "keep": 0, "reduce": 0, "revoke": 0, "verified": 0, "trouble": 0}
    return {
        "question": {**about, "author": row.Person.name, "text": "What is it for?"},
        "answer": {**about, "author": campaign.created_by, "text": "For the monthly invoices."},
        "receipt": {"rows": gone, "link": link},
        "unclear": {"why": "It has no text of its own.", "link": link},
        "result": {"campaign": campaign, **done, "rows": gone, "link": link},
        "expiry": {"rows": ends, "link": link},
        "summary": {
            **{"campaign": campaign, "state": "active", "total": total, **counts},
            **{"held": 0, "unreachable": 0, "link": link},
        },
    }


def _sample(message: OutboxMessage) -> Sample:
    to = f"{message.to_name} <{message.to_address}>"
    return Sample(message.kind, to, message.subject, message.text, message.html)
