"""How reviewers answer: how fast, how much of it in bulk, how much of it keep. Shown to officers
and to each reviewer themselves; a hint for a talk, not a verdict.

The seconds of an answer are the time since the reviewer's answer before it in the same campaign. A
bulk answer shares its time among its items. Longer pauses count as PAUSE, and the first answer has
no time. Only answers that count are looked at, not those that were changed later."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Item

PAUSE = timedelta(minutes=10)
COUNTED = (Answer.KEEP, Answer.REDUCE, Answer.REVOKE)


@dataclass(frozen=True)
class Quality:
    """The measures of one reviewer in one campaign. `seconds` is None before their second answer;
    `pauses` says how often a longer time was counted as PAUSE."""

    answered: int = 0
    kept: int = 0
    in_bulk: int = 0
    seconds: float | None = None
    pauses: int = 0

    def share(self, count: int) -> int:
        """A count in percent of the answers."""
        return round(100 * count / self.answered) if self.answered else 0


@dataclass(frozen=True)
class AnswerGroup:
    """What was answered at one moment: one item, or several in bulk."""

    at: datetime
    items: int
    kept: int
    in_bulk: bool


def quality(
    session: Session, campaign_id: int, reviewer_ids: Collection[int]
) -> dict[int, Quality]:
    """The measures of some reviewers, with an entry for each of them."""
    alone = case((Decision.batch.is_(None), Decision.id), else_=0)
    groups = (Item.reviewer_id, Decision.at, Decision.batch, alone)
    kept = func.count(case((Item.answer == Answer.KEEP, 1)))
    query = (
        select(Item.reviewer_id, Decision.at, Decision.batch, func.count(), kept)
        .join(Decision, (Decision.item_id == Item.id) & (Decision.version == Item.version))
        .where(Item.campaign_id == campaign_id, Item.reviewer_id.in_(reviewer_ids))
        .where(Item.answer.in_(COUNTED))
        .group_by(*groups)
    )
    acts: dict[int, list[AnswerGroup]] = {number: [] for number in reviewer_ids}
    for reviewer_id, at, batch, count, keeps in session.execute(query):
        acts[reviewer_id or 0].append(AnswerGroup(at, count, keeps, batch is not None))
    return {number: of_acts(found) for number, found in acts.items()}


def of_acts(acts: Sequence[AnswerGroup]) -> Quality:
    """The measures from the acts of one reviewer. Of two at the same moment the smaller is first,
    so that whoever counts again gets the same."""
    acts = sorted(acts, key=lambda act: (act.at, act.items))
    gaps = [(two.at - one.at, two.items) for one, two in pairwise(acts)]
    seconds = list(_each(gaps))
    return Quality(
        answered=sum(act.items for act in acts),
        kept=sum(act.kept for act in acts),
        in_bulk=sum(act.items for act in acts if act.in_bulk),
        seconds=round(median(seconds), 1) if seconds else None,
        pauses=sum(1 for gap, _ in gaps if gap > PAUSE),
    )


def _each(gaps: Iterable[tuple[timedelta, int]]) -> Iterable[float]:
    for gap, items in gaps:
        yield from [min(gap, PAUSE).total_seconds() / items] * items
