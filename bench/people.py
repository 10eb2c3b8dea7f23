"""Synchronising 100,000 people from a directory, against a bare paged loop of python-ldap in the
same run. By itself: python -m bench.people [COUNT]"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ldap
from ldap.controls import SimplePagedResultsControl

from recert.foundation import clock, schema
from recert.foundation.actor import operator
from recert.foundation.db import Database
from recert.people.synchronisation import register, runs
from recert.people.synchronisation.register import NewSource
from recert.trail.act import Act
from tests.support.databases import PostgresServer
from tests.support.directory import PEOPLE, DirectoryServer, Someone
from tests.support.slapd import PASSWORD, READER

PEOPLE_COUNT, TEAM = 100_000, 40
ATTRIBUTES = (
    *("GUID", "mail", "fullName", "displayName", "cn", "ou", "company", "manager"),
    *("preferredLanguage", "loginDisabled", "loginExpirationTime"),
)
FILTER = "(objectClass=inetOrgPerson)"
ACTOR = operator("bench")


def staff(count: int) -> list[Someone]:
    """People in teams; one in fifty is disabled."""
    return [
        Someone(
            f"Person {n}",
            f"person{n}@company.example",
            f"Person {n // TEAM}" if n else "",
            f"Department {n % 200}",
            more={"loginDisabled": "TRUE" if n % 50 == 7 else "FALSE"},
        )
        for n in range(count)
    ]


def bare_loop(url: str) -> int:
    """Every entry by pages, and nothing done with it."""
    connection = ldap.initialize(url)
    connection.simple_bind_s(READER, PASSWORD)
    control, count = SimplePagedResultsControl(True, size=500, cookie=""), 0
    while True:
        number = connection.search_ext(
            PEOPLE, ldap.SCOPE_SUBTREE, FILTER, ATTRIBUTES, serverctrls=[control]
        )
        _, found, _, controls = connection.result3(number)
        count += len(found)
        control.cookie = controls[0].cookie
        if not control.cookie:
            return count


def measured(act: Callable[[], object]) -> dict[str, float]:
    """Seconds, and by how many MiB the peak of this process grew."""
    before, started = _memory("VmRSS"), time.perf_counter()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the parent is inherited
    act()
    took = time.perf_counter() - started
    return {"seconds": round(took, 2), "mib": round((_memory("VmHWM") - before) / 1024, 1)}


def _memory(name: str) -> int:
    """A line of the kernel's account of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def child(what: str, url: str, database: str) -> None:
    """Prints one measurement of a process of its own, because a peak of memory never goes down."""
    if what == "bare":
        found = measured(lambda: bare_loop(url))
    else:
        db = Database(database)
        found = measured(lambda: runs.synchronise(db, "bench", actor=ACTOR, now=clock.now))
        db.dispose()
    print(json.dumps(found))


def _measure(what: str, url: str, database: str = "") -> dict[str, float]:
    command = [sys.executable, "-m", "bench.people", what, url, database]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(server: DirectoryServer, database: str, count: int) -> dict[str, Any]:
    """The first run, one without changes, one in which one percent changed department."""
    db = Database(database)
    schema.upgrade(db)
    with db.transaction() as session:
        settings = server.settings(seconds="60", start_tls="no")
        new = NewSource("bench", settings, str(server.secret), enabled=False)
        register.save(Act(session, ACTOR, clock.now()), new)
    db.dispose()
    bare = _measure("bare", server.url)
    first, again = (_measure("sync", server.url, database) for _ in range(2))
    return {
        "people": count,
        "bare_seconds": bare["seconds"],
        "bare_mib": bare["mib"],
        "first_seconds": first["seconds"],
        "first_mib": first["mib"],
        "unchanged_seconds": again["seconds"],
        "unchanged_mib": again["mib"],
        "first_to_bare": round(first["seconds"] / bare["seconds"], 1),
        "unchanged_to_bare": round(again["seconds"] / bare["seconds"], 1),
    }


def main(count: int) -> None:
    """One JSON line for each kind of database."""
    with (
        tempfile.TemporaryDirectory(prefix="recert-bench-") as folder,
        DirectoryServer(staff(count)) as server,
        PostgresServer() as postgres,
    ):
        urls = {
            "sqlite": f"sqlite:///{Path(folder, 'recert.sqlite3')}",
            "postgresql": postgres.create("bench"),
        }
        for kind, url in urls.items():
            found = measure(server, url, count)
            print(json.dumps({"bench": "people", "database": kind, **found}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        child(*sys.argv[1:4])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE_COUNT)
