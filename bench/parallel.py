"""Many servers, one of which hangs: read at the same time, against one after the other. And a
thousand orders on one server, with its surveys counted."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bench.yardstick import seconds
from recert.changes import execution, requests
from recert.changes.models import Order, OrderState
from recert.connectors.posix.permissions import scan
from recert.foundation import schema
from recert.foundation.actor import operator
from recert.foundation.db import Database
from recert.foundation.jobs.threads import Threads
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot, SnapshotState
from recert.trail.act import Act

DIRECTOR = operator("bench")
SERVERS, HANGING, ANSWER_AFTER = 50, 7, 0.25  # a machine far away: seconds for one answer
FOLDERS, ACCOUNTS, ORDERS = 500, 20, 1000
FIRST_ID = 3_500_000


def now() -> datetime:
    return datetime.now(UTC)


class SlowDisks:
    """Exports on disks that take a while to answer; one does not answer at all until `go_on`."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.go_on = folder, threading.Event()
        self.hangs = False
        self._real = os.open
        for number in range(count):
            rows = "".join(f"/a{n},ann,read\n" for n in range(20))
            self.file(number).write_text(f"folder,principal,rights\n{rows}")

    def file(self, number: int) -> Path:
        """The export of one server."""
        return self.folder / f"export {number}.csv"

    def open(self, path: Any, *more: Any, **others: Any) -> int:
        """In the place of `os.open`."""
        if str(path).startswith(str(self.folder / "export")):
            if self.hangs and str(path) == str(self.file(HANGING)):
                self.go_on.wait()
            else:
                time.sleep(ANSWER_AFTER)
        return self._real(path, *more, **others)


@contextmanager
def slow_disks(folder: Path, count: int) -> Iterator[SlowDisks]:
    disks = SlowDisks(folder, count)
    real, os.open = os.open, disks.open  # type: ignore[assignment]
    try:
        yield disks
    finally:
        os.open = real
        disks.go_on.set()


def reading(db: Database, folder: Path, at_once: int) -> dict[str, object]:
    """Seconds for all servers one after the other, at the same time, and with one that hangs."""
    schema.upgrade(db)
    folder.mkdir()
    with slow_disks(folder, SERVERS) as disks:
        numbers = [_server(db, disks, number) for number in range(SERVERS)]

        def take(number: int) -> None:
            snapshots.take(db, number, actor=DIRECTOR, now=now)

        one_by_one = seconds(lambda: [take(number) for number in numbers])
        together = seconds(lambda: _together(numbers, take, at_once).wait())
        disks.hangs = True
        jobs: list[Threads] = []

        def until_the_others_are_read() -> None:
            before = _complete(db)
            jobs.append(_together(numbers, take, at_once))
            while _complete(db) < before + SERVERS - 1:
                time.sleep(0.02)

        with_one_hanging = seconds(until_the_others_are_read)
        disks.go_on.set()
        jobs[0].wait()
    return {
        "servers": SERVERS,
        "at_once": at_once,
        "one_after_the_other_s": one_by_one,
        "together_s": together,
        "times_faster": one_by_one / together,
        "others_while_one_hangs_s": with_one_hanging,
        "delay_by_the_hanging_one": with_one_hanging / together,
    }


def _together(numbers: list[int], take: Any, at_once: int) -> Threads:
    jobs = Threads(at_once)
    for number in numbers:
        jobs.add(("read", number), lambda number=number: take(number))
    return jobs


def _complete(db: Database) -> int:
    with db.reading() as session:
        state = Snapshot.state == SnapshotState.COMPLETE
        return session.scalar(select(func.count()).select_from(Snapshot).where(state)) or 0


def _server(db: Database, disks: SlowDisks, number: int) -> int:
    settings = {"file": str(disks.file(number)), "complete": "yes"}
    with db.transaction() as session:
        name, who = f"far {number}", DIRECTOR
        return inventory.add_server(Act(session, who, now()), name, "csv", settings).id


@contextmanager
def real_tree() -> Iterator[Path]:
    """Folders of an SFTP server, every second one open to all; needs root for their owner."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="recert-bench-") as place:
        os.chmod(place, 0o755)
        root = Path(place, "tree")
        for number in range(FOLDERS):
            folder = root / f"department {number % 10}" / f"folder {number}"
            folder.mkdir(parents=True)
            folder.chmod(0o777 if number % 2 else 0o755)
        yield root


@contextmanager
def accounts() -> Iterator[list[str]]:
    """Users of this machine; gone afterwards."""
    names = [f"rctbench{number}" for number in range(ACCOUNTS)]
    try:
        for number, name in enumerate(names):
            command = ["useradd", "-M", "-N", "-o", "-u", str(FIRST_ID + number), name]
            subprocess.run(command, check=True, capture_output=True)
            subprocess.run(["chpasswd"], input=f"{name}:bench\n".encode(), check=True)
        yield names
    finally:
        for name in names:
            subprocess.run(["userdel", name], check=False, capture_output=True)


def thousand_orders(db: Database, folder: Path) -> dict[str, object]:
    """Seconds and surveys of a run over a thousand orders on one sshd's tree."""
    if os.geteuid() != 0 or not shutil.which("useradd"):
        return {"not_measured": "needs root and useradd"}
    folder.mkdir(exist_ok=True)
    config = folder / "sshd_config"
    lines = ["Subsystem sftp internal-sftp", "PasswordAuthentication yes", "PidFile none"]
    config.write_text("\n".join(lines) + "\n")
    with real_tree() as root, accounts() as names:
        server_id = _sshd(db, config, root)
        one_survey = seconds(lambda: snapshots.take(db, server_id, actor=DIRECTOR, now=now))
        count = _order(db, server_id, names)
        walks = _Walks()
        with walks.counted():
            took = seconds(lambda: execution.run_server(db, server_id, now=now))
        with db.reading() as session:
            mine = (Order.server_id == server_id, Order.state == OrderState.VERIFIED)
            verified = session.scalar(select(func.count()).select_from(Order).where(*mine))
    return {
        "orders": count,
        "verified": verified,
        "surveys": walks.count,
        "seconds": took,
        "milliseconds_each": 1000 * took / count,
        "one_snapshot_s": one_survey,
    }


class _Walks:
    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Counts walks over all folders of a machine."""
        real = scan._scanned

        def counting(*given: Any) -> scan.Tree:
            self.count += 1
            return real(*given)

        scan._scanned = counting
        try:
            yield
        finally:
            scan._scanned = real


def _sshd(db: Database, config: Path, root: Path) -> int:
    settings = {"config": str(config), "root": str(root)}
    with db.transaction() as session:
        made = inventory.add_server(
            Act(session, DIRECTOR, now()), "bench sftp", "openssh", settings
        )
        inventory.enable_writes(Act(session, DIRECTOR, now()), made, True)
        return made.id


def _order(db: Database, server_id: int, names: list[str]) -> int:
    query = (
        select(Grant.account_id, Grant.folder_id, Grant.rights)
        .join(Account, Account.id == Grant.account_id)
        .join(Folder, Folder.id == Grant.folder_id)
        .where(Grant.server_id == server_id, Account.name.in_(names))
        .where(Folder.path.like("%/folder %"))
        .order_by(Folder.path, Account.name)
        .limit(ORDERS)
    )
    with db.transaction() as session:
        assert session.get_one(Server, server_id).writes_enabled
        rows = session.execute(query).all()
        for number, row in enumerate(rows):
            requests.propose(Act(session, DIRECTOR, now()), f"bench:{number}", *row, 0)
    return len(rows)
