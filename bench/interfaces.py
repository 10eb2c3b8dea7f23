"""Feeds and SCIM over one server with 100,000 accounts and 1,000,000 grants.

python -m bench.interfaces [GRANTS]
"""

import csv
import io
import json
import resource
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from sqlalchemy import text

from bench import million
from bench.yardstick import seconds, typical
from recert.app import create_app
from recert.foundation import clock
from recert.foundation.db import Database
from recert.foundation.settings import MailSettings, Settings
from recert.people import tokens
from recert.people.models import TokenScope
from recert.trail.act import Act
from tests.support.databases import PostgresServer

ACCOUNTS = 100_000
SCIM, FEEDS = "/scim/v2/servers/big", "/api/v1/identity-governance/servers/big"


def client_of(db: Database, home: Path) -> tuple[FlaskClient, dict[str, str]]:
    """A client of the application, and the header with its token."""
    mail = MailSettings("127.0.0.1", 1, sender="bench@bench.example", timeout=1)
    settings = Settings(
        home=home,
        database_url=str(db.url),
        base_url="http://localhost",
        mail=mail,
        zone=ZoneInfo("Europe/Berlin"),
        undo_minutes=60,
        secure_cookies=False,
    )
    with db.transaction() as session:
        act = Act(session, million.DIRECTOR, clock.now())
        ends = clock.now() + timedelta(days=1)
        secret = tokens.issue(act, "bench", [TokenScope.READ_ACCESS], ["big"], ends)
    return create_app(settings, db).test_client(), {"Authorization": f"Bearer {secret}"}


def bare_holders(db: Database) -> int:
    """The same rows by one query of the driver, written as CSV: the yardstick."""
    query = """SELECT f.path, g.rights, a.id FROM access_grant g
        JOIN account a ON a.id = g.account_id JOIN folder f ON f.id = g.folder_id
        WHERE g.server_id = 1 AND g.gone_snapshot_id IS NULL"""
    out, rows = io.StringIO(), 0
    writer = csv.writer(out)
    with db.engine.connect().execution_options(yield_per=5000) as connection:
        for row in connection.execute(text(query)):
            writer.writerow(row)
            rows += 1
            if out.tell() > 65536:
                out.seek(0)
                out.truncate()
    return rows


def streamed(ask: Callable[[], Any]) -> int:
    """Reads an answer block by block; how many bytes."""
    with ask() as answer:
        assert answer.status_code == 200, answer.text
        return sum(len(block) for block in answer.iter_encoded())


def measure(db: Database, grants: int, home: Path) -> dict[str, object]:
    """Times in seconds or milliseconds; memory is what the peak grew by, in MiB."""
    million.ACCOUNTS = ACCOUNTS
    million.furnish(db, grants)
    client, header = client_of(db, home)

    def get(path: str) -> Any:
        return client.get(path, headers=header, buffered=False)

    def milliseconds(path: str, rounds: int = 10) -> float:
        return round(typical(lambda: streamed(lambda: get(path)), rounds=rounds) * 1000, 1)

    def accounts() -> Any:
        return get(f"{FEEDS}/accounts.csv")

    bare = seconds(lambda: bare_holders(db))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = seconds(lambda: streamed(lambda: get(f"{FEEDS}/holders.csv")))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    by_name = f'{SCIM}/Users?filter=userName eq "a{ACCOUNTS // 2}"'
    return {
        "grants": grants,
        "holders_seconds": round(took, 2),
        "holders_to_bare": round(took / bare, 2),
        "holders_mib": round(grown / 1024, 1),
        "accounts_seconds": round(
            seconds(lambda: streamed(lambda: get(f"{FEEDS}/accounts.csv"))), 2
        ),
        "scim_by_name_ms": milliseconds(by_name),
        "scim_page_of_999_ms": milliseconds(f"{SCIM}/Users?count=999", 3),
        "scim_last_page_ms": milliseconds(f"{SCIM}/Users?count=999&startIndex={ACCOUNTS - 998}", 3),
        "scim_groups_ms": milliseconds(f"{SCIM}/Groups?count=999&excludedAttributes=members", 1),
    }


def main(grants: int) -> None:
    """One JSON line for each kind of database."""
    with tempfile.TemporaryDirectory(prefix="recert-bench-") as folder, PostgresServer() as server:
        urls = {
            "sqlite": f"sqlite:///{Path(folder, 'recert.sqlite3')}",
            "postgresql": server.create("bench"),
        }
        for kind, url in urls.items():
            db = Database(url)
            found = measure(db, grants, Path(folder))
            print(json.dumps({"bench": "interfaces", "database": kind, **found}), flush=True)
            db.dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
