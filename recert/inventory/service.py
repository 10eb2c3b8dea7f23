"""Use cases of the inventory: servers and owners. Snapshots have a module of their own."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.connectors import registry
from recert.connectors.contract import Connector
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotFound
from recert.inventory import owners, routing, snapshot_merge
from recert.inventory.models import FolderOwner, Server, Snapshot
from recert.people import csv_rows
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError, Column
from recert.people.models import AssignedBy
from recert.trail.act import Act
from recert.trail.actions import Action

AGAIN_AFTER = timedelta(hours=1)
LONGEST_LABEL = 64


class NoSuchServer(NotFound):
    """There is no server of this name. `recert server list` shows them."""


class ServerExists(BadInput):
    """There is already a server of this name. Choose another."""


def add_server(
    act: Act,
    name: str,
    kind: str,
    settings: Mapping[str, str],
    *,
    owner_id: int | None = None,
    storage: str = "",
) -> Server:
    """Registers a server. Nothing is read yet, and writing stays off until it is switched on."""
    act.actor.require(Role.ADMINISTRATOR)
    name = name.strip()
    if not name or not name.isprintable() or len(name) > 64:
        raise BadInput("A server needs a name of 1 to 64 printable characters.")
    registry.check_settings(kind, settings)
    one_at_a_time(act.session, "add server")
    if act.session.scalar(select(Server.id).where(Server.name == name)):
        raise ServerExists(f"Name: {name}.")
    server = Server(
        name=name, kind=kind, settings=dict(settings), owner_id=owner_id, created_at=act.now
    )
    server.storage = _label(storage)
    act.session.add(server)
    act.session.flush()
    details: dict[str, object] = {"name": name, "kind": kind, "settings": dict(settings)}
    if server.storage:
        details["storage"] = server.storage
    act.record(Action.SERVER_ADDED, f"server:{server.id}", details)
    return server


def enable_writes(act: Act, server: Server, enabled: bool) -> None:
    """Allows or forbids Recert to change the server."""
    act.actor.require(Role.ADMINISTRATOR)
    server.writes_enabled = enabled
    action = Action.SERVER_WRITES_ENABLED if enabled else Action.SERVER_WRITES_DISABLED
    act.record(action, f"server:{server.id}", {"name": server.name})


def _label(text: str) -> str:
    label = text.strip()
    if len(label) > LONGEST_LABEL or (label and not label.isprintable()):
        raise BadInput(f"A storage label has at most {LONGEST_LABEL} printable characters.")
    return label


def set_storage(act: Act, server: Server, storage: str) -> list[str]:
    """Says which storage a server shows (empty: its own); the names of the other servers that
    show the same."""
    act.actor.require(Role.ADMINISTRATOR)
    before, server.storage = server.storage, _label(storage)
    details = {"name": server.name, "before": before, "storage": server.storage}
    act.record(Action.SERVER_STORAGE_SET, f"server:{server.id}", details)
    act.session.flush()
    return same_storage(act.session, server)


def same_storage(session: Session, server: Server) -> list[str]:
    """The names of the other servers that show the same storage."""
    if not server.storage:
        return []
    others = (Server.storage == server.storage, Server.id != server.id)
    return list(session.scalars(select(Server.name).where(*others).order_by(Server.name)))


def want_snapshot(act: Act, server: Server) -> None:
    """Asks the worker for a snapshot; asking twice is asking once."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    not_yet_wanted = (Server.id == server.id, Server.snapshot_wanted_at.is_(None))
    act.session.execute(update(Server).where(*not_yet_wanted).values(snapshot_wanted_at=act.now))
    details = {"name": server.name}
    act.record(Action.SNAPSHOT_WANTED, f"server:{server.id}", details)


def want_snapshot_again(act: Act, server: Server) -> None:
    """Requests a snapshot for callers that repeat the request until there is one: at most once an
    hour."""
    last = select(func.max(Snapshot.started_at)).where(Snapshot.server_id == server.id)
    tried = act.session.scalar(last)
    if server.snapshot_wanted_at is None and (tried is None or act.now - tried > AGAIN_AFTER):
        want_snapshot(act, server)


def server_by_name(session: Session, name: str) -> Server:
    """The server, or NoSuchServer naming it."""
    server = session.scalar(select(Server).where(Server.name == name))
    if server is None:
        raise NoSuchServer(f"Asked for: {name!r}.")
    return server


def connector_of(server: Server) -> Connector:
    """The connector that speaks to a server."""
    return registry.connect(server.kind, dict(server.settings))


def _path(text: str) -> str:
    try:
        return clean_path(text)
    except BadInput as error:
        raise CellError(str(error)) from error


OWNER_COLUMNS = (
    Column("server", csv_rows.required_text),
    Column("folder", _path),
    Column("owner_email", clean_email),
    Column("substitute_email", lambda text: clean_email(text) if text else "", required=False),
    Column("classification", lambda text: text[:64], required=False),
)


def import_owners(act: Act, text: str) -> int:
    """Sets the owners of folders from CSV; the number of rows. CsvRejected changes nothing.
    Folders that the file does not name keep their owner."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows, servers, persons = owners.checked(act.session, text, OWNER_COLUMNS, "folder")
    known = {
        (owner.server_id, owner.path): owner for owner in act.session.scalars(select(FolderOwner))
    }
    addresses = {number: email for email, number in persons.items()}
    changed, more, assigned = [], [], []
    for row in rows:
        key = (servers[row.text("server")], row.text("folder"))
        owner = known.get(key)
        if owner is None:
            owner = known[key] = FolderOwner(server_id=key[0], path=key[1])
            act.session.add(owner)
        before = addresses.get(owner.person_id, "")
        if before != row.text("owner_email"):
            changed.append([row.text("server"), key[1], before, row.text("owner_email")])
        were = {owner.person_id, owner.substitute_id}
        owner.person_id = persons[row.text("owner_email")]
        was = (addresses.get(owner.substitute_id or 0, ""), owner.classification or "")
        if "substitute_email" in row.values:
            owner.substitute_id = persons.get(row.text("substitute_email"))
        what = f"owner of {row.text('server')}:{key[1]}"
        assigned += owners.new_owners(owner, were, what)
        if "classification" in row.values:
            owner.classification = row.text("classification")
        now_has = (addresses.get(owner.substitute_id or 0, ""), owner.classification or "")
        for name, old, new in zip(("substitute", "classification"), was, now_has, strict=True):
            if old != new:
                more.append([row.text("server"), key[1], name, old, new])
    act.session.flush()
    owners.note_own(act, AssignedBy.FOLDER_OWNER, assigned)
    for server_id in sorted({servers[row.text("server")] for row in rows}):
        snapshot_merge.match_persons(act.session, server_id)
        routing.recompute(act.session, server_id)
    named = (Action.OWNERS_IMPORTED, "owners")
    if more:  # server, folder, what, before and after
        details = {"rows": len(rows), "also_changed": more}
        trail.append_parts(
            act.session, *named, details, "also_changed", actor=act.actor, at=act.now
        )
    details = {"rows": len(rows), "changed": changed}  # server, folder, owner before and after
    trail.append_parts(act.session, *named, details, "changed", actor=act.actor, at=act.now)
    return len(rows)


def clean_path(text: str) -> str:
    """A folder path: absolute, `/` between names, no `.` or `..`, no trailing slash."""
    parts = [part for part in text.replace("\\", "/").split("/") if part]
    if not text.startswith(("/", "\\")) or any(part in (".", "..") for part in parts):
        raise BadInput(f"{text!r} is not an absolute folder path like /finance/in.")
    if not text.isprintable():
        raise BadInput(f"The folder path {text!r} contains control characters.")
    return "/" + "/".join(parts)
