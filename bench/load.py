"""Fifty reviewers at once against the real server, on both databases: no error, no answer lost, and
how long pages take beside one reviewer alone.

    python -m bench.load [SECONDS] [REVIEWERS]
"""

import http.client
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

from argon2 import PasswordHasher
from sqlalchemy import func, select

from bench.million import OWNERS, _fill
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Item
from recert.campaigns.setup import drafts, launch
from recert.foundation import bulk, clock, schema
from recert.foundation.actor import operator
from recert.foundation.db import Database
from recert.inventory import routing
from recert.inventory.models import Server, Snapshot, SnapshotState
from recert.inventory.snapshot_merge import match_persons
from recert.people import passwords, users
from recert.people.models import Organisation, OrganisationKind
from recert.trail.act import Act
from tests.support.databases import PostgresServer

DIRECTOR = operator("bench")
PASSWORD = "a long enough password"
GRANTS = 60_000


@dataclass
class Tally:
    """What the reviewers saw."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    saved: int = 0


def furnish(db: Database, reviewers: int, grants: int) -> int:
    """A campaign in which each of some reviewers owns one folder tree; its number."""
    schema.upgrade(db)
    # Made cheap here: what is measured is pages, not hashing.
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with db.transaction() as session:
        session.add(Organisation(name="Bench", kind=OrganisationKind.OWN))
        session.flush()
        columns = ("email", "name", "department", "active", "organisation_id")
        rows = ((f"p{n}@bench.example", f"Person {n}", "", True, 1) for n in range(OWNERS))
        bulk.insert(session.connection(), "person", columns, rows)
        server = Server(name="big", kind="csv", settings={}, created_at=clock.now())
        session.add(server)
        session.flush()
        at = clock.now()
        session.add(
            Snapshot(
                server_id=server.id,
                state=SnapshotState.COMPLETE,
                started_at=at,
                finished_at=at,
                grants=grants,
            )
        )
        session.flush()
        _fill(session, grants)
        match_persons(session, server.id)
        routing.recompute(session, server.id)
        for number in range(reviewers):
            email = f"p{number}@bench.example"
            users.add_user(Act(session, DIRECTOR, at), email, "Reviewer", PASSWORD, frozenset())
        due = at + timedelta(days=14)
        made = drafts.draft(
            Act(session, DIRECTOR, at), drafts.CampaignDraft("Load", [1], "/", due, undo_minutes=60)
        )
        launch.launch(Act(session, DIRECTOR, at), made)
        return made.id


class Reviewer(threading.Thread):
    """Opens a folder, keeps or removes one access, and so on."""

    def __init__(
        self, port: int, number: int, campaign: int, until: float, tally: Tally, pause: float
    ) -> None:
        super().__init__(daemon=True)
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._email, self._campaign = f"p{number}@bench.example", campaign
        self._until, self._tally, self._cookie, self._pause = until, tally, "", pause
        self._chance = random.Random(number)

    def run(self) -> None:
        try:
            page = self._ask("GET", "/sign-in")
            form = {"csrf_token": _token(page), "email": self._email, "password": PASSWORD}
            self._ask("POST", "/sign-in", form)
            while time.monotonic() < self._until and self._review():
                time.sleep(self._chance.uniform(0, 2 * self._pause))
        except Exception as error:
            self._tally.errors.append(f"{self._email}: {type(error).__name__}: {error}")

    def _review(self) -> bool:
        page = self._ask("GET", f"/reviews/{self._campaign}")
        folders = re.findall(rf'href="(/reviews/{self._campaign}/folders/\d+)"', page)
        if not folders:
            return False
        page = self._ask("GET", self._chance.choice(folders[:20]))
        items = re.findall(
            r'action="(/reviews/items/\d+)[^"]*".*?name="version" value="(\d+)".*?'
            r'name="seen" value="(-?\d+)"',
            page,
            re.DOTALL,
        )
        if items:
            path, version, seen = items[0]
            answer = self._chance.choice(["keep", "revoke"])
            form = {"csrf_token": _token(page), "version": version, "seen": seen}
            self._ask("POST", path, form | {"answer": answer, "reason": "Looked at it."})
            self._tally.saved += 1
        return True

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None) -> str:
        headers = {"Cookie": self._cookie} if self._cookie else {}
        body = urlencode(form) if form else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        start = time.perf_counter()
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        text = answer.read().decode()
        self._tally.seconds.append(time.perf_counter() - start)
        for value in answer.headers.get_all("Set-Cookie", []):
            self._cookie = value.partition(";")[0]
        wanted = (302,) if method == "POST" else (200,)
        if answer.status not in wanted:
            raise AssertionError(f"{method} {path}: {answer.status}")
        return text


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page[:300]
    return found[1]


@contextmanager
def serving(home: Path, url: str) -> Iterator[int]:
    """`recert web` as it is run in production; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "RECERT_HOME": str(home), "DATABASE_URL": url}
    environment["RECERT_BASE_URL"] = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "recert", "web", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def play(port: int, campaign: int, first: int, count: int, seconds: float, pause: float) -> Tally:
    """Some reviewers for some seconds."""
    tally, until = Tally(), time.monotonic() + seconds
    everybody = [
        Reviewer(port, number, campaign, until, tally, pause)
        for number in range(first, first + count)
    ]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
    return tally


def measure(
    url: str, home: Path, seconds: float, reviewers: int, grants: int = GRANTS
) -> dict[str, object]:
    """Errors, lost answers, and the times of pages: one reviewer alone, then all."""
    db = Database(url)
    campaign = furnish(db, reviewers + 1, grants)
    with serving(home, url) as port:
        alone = play(port, campaign, reviewers, 1, min(10.0, seconds), 0.2)
        crowd = play(port, campaign, 0, reviewers, seconds, 1.0)
    with db.reading() as session:
        query = select(func.count()).select_from(Decision).join(Item, Item.id == Decision.item_id)
        stored = session.scalar(query.where(Item.campaign_id == campaign)) or 0
    db.dispose()
    p95 = statistics.quantiles(crowd.seconds, n=20)[-1] * 1000
    p50 = statistics.median(alone.seconds) * 1000
    return {
        "reviewers": reviewers,
        "seconds": seconds,
        "requests": len(crowd.seconds),
        "answers": crowd.saved + alone.saved,
        "errors": len(crowd.errors) + len(alone.errors),
        "first_error": next(iter([*crowd.errors, *alone.errors]), ""),
        "lost": crowd.saved + alone.saved - stored,
        "p50_alone_ms": round(p50, 1),
        "p50_ms": round(statistics.median(crowd.seconds) * 1000, 1),
        "p95_ms": round(p95, 1),
    }


def main() -> None:
    """Both databases, one JSON line each."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 180.0
    reviewers = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        urls = {
            "sqlite": f"sqlite:///{folder}/load.sqlite3",
            "postgresql": server.create("load"),
        }
        for name, url in urls.items():
            home = Path(folder) / name
            home.mkdir()
            found = measure(url, home, seconds, reviewers)
            print(json.dumps({"bench": "load", "database": name, **found}), flush=True)


if __name__ == "__main__":
    main()
