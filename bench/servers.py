"""Reading a server's folders, against getfacl alone on the same tree."""

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recert.connectors.contract import AccountFact
from recert.connectors.hosts import LocalHost
from recert.connectors.posix.permissions.identities import Identities, Identity
from recert.connectors.posix.permissions.scan import scan
from recert.connectors.posix.survey import Survey, View

FOLDERS, ACCOUNTS, DEPARTMENTS = 200_000, 2_000, 200
FIRST_ID = 3_000_000


@contextmanager
def big_tree() -> Iterator[Path]:
    """Departments with folders of their own group, each a thousand folders deep and wide; one in
    fifty has an ACL for a single account."""
    dice = random.Random(1)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        os.chmod(place, 0o755)
        for department in range(DEPARTMENTS):
            top = Path(place, f"department {department}")
            top.mkdir()
            gid = FIRST_ID + department
            for number in range(FOLDERS // DEPARTMENTS - 1):
                folder = top / f"year {number % 30}" / f"case {number}"
                folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                subprocess.run(["chown", "-R", f"0:{gid}", str(top)], check=True)
            subprocess.run(["chmod", "-R", "2770", str(top)], check=True)
            if dice.random() < 0.5:
                entry = f"u:{FIRST_ID + dice.randrange(ACCOUNTS)}:r-x"
                subprocess.run(["setfacl", "-n", "-m", f"{entry},m::rwx", str(top)], check=True)
        yield Path(place)


def survey(root: Path) -> Survey:
    """What a kind would say: many accounts in a few groups each, jailed in the tree."""
    dice = random.Random(2)
    known = []
    for number in range(ACCOUNTS):
        groups = frozenset(FIRST_ID + dice.randrange(DEPARTMENTS) for _ in range(3))
        known.append(Identity(f"account {number}", FIRST_ID + number, min(groups), groups))
    with LocalHost() as host:
        tree = scan(host, [str(root)])
    jails = {one.account: str(root) for one in known}
    return Survey(
        accounts=[AccountFact(one.account) for one in known],
        identities=Identities(known),
        tree=tree,
        views=[View(lambda now: jails)],
        group_name=str,
    )


def read_once(root: Path) -> dict[str, int]:
    """A whole reading; how much it found."""
    reading = survey(root).reading()
    grants = sum(1 for _ in reading.grants)
    assert not reading.problems, reading.problems
    return {"boundaries": len(reading.folders), "grants": grants}


def in_own_process(root: Path) -> dict[str, float]:
    """Seconds and the most memory (MB) of a reading in a fresh process."""
    code = (
        "import json, sys; from pathlib import Path; from bench.servers import report; "
        "print(json.dumps(report(Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def report(root: Path) -> dict[str, float]:
    """Measures one reading in this process."""
    start = time.perf_counter()
    found = read_once(root)
    taken = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": taken, "memory_mb": memory, **found}


def getfacl_alone(root: Path) -> float:
    """Seconds of the raw tool on the same tree."""
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        subprocess.run(["getfacl", "-R", "-n", "-p", str(root)], check=True, stdout=nowhere)
    return time.perf_counter() - start


def reading_ratio() -> dict[str, object]:
    """The smaller of three runs each, one after the other."""
    with big_tree() as root:
        getfacl_alone(root)
        raw = min(getfacl_alone(root) for _ in range(3))
        ours = [in_own_process(root) for _ in range(3)]
    best = min(ours, key=lambda one: one["seconds"])
    return {
        "folders": FOLDERS,
        "accounts": ACCOUNTS,
        "getfacl_s": raw,
        "reading_s": best["seconds"],
        "ratio": best["seconds"] / raw,
        "memory_mb": max(one["memory_mb"] for one in ours),
        "boundaries": best["boundaries"],
        "grants": best["grants"],
    }
