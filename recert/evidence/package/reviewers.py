"""The list of reviewers in a package: their totals, confirmed instructions and trainings."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.decisions.reviewer_quality import Quality, quality
from recert.campaigns.models import Campaign
from recert.campaigns.reviewing import instructions, queries
from recert.people import trainings
from recert.people.models import Person
from recert.people.synchronisation.history import email_at

CHUNK = 200
COLUMNS = (
    *("reviewer", "name", "questions", "open", "keep", "reduce", "revoke", "in_bulk"),
    *("median_seconds", "pauses_shortened", "instruction_version", "instruction_read"),
    *("training", "training_course", "training_noted"),
)


def reviewers(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    """Every reviewer who has questions, the compliance queue too. Some at a time, so that
    thousands of them need little memory."""
    start, more = 0, True
    while more:
        rows, more = queries.progress_board(session, campaign_id, start=start, size=CHUNK)
        start += len(rows)
        numbers = [row.Progress.reviewer_id for row in rows if row.Progress.reviewer_id]
        emails = _emails(session, campaign_id, numbers)
        how = quality(session, campaign_id, numbers)
        read = instructions.reads_of(session, numbers)
        learned = trainings.newest_of(session, numbers)
        for row in rows:
            counts = row.Progress
            mine = how.get(counts.reviewer_id or 0, Quality())
            reading = read.get(counts.reviewer_id or 0)
            course = learned.get(counts.reviewer_id or 0)
            yield {
                "reviewer": emails.get(counts.reviewer_id or 0, ""),
                "name": row.name or "compliance queue",
                "questions": counts.total,
                "open": counts.open,
                "keep": counts.keep,
                "reduce": counts.reduce,
                "revoke": counts.revoke,
                "in_bulk": mine.in_bulk,
                "median_seconds": "" if mine.seconds is None else mine.seconds,
                "pauses_shortened": mine.pauses,
                "instruction_version": reading.version if reading else "",
                "instruction_read": reading.at.isoformat() if reading else "",
                "training": course.on.isoformat() if course else "",
                "training_course": course.course if course else "",
                "training_noted": course.at.isoformat() if course else "",
            }


def _emails(session: Session, campaign_id: int, numbers: list[int]) -> dict[int, str]:
    """The addresses of reviewers at the launch, as in the list of items."""
    launched = select(Campaign.launched_at).where(Campaign.id == campaign_id).scalar_subquery()
    query = select(Person.id, email_at(launched)).where(Person.id.in_(numbers))
    return {row[0]: row[1] for row in session.execute(query)}
