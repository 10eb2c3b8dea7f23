"""The worker answers what pages ask about sources of people."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from recert.foundation.db import Database
from recert.foundation.errors import RecertError
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.people.synchronisation import mapped_entry, register, requests, runs
from recert.people.synchronisation.models import RequestKind
from recert.people.synchronisation.requests import Key

log = logging.getLogger(__name__)


def answer(db: Database, key: Key, *, now: Callable[[], datetime]) -> bool:
    """Answers one request; an error of the source is an answer as well. False when another worker
    was faster."""
    at = now()
    with db.transaction() as session:
        begun = requests.begin(session, key, now=at)
        if begun is None:
            return False
        name, argument = register.numbered(session, key[0]).name, begun.argument
    try:
        result = _result(db, key[1], name, argument, now())
    except RecertError as error:
        result = {"error": str(error)}
    with db.transaction() as session:
        requests.end(session, key, result, begun=at, now=now())
    return True


def _result(
    db: Database, kind: RequestKind, name: str, argument: str, now: datetime
) -> Mapping[str, Any]:
    if kind is RequestKind.PREVIEW:
        return runs.preview(db, name, now=now).as_json()
    with db.reading() as session:
        people = register.opened(register.named(session, name))
    if kind is RequestKind.ENTRY:
        return {"fields": mapped_entry.looked_up(people, argument)}
    return {"checks": [asdict(check) for check in people.checks()]}


@job(Phase.PEOPLE, 3)
def answer_source_requests(context: JobContext) -> int:
    """Looks at directories for pages: tests, entries, previews."""
    with context.db.reading() as session:
        keys = requests.waiting(session, now=context.now())
    work = partial(answer, context.db, now=context.now)
    return sum(
        context.servers.add((f"people {kind.value}", number), partial(work, (number, kind)))
        for number, kind in keys
    )
