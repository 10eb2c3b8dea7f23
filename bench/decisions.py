"""One decision after the other: how long each takes, and how much of it the database does."""

import time
from typing import Any

from sqlalchemy import event, select, text

from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Item
from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.db import Database
from recert.trail.act import Act

ROUNDS = 200


class Stopwatch:
    """The seconds that statements and commits of one database take."""

    def __init__(self, db: Database) -> None:
        self.seconds, self._started = 0.0, 0.0
        event.listen(db.engine, "before_cursor_execute", self._begin)
        event.listen(db.engine, "after_cursor_execute", self._end)

    def _begin(self, *_details: Any) -> None:
        self._started = time.perf_counter()

    def _end(self, *_details: Any) -> None:
        self.seconds += time.perf_counter() - self._started


def measure_decisions(db: Database, campaign_id: int) -> dict[str, float]:
    """Milliseconds of one decision, of its SQL with the commit, and their ratio. The commit is
    timed with an empty write of the same database."""
    with db.reading() as session:
        here = (Item.campaign_id == campaign_id, Item.answer.is_(None))
        query = select(Item.id, Item.reviewer_id).where(*here, Item.reviewer_id.is_not(None))
        asked = session.execute(query.order_by(Item.id).limit(ROUNDS + 10)).all()
    watch, took = Stopwatch(db), 0.0
    for number, (item_id, reviewer_id) in enumerate(asked):
        if number == 10:  # warm
            watch.seconds = took = 0.0
        actor = Actor("bench", Channel.WEB, Assurance.SIGNED_IN, person_id=reviewer_id)
        start = time.perf_counter()
        with db.transaction() as session:
            reply = Reply(Answer.KEEP, reason="Needed.")
            decisions.record(Act(session, actor, clock.now()), item_id, reply)
        took += time.perf_counter() - start
    rounds = len(asked) - 10
    sql = watch.seconds / rounds + _commit(db)
    return {
        "decision_ms": took / rounds * 1000,
        "decision_sql_ms": sql * 1000,
        "decision_to_its_sql": took / rounds / sql,
    }


def _commit(db: Database) -> float:
    """Seconds of one commit that has written one row."""
    with db.transaction() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS bench_commit (n INTEGER)"))
    total = 0.0
    for number in range(50):
        with db.transaction() as session:
            session.execute(text("INSERT INTO bench_commit VALUES (:n)"), {"n": number})
            start = time.perf_counter()
            session.commit()
            total += time.perf_counter() - start
    return total / 50
