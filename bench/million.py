"""One campaign over a million grants in 100,000 folders with 5,000 owners, beside a small one."""

import resource
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bench.yardstick import bare_insert_select, seconds, typical
from recert.campaigns import progress
from recert.campaigns.completion import approvals
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, Item
from recert.campaigns.reviewing import monitoring, queries, recommendations
from recert.campaigns.setup import drafts
from recert.campaigns.setup import launch as campaigns
from recert.foundation import bulk, clock, schema
from recert.foundation.actor import Actor, Assurance, Channel, operator
from recert.foundation.db import Database
from recert.inventory import routing
from recert.inventory.models import Folder, Server, Snapshot, SnapshotState
from recert.inventory.snapshot_merge import match_persons
from recert.people import service as people
from recert.remediation import overdue
from recert.trail.act import Act

DIRECTOR = operator("bench")
OWNERS, ACCOUNTS, PER_FOLDER, WIDE = 5000, 20_000, 10, 5000
WIDE_FOLDER = "/o00001/wide"


def furnish(db: Database, grants: int) -> None:
    """People, one server that was looked at once, and its owners. One folder is open to 5,000
    accounts; its owner has to answer for all of them."""
    schema.upgrade(db)
    rows = (f"p{number}@bench.example,Person {number},Bench" for number in range(ACCOUNTS))
    with db.transaction() as session:
        text_ = "email,name,organisation\n" + "\n".join(rows) + "\n"
        people.import_people(Act(session, DIRECTOR, clock.now()), text_)
        server = Server(name="big", kind="csv", settings={}, created_at=clock.now())
        session.add(server)
        session.flush()
        session.add(
            Snapshot(
                server_id=server.id,
                state=SnapshotState.COMPLETE,
                started_at=clock.now(),
                finished_at=clock.now(),
                accounts=ACCOUNTS,
                folders=grants // PER_FOLDER,
                grants=grants,
            )
        )
        session.flush()
        _fill(session, grants)
        match_persons(session, server.id)
        routing.recompute(session, server.id)
    with db.engine.begin() as connection:
        connection.execute(text("ANALYZE"))


def _fill(session: Session, grants: int) -> None:
    connection = session.connection()
    folders = (grants - WIDE) // PER_FOLDER
    accounts = (
        (1, f"a{n}", "person", True, "", f"p{n}@bench.example", "", 1) for n in range(ACCOUNTS)
    )
    bulk.insert(
        connection,
        "account",
        (
            "server_id",
            "name",
            "kind",
            "enabled",
            "display_name",
            "email",
            "note",
            "first_snapshot_id",
        ),
        accounts,
    )
    paths = ((1, f"/o{n % OWNERS:05}/f{n}", 1) for n in range(folders))
    bulk.insert(connection, "folder", ("server_id", "path", "first_snapshot_id"), paths)
    bulk.insert(
        connection, "folder", ("server_id", "path", "first_snapshot_id"), [(1, WIDE_FOLDER, 1)]
    )
    bulk.insert(connection, "source", ("server_id", "text"), [(1, "own entry")])
    owners = ((1, f"/o{n:05}", n + 1) for n in range(OWNERS))
    bulk.insert(connection, "folder_owner", ("server_id", "path", "person_id"), owners)
    bulk.insert(
        connection,
        "access_grant",
        (
            *("server_id", "account_id", "folder_id", "rights", "source_id", "first_snapshot_id"),
            *("native", "widened", "content_hash"),
        ),
        _grants(folders),
    )


def _grants(folders: int) -> Iterator[tuple[object, ...]]:
    number = 0
    for folder in range(folders):
        for step in range(PER_FOLDER):
            number += 1
            account = (folder * 7 + step * 13) % ACCOUNTS + 1
            yield (1, account, folder + 1, 3 + step, 1, 1, "", False, number * 2_654_435_761)
    for account in range(1, WIDE + 1):
        number += 1
        yield (1, account, folders + 1, 3, 1, 1, "", False, number * 2_654_435_761)


def measure(db: Database, grants: int) -> dict[str, object]:
    """Launch, board, the reviewer's pages and one bulk decision."""
    furnish(db, grants)
    bare = bare_insert_select(db)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    campaign_id = 0

    def launch() -> None:
        nonlocal campaign_id
        with db.transaction() as session:
            made = drafts.draft(
                Act(session, DIRECTOR, clock.now()),
                drafts.CampaignDraft(
                    "Million",
                    [1],
                    "/",
                    clock.now() + timedelta(days=14),
                    undo_minutes=60,
                ),
            )
            campaigns.launch(Act(session, DIRECTOR, clock.now()), made)
            campaign_id = made.id

    took = seconds(launch)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    with db.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return {
        "items": grants,
        "launch_seconds": took,
        "launch_ratio_to_bare_insert_select": bare / took,
        "launch_megabytes": round(grown / 1024),
        **_pages(db, campaign_id),
        **_bulk(db, campaign_id),
    }


def _pages(db: Database, campaign_id: int) -> dict[str, float]:
    with db.reading() as session:
        folder_id = session.scalars(select(Folder.id).where(Folder.path == WIDE_FOLDER)).one()
        mine = (Item.campaign_id == campaign_id, Item.folder_id == folder_id)
        reviewer_id = session.scalars(select(func.max(Item.reviewer_id)).where(*mine)).one()
        last = session.scalar(select(func.max(Item.sort_key)).where(*mine)) or 0
    assert reviewer_id

    def page(after: int) -> None:
        with db.reading() as session:
            found = queries.items_to_review(
                session, campaign_id, reviewer_id, folder_id, after=after
            )
            recommendations.hints_for(session, found.rows, now=clock.now())

    def board() -> None:
        with db.reading() as session:
            campaign = session.get_one(Campaign, campaign_id)
            queries.totals_of(session, campaign_id)
            queries.progress_board(session, campaign_id)
            queries.changes_by_state(session, campaign_id)
            approvals.count_waiting(session, campaign, clock.now())
            progress.servers(session, campaign_id)
            progress.folders(session, campaign_id, size=10)
            overdue.count_overdue(session, campaign, now=clock.now())
            monitoring.problems(session, campaign, now=clock.now() + timedelta(days=20))

    first = typical(lambda: page(0), rounds=20)
    late = typical(lambda: page(last - 50), rounds=20)
    return {
        "board_ms": typical(board, rounds=10) * 1000,
        "page_first_ms": first * 1000,
        "page_last_ms": late * 1000,
        "page_last_to_first": late / first,
    }


def _bulk(db: Database, campaign_id: int) -> dict[str, float]:
    """5,000 answers together, against one bare UPDATE of as many rows."""
    with db.reading() as session:
        folder_id = session.scalars(select(Folder.id).where(Folder.path == WIDE_FOLDER)).one()
        mine = (Item.campaign_id == campaign_id, Item.folder_id == folder_id)
        reviewer_id = session.scalars(select(func.max(Item.reviewer_id)).where(*mine)).one()
    actor = Actor("bench", Channel.WEB, Assurance.SIGNED_IN, person_id=reviewer_id)

    def update() -> None:
        with db.transaction() as session:
            session.execute(
                text("UPDATE item SET outcome = '' WHERE campaign_id = :c AND folder_id = :f"),
                {"c": campaign_id, "f": folder_id},
            )

    def together() -> None:
        with db.transaction() as session:
            campaign = session.get_one(Campaign, campaign_id)
            reply = Reply(Answer.KEEP, reason="bench")
            decisions.record_many(
                Act(session, actor, clock.now()), campaign, folder_id, None, reply
            )

    bare, took = typical(update), seconds(together)
    return {"bulk_of_5000_ms": took * 1000, "bulk_times_bare_update": took / bare}
