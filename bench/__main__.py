"""Runs every benchmark on both databases and prints one JSON line each."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from bench import evidence, mails, million, parallel, servers, tree
from bench.yardstick import bare_insert_select, bare_update, raw_load, seconds, typical
from recert.app import create_app
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.reviewing import queries
from recert.campaigns.setup import drafts
from recert.campaigns.setup import launch as campaigns
from recert.foundation import schema
from recert.foundation.actor import Actor, Assurance, Channel, operator
from recert.foundation.db import Database
from recert.foundation.settings import MailSettings, Settings
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.inventory.models import Grant, Server
from recert.people import service as people
from recert.people import users
from recert.people.queries import person_by_email
from recert.trail.act import Act
from tests.support.databases import PostgresServer

DIRECTOR = operator("bench")
EVIDENCE = (10_000, 100_000, 1_000_000)  # the last only with the argument "million"
PASSWORD = "a long enough password"


def now() -> datetime:
    return datetime.now(UTC)


def say(bench: str, database: str, **figures: object) -> None:
    """One result."""
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps({"bench": bench, "database": database, **rounded}), flush=True)


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, Database]]:
    """An SQLite file and a PostgreSQL server of our own."""
    folder.mkdir(exist_ok=True)
    with PostgresServer() as server:
        made = {
            "sqlite": Database(f"sqlite:///{folder / 'bench.sqlite3'}"),
            "postgresql": Database(server.create("bench")),
        }
        yield made
        for db in made.values():
            db.dispose()


def furnish(db: Database, permissions: Path) -> int:
    """People, owners and the server; its number."""
    schema.upgrade(db)
    with db.transaction() as session:
        people.import_people(Act(session, DIRECTOR, now()), tree.people_csv())
        server = inventory.add_server(
            Act(session, DIRECTOR, now()), "bench", "embedded", {"file": str(permissions)}
        )
        inventory.import_owners(Act(session, DIRECTOR, now()), tree.owners_csv())
        return server.id


def reading_alone(db: Database, server_id: int) -> float:
    """Seconds that the connector needs to tell all grants, without storing any."""
    with db.reading() as session:
        connector = inventory.connector_of(session.get_one(Server, server_id))
    return typical(lambda: sum(1 for _ in connector.read().grants))


def measure_snapshots(name: str, db: Database, server_id: int) -> None:
    reading = reading_alone(db, server_id)
    first = seconds(lambda: snapshots.take(db, server_id, actor=DIRECTOR, now=now))
    with db.reading() as session:
        rows = session.scalar(select(func.count()).select_from(Grant)) or 0
        newest = session.scalar(select(func.max(Grant.id)))
    plain = [(n * 7919, n % 1000, n % 2000, 7, n % 50, "", 0) for n in range(rows)]
    raw = raw_load(db, plain)
    say(
        "first snapshot",
        name,
        grants=rows,
        seconds=first,
        of_which_reading=reading,
        rows_per_second=round(rows / first),
        storing_to_raw_insert=raw / (first - reading),
    )
    again = typical(lambda: snapshots.take(db, server_id, actor=DIRECTOR, now=now))
    with db.reading() as session:
        same = session.scalar(select(func.max(Grant.id))) == newest
        touched = session.scalar(select(func.count()).where(Grant.gone_snapshot_id.is_not(None)))
    say(
        "unchanged second snapshot",
        name,
        seconds=again,
        of_which_reading=reading,
        rows_per_second=round(rows / again),
        grant_rows_written=0 if same and not touched else -1,
        storing_to_raw_insert=raw / (again - reading),
    )


def measure_launch(name: str, db: Database, server_id: int) -> int:
    bare = bare_insert_select(db)

    def launch(number: int) -> int:
        with db.transaction() as session:
            campaign = drafts.draft(
                Act(session, DIRECTOR, now()),
                drafts.CampaignDraft(
                    f"Bench {number}",
                    [server_id],
                    "/",
                    now() + timedelta(days=14),
                    undo_minutes=60,
                ),
            )
            campaigns.launch(Act(session, DIRECTOR, now()), campaign)
            return campaign.id

    took = [seconds(lambda number=number: launch(number)) for number in range(3)]
    typical_launch = sorted(took)[1]
    with db.reading() as session:
        campaign_id = session.scalar(select(func.max(Campaign.id))) or 0
        items = session.scalar(select(func.count()).where(Item.campaign_id == campaign_id)) or 0
    say(
        "campaign launch",
        name,
        items=items,
        seconds=typical_launch,
        items_per_second=round(items / typical_launch),
        ratio_to_bare_insert_select=bare / typical_launch,
    )
    return campaign_id


def signed_in(db: Database, folder: Path, email: str) -> FlaskClient:
    """A browser of the reviewer."""
    settings = Settings(
        home=folder,
        database_url=str(db.url),
        base_url="http://localhost",
        mail=MailSettings(),
        zone=ZoneInfo("UTC"),
        secure_cookies=False,
    )
    with db.transaction() as session:
        users.add_user(Act(session, DIRECTOR, now()), email, "Reviewer", PASSWORD, frozenset())
    client = create_app(settings, db).test_client()
    page = client.get("/sign-in").get_data(as_text=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    form = {"csrf_token": found[1], "email": email, "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 302
    return client


def measure_pages(name: str, db: Database, campaign_id: int, folder: Path) -> None:
    email = "p0@bench.example"
    client = signed_in(db, folder, email)
    with db.reading() as session:
        reviewer = person_by_email(session, email)
        assert reviewer
        folder_id = queries.folders_to_review(session, campaign_id, reviewer.id)[1].folder_id
    path = f"/reviews/{campaign_id}/folders/{folder_id}"
    statements = 0

    def count(*_details: object) -> None:
        nonlocal statements
        statements += 1

    event.listen(db.engine, "before_cursor_execute", count)
    page = client.get(path)
    event.remove(db.engine, "before_cursor_execute", count)
    assert page.status_code == 200
    shown = page.get_data(as_text=True).count('id="item-')
    whole = typical(lambda: client.get(path), rounds=30)

    def bare() -> None:
        with db.reading() as session:
            queries.items_to_review(session, campaign_id, reviewer.id, folder_id)

    rows_only = typical(bare, rounds=30)
    say(
        "review page",
        name,
        items=shown,
        kilobytes=round(len(page.data) / 1024),
        statements=statements,
        milliseconds=whole * 1000,
        rows_milliseconds=rows_only * 1000,
    )
    with db.reading() as session:
        keys = session.scalars(
            select(Item.sort_key).where(Item.campaign_id == campaign_id).order_by(Item.sort_key)
        ).all()

    def page_at(after: int) -> None:
        with db.reading() as session:
            queries.items_of(session, campaign_id, queries.ItemFilter(), after=after)

    first = typical(lambda: page_at(0), rounds=30)
    late = typical(lambda: page_at(keys[-60]), rounds=30)
    say(
        "items page, last to first",
        name,
        items=len(keys),
        first_ms=first * 1000,
        last_ms=late * 1000,
        ratio=late / first,
    )


def measure_decisions(name: str, db: Database, campaign_id: int) -> None:
    with db.reading() as session:
        rows = session.execute(
            select(Item.id, Item.reviewer_id, Item.folder_id)
            .where(Item.campaign_id == campaign_id, Item.state == ItemState.OPEN)
            .order_by(Item.sort_key)
            .limit(400)
        ).all()
    bare = bare_update(db, [row.id for row in rows[:100]])
    turn = iter(rows[100:200])

    def decide() -> None:
        row = next(turn)
        actor = reviewer(row.reviewer_id)
        with db.transaction() as session:
            decisions.record(Act(session, actor, now()), row.id, Reply(Answer.KEEP))

    single = typical(decide, rounds=100)
    say(
        "one decision",
        name,
        milliseconds=single * 1000,
        bare_update_ms=bare * 1000,
        times_bare_update=single / bare,
    )
    last = rows[-1]

    def together() -> None:
        with db.transaction() as session:
            campaign = session.get_one(Campaign, campaign_id)
            reply = Reply(Answer.KEEP, reason="bench")
            actor = reviewer(last.reviewer_id)
            decisions.record_many(Act(session, actor, now()), campaign, last.folder_id, None, reply)

    took = seconds(together)
    say("bulk decision of one folder", name, items=50, milliseconds=took * 1000)


def reviewer(person_id: int) -> Actor:
    """A reviewer at the web listener."""
    return Actor("bench", Channel.WEB, Assurance.SIGNED_IN, person_id=person_id)


PEAK = """
import resource, sys
from recert.connectors.embedded import connect
from recert.foundation.db import Database
from recert.inventory import staging
db = Database(sys.argv[2])
reading = connect({"file": sys.argv[1]}).read()
with db.connection() as connection, connection.begin():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    staged = staging.stage(connection, reading)
    print(staged.grants, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def measure_memory(folder: Path) -> None:
    """What staging adds to the peak of memory, for 5 times the grants."""
    added = {}
    for per_boundary in (10, 50):
        home = folder / f"memory{per_boundary}"
        file = tree.write(home, per_boundary=per_boundary, deep=0)
        command = [sys.executable, "-c", PEAK, str(file), f"sqlite:///{home / 'm.sqlite3'}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        grants, kilobytes = map(int, done.stdout.split())
        added[grants] = kilobytes
    few, many = sorted(added)
    say(
        "memory added by staging",
        "sqlite",
        grants=[few, many],
        megabytes=[round(added[few] / 1024, 1), round(added[many] / 1024, 1)],
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="recert-bench-") as name:
        folder = Path(name)
        permissions = tree.write(folder / "server")
        with databases(folder) as made:
            for kind, db in made.items():
                server_id = furnish(db, permissions)
                measure_snapshots(kind, db, server_id)
                campaign_id = measure_launch(kind, db, server_id)
                measure_pages(kind, db, campaign_id, folder / f"home-{kind}")
                measure_decisions(kind, db, campaign_id)
        measure_memory(folder)
        with databases(folder / "small") as made:
            for kind, db in made.items():
                say("campaign of 10,000", kind, **million.measure(db, 10_000))
        with databases(folder / "mails") as made:
            for kind, db in made.items():
                say("10,000 mails", kind, **mails.measure(db, folder / f"mails-{kind}"))
        for items in EVIDENCE if "million" in sys.argv else EVIDENCE[:-1]:
            with databases(folder / f"evidence{items}") as made:
                for kind, db in made.items():
                    say(
                        f"evidence of {items:,} items",
                        kind,
                        **evidence.measure(db, items, folder / f"package{items}-{kind}"),
                    )
        with databases(folder / "parallel") as made:
            for kind, db in made.items():
                place = folder / f"parallel-{kind}"
                say("50 servers, one hangs", kind, **parallel.reading(db, place, 16))
                say("1,000 orders on one server", kind, **parallel.thousand_orders(db, place))
        with databases(folder / "large") as made:
            for kind, db in made.items():
                say("campaign of 1,000,000", kind, **million.measure(db, 1_000_000))
    say("reading a server's folders", "none", **servers.reading_ratio())


if __name__ == "__main__":
    main()
