"""Use cases of activity: read a log file from the last offset on, and store its sums."""

import gzip
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import IO, cast

from sqlalchemy import case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from recert import trail
from recert.activity.formats import FORMATS, Format, Sums, format_of
from recert.activity.models import ActivityLog, LastUse, Use
from recert.connectors import registry
from recert.connectors.contract import ConnectorError, LogSource
from recert.foundation.actor import Actor, system
from recert.foundation.db import AnyRow, Database, one_at_a_time
from recert.foundation.errors import BadInput, MovedMeanwhile
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Folder, Server
from recert.trail.actions import Action

BATCH = 5000
EVERY = timedelta(hours=1)
ACTOR = system("read transfer logs")

log = logging.getLogger(__name__)


class LogUnreadable(BadInput):
    """This log cannot be read."""


@dataclass(frozen=True)
class Loaded:
    """The counts of one reading of a log."""

    lines: int
    other: int  # no finished transfers
    kept: int  # accounts x folders x uses
    unknown: int  # of accounts or folders that the server does not have (any more)


def load(
    db: Database,
    server_id: int,
    file: Path,
    form: str,
    *,
    zone: tzinfo,
    roots: Mapping[str, str] | None = None,
    actor: Actor,
    now: datetime,
) -> Loaded:
    """Reads what is new in a log file. `roots` are the jails of accounts, where the log writes
    paths relative to them. A file that is read again counts once. The file is read outside of the
    transaction; MovedMeanwhile when another worker read it as well."""
    sums, reader = Sums(), format_of(form)
    with db.reading() as session:
        before = _known(session, server_id, file)
        offset_before, start = before.offset, before.offset
    try:
        with _opened(file) as content:
            mark = _mark(content)
            start = start if before.mark == mark else 0
            content.seek(start)
            end = start + _read(content, sums, reader)
    except OSError as error:
        raise LogUnreadable(f"{file}: {error.strerror or error}.") from error
    with db.transaction() as session:
        one_at_a_time(session, f"activity of server {server_id}")
        log_file = _known(session, server_id, file)
        if log_file.offset != offset_before:
            raise MovedMeanwhile
        rows, unknown = _resolved(session, server_id, sums, reader, zone, roots or {})
        _keep(session, rows)
        log_file.mark, log_file.offset, log_file.read_at = mark, end, now
        _cover(log_file, sums, reader, zone)
        session.add(log_file)
        if sums.lines:
            counts = {"lines": sums.lines, "kept": len(rows), "unknown": unknown}
            details = {"path": str(file), **counts}
            subject = f"server:{server_id}"
            trail.append(session, Action.ACTIVITY_LOADED, subject, details, actor=actor, at=now)
    return Loaded(sums.lines, sums.other, len(rows), unknown)


def read_due(db: Database, zone: tzinfo, *, now: datetime) -> int:
    """Reads the logs that servers on this machine name, each once an hour; how many."""
    return sum(read_server(db, server_id, zone, now=now) for server_id in servers_due(db, now=now))


def servers_due(db: Database, *, now: datetime) -> list[int]:
    """The servers on this machine whose logs were not read for an hour."""
    with db.reading() as session:
        last = func.max(ActivityLog.read_at)
        query = (
            select(Server, last)
            .outerjoin(ActivityLog, ActivityLog.server_id == Server.id)
            .group_by(Server.id)
            .order_by(Server.id)
        )
        return [row[0].id for row in session.execute(query) if _is_due(row[0], row[1], now)]


def _is_due(server: Server, last: datetime | None, now: datetime) -> bool:
    is_here = server.settings.get("transport", "local") == "local"
    return is_here and (last is None or now - last >= EVERY)


def read_server(db: Database, server_id: int, zone: tzinfo, *, now: datetime) -> int:
    """Reads the logs of one server; how many. One that cannot be read does not keep the others
    waiting."""
    with db.reading() as session:
        server = session.get_one(Server, server_id)
        kind, settings = server.kind, dict(server.settings)
    try:
        connector = registry.connect(kind, settings)
        sources = [source for source in connector.log_sources() if _is_file(source)]
        roots = connector.log_roots() if sources else {}
    except ConnectorError as error:
        log.info("The logs of %s are not read: %s", server.name, error)
        return 0
    done = 0
    for source in sources:
        try:
            path = Path(source.path)
            load(db, server.id, path, source.format, zone=zone, roots=roots, actor=ACTOR, now=now)
            done += 1
        except (LogUnreadable, MovedMeanwhile) as error:
            log.info("%s", error)
    return done


def is_known(source: LogSource) -> bool:
    """Whether this is a transfer log in a format that can be read."""
    return source.kind == "transfers" and source.format in FORMATS


def _is_file(source: LogSource) -> bool:
    return is_known(source) and source.path.startswith("/") and Path(source.path).is_file()


def _known(session: Session, server_id: int, file: Path) -> ActivityLog:
    path = os.fsencode(file.absolute()).decode(errors="backslashreplace")
    is_this_log = (ActivityLog.server_id == server_id, ActivityLog.path == path)
    log_file = session.scalar(select(ActivityLog).where(*is_this_log))
    return log_file or ActivityLog(server_id=server_id, path=path, mark="", offset=0)


def _opened(file: Path) -> IO[bytes]:
    if file.suffix == ".gz":
        return cast(IO[bytes], gzip.open(file, "rb"))
    return file.open("rb")


def _mark(content: IO[bytes]) -> str:
    return hashlib.sha256(content.readline(4096)).hexdigest()


def _read(content: IO[bytes], sums: Sums, reader: Format) -> int:
    """How many bytes of whole lines there were; the rest of a line comes with the next reading."""
    read = 0

    def whole() -> Iterator[bytes]:
        nonlocal read
        for line in content:
            if not line.endswith(b"\n"):
                return
            read += len(line)
            yield line

    sums.add(whole(), reader)
    return read


def _resolved(
    session: Session,
    server_id: int,
    sums: Sums,
    reader: Format,
    zone: tzinfo,
    roots: Mapping[str, str],
) -> tuple[list[dict[str, object]], int]:
    """The sums by the ids of accounts and boundaries, and how many uses match none. A name that
    two of them could have in the log is not guessed."""
    live = (Account.server_id == server_id, Account.gone_snapshot_id.is_(None))
    accounts = _names(session.execute(select(Account.id, Account.name).where(*live)), reader)
    live = (Folder.server_id == server_id, Folder.gone_snapshot_id.is_(None))
    folders = _names(session.execute(select(Folder.id, Folder.path).where(*live)), reader)
    jails = {reader.plain(os.fsencode(name)): os.fsencode(root) for name, root in roots.items()}
    uses: dict[tuple[int, int, Use], tuple[datetime, int]] = {}
    times: dict[bytes, datetime] = {}
    unknown = 0
    for (account, folder, use), (stamp, count) in sums.found.items():
        written_path = reader.plain(jails.get(account, b"").rstrip(b"/")) + folder
        account_id, folder_id = accounts.get(account), _nearest(written_path, folders)
        if account_id is None or folder_id is None:
            unknown += count
            continue
        at = times.get(stamp) or times.setdefault(stamp, reader.time(stamp, zone))
        key = (account_id, folder_id, use)
        before, more = uses.get(key, (at, 0))
        uses[key] = (max(before, at), more + count)
    rows = [
        {"account_id": key[0], "folder_id": key[1], "use": key[2], "at": at, "count": count}
        for key, (at, count) in uses.items()
    ]
    return rows, unknown


def _names(rows: Iterable[AnyRow], reader: Format) -> dict[bytes, int | None]:
    """Numbers by their names as the log writes them; None where two look the same."""
    numbers: dict[bytes, int | None] = {}
    for number, name in rows:
        written = reader.plain(os.fsencode(name))
        numbers[written] = None if written in numbers else number
    return numbers


def _nearest(folder: bytes, folders: Mapping[bytes, int | None]) -> int | None:
    """The boundary at or above a folder."""
    while folder not in folders:
        if folder in (b"", b"/"):
            return folders.get(b"/")
        folder = folder.rpartition(b"/")[0] or b"/"
    return folders[folder]


def _keep(session: Session, rows: list[dict[str, object]]) -> None:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    for start in range(0, len(rows), BATCH):
        insertion = dialect.insert(LastUse)
        newer = insertion.excluded.at > LastUse.at
        statement = insertion.on_conflict_do_update(
            index_elements=["account_id", "folder_id", "use"],
            set_={
                "at": case((newer, insertion.excluded.at), else_=LastUse.at),
                "count": LastUse.count + insertion.excluded.count,
            },
        )
        session.execute(statement, rows[start : start + BATCH])


def _cover(log_file: ActivityLog, sums: Sums, reader: Format, zone: tzinfo) -> None:
    if sums.first:
        first, last = reader.time(sums.first, zone), reader.time(sums.last, zone)
        log_file.since = min(log_file.since, first) if log_file.since else first
        log_file.until = max(log_file.until, last) if log_file.until else last


@job(Phase.SNAPSHOTS, 4)
def read_logs(context: JobContext) -> int:
    """Begins to read what is new in transfer logs."""
    now = context.now()
    read = partial(read_server, context.db, zone=context.settings.zone, now=now)
    for number in servers_due(context.db, now=now):
        context.servers.add(("read logs", number), partial(read, number))
    return 0  # a server without logs is due each time, so how many were begun means nothing
