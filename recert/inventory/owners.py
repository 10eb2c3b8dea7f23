"""Who answers for groups and for service accounts, and when owners last said that they do."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.actor import Actor, Role
from recert.foundation.db import one_at_a_time
from recert.inventory import routing
from recert.inventory.models import (
    Account,
    FolderOwner,
    Group,
    GroupOwner,
    Server,
    ServiceAccount,
)
from recert.people import csv_rows, self_assignment
from recert.people.addresses import clean_email
from recert.people.csv_rows import Column, CsvRejected, CsvRow, RowError
from recert.people.models import AssignedBy, Person
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST_PURPOSE = 1000
GROUP_COLUMNS = (
    Column("server", csv_rows.required_text),
    Column("group", csv_rows.required_text),
    Column("owner_email", clean_email),
    Column("substitute_email", lambda text: clean_email(text) if text else "", required=False),
)
SERVICE_COLUMNS = (
    Column("server", csv_rows.required_text),
    Column("account", csv_rows.required_text),
    Column("owner_email", clean_email),
    Column("purpose", lambda text: text[:LONGEST_PURPOSE], required=False),
)


def import_group_owners(act: Act, text: str) -> int:
    """Sets the owners of groups from CSV; the number of rows. CsvRejected changes nothing.
    Groups that the file does not name keep their owner."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows, servers, persons = checked(act.session, text, GROUP_COLUMNS, "group")
    known = {(one.server_id, one.name): one for one in act.session.scalars(select(GroupOwner))}
    addresses = {number: email for email, number in persons.items()}
    told, owners = [], []
    for row in rows:
        key = (servers[row.text("server")], row.text("group"))
        owner = known.get(key)
        if owner is None:
            owner = known[key] = GroupOwner(server_id=key[0], name=key[1])
            act.session.add(owner)
        were = {owner.person_id, owner.substitute_id}
        was = addresses.get(owner.person_id, "")
        stood_in = addresses.get(owner.substitute_id or 0, "")
        owner.person_id = persons[row.text("owner_email")]
        if "substitute_email" in row.values:
            owner.substitute_id = persons.get(row.text("substitute_email"))
        owners += new_owners(owner, were, f"owner of group {row.text('server')}:{key[1]}")
        stands_in = addresses.get(owner.substitute_id or 0, "")
        told.append([*_said(row, "group"), was, stood_in, stands_in])
    act.session.flush()
    note_own(act, AssignedBy.GROUP_OWNER, owners)
    # Server, group, owner now and before, substitute before and now.
    details = {"groups": len(rows), "rows": told}
    _note(act, details)
    return len(rows)


def import_service_accounts(act: Act, text: str) -> int:
    """Says of service accounts who answers for them and what they are for, from CSV; the number
    of rows. CsvRejected changes nothing."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows, servers, persons = checked(act.session, text, SERVICE_COLUMNS, "account")
    known = {(one.server_id, one.name): one for one in act.session.scalars(select(ServiceAccount))}
    addresses = {number: email for email, number in persons.items()}
    told, owners = [], []
    for row in rows:
        key = (servers[row.text("server")], row.text("account"))
        found = known.get(key)
        if found is None:
            found = known[key] = ServiceAccount(server_id=key[0], name=key[1], purpose="")
            act.session.add(found)
        were: set[int | None] = {found.person_id}
        was, purpose = addresses.get(found.person_id, ""), found.purpose
        found.person_id = persons[row.text("owner_email")]
        if row.text("purpose"):
            found.purpose = row.text("purpose")
        owners += new_owners(found, were, f"owner of account {row.text('server')}:{key[1]}")
        told.append([*_said(row, "account"), was, purpose, found.purpose])
    act.session.flush()
    note_own(act, AssignedBy.SERVICE_OWNER, owners)
    # Server, account, owner now and before, purpose before and now.
    details = {"service_accounts": len(rows), "rows": told}
    _note(act, details)
    return len(rows)


def _note(act: Act, details: dict[str, Any]) -> None:
    trail.append_parts(
        act.session, Action.OWNERS_IMPORTED, "owners", details, "rows", actor=act.actor, at=act.now
    )


Owned = FolderOwner | GroupOwner | ServiceAccount
NewOwner = tuple[int, Owned, str]  # the person, the row, and both in words


def new_owners(row: Owned, were: set[int | None], what: str) -> list[NewOwner]:
    """Who answers for something now and did not before."""
    substitute = None if isinstance(row, ServiceAccount) else row.substitute_id
    now = {row.person_id, substitute} - were - {None}
    return [(number, row, what) for number in sorted(filter(None, now))]


def note_own(act: Act, kind: AssignedBy, owners: Iterable[NewOwner]) -> None:
    """Records those by which the actor may have made themselves a reviewer; rows are flushed."""
    made = ((number, row.id, what) for number, row, what in owners)
    self_assignment.note(act, kind, made)


def _said(row: CsvRow, named: str) -> list[str]:
    return [row.text("server"), row.text(named), row.text("owner_email")]


def checked(
    session: Session, text: str, columns: Sequence[Column], named: str
) -> tuple[list[CsvRow], dict[str, int], dict[str, int]]:
    """The rows, the servers and the persons they speak of; CsvRejected names every bad one."""
    rows = csv_rows.read(text, columns)
    one_at_a_time(session, "import owners")
    servers = {row.name: row.id for row in session.execute(select(Server.name, Server.id))}
    persons = {row.email: row.id for row in session.execute(select(Person.email, Person.id))}
    errors, seen = [], set[tuple[str, str]]()
    for row in rows:
        key = (row.text("server"), row.text(named))
        if key[0] not in servers:
            errors.append(RowError(row.line, "server", f"there is no server {key[0]!r}"))
        if key in seen:
            errors.append(RowError(row.line, named, f"{key[1]} stands twice"))
        seen.add(key)
        for column in ("owner_email", "substitute_email"):
            email = row.text(column)
            if email and email not in persons:
                errors.append(RowError(row.line, column, f"nobody has the address {email}"))
    if errors:
        raise CsvRejected(errors)
    return rows, servers, persons


def service_account(session: Session, account_id: int | None) -> ServiceAccount | None:
    """What is written down about a service account."""
    query = (
        select(ServiceAccount)
        .join(Account, Account.server_id == ServiceAccount.server_id)
        .where(Account.id == account_id, ServiceAccount.name == Account.name)
    )
    return session.scalar(query)


def purpose_of(session: Session, account_id: int | None) -> str:
    """What an account is for; "" when nobody has said so."""
    found = service_account(session, account_id)
    return found.purpose if found else ""


def confirm_folder(act: Act, folder_owner_id: int, person_id: int) -> str:
    """Somebody answers for a folder, from now on or still. What changed, in words."""
    owner = act.session.get_one(FolderOwner, folder_owner_id)
    note = _confirm(act.session, owner, person_id, act.now)
    if note:
        new = [(person_id, owner, f"owner of {owner.path}")]
        note_own(act, AssignedBy.FOLDER_OWNER, new)
        owner.substitute_id = None if owner.substitute_id == person_id else owner.substitute_id
        routing.recompute(act.session, owner.server_id)
        _tell(act.session, owner.server_id, owner.path, person_id, act.actor, act.now)
    return note or "The owner is confirmed."


def confirm_group(act: Act, group_id: int, person_id: int) -> str:
    """The same for a group."""
    group = act.session.get_one(Group, group_id)
    here = (GroupOwner.server_id == group.server_id, GroupOwner.name == group.name)
    owner = act.session.scalar(select(GroupOwner).where(*here))
    if owner is None:
        owner = GroupOwner(server_id=group.server_id, name=group.name, person_id=person_id)
        act.session.add(owner)
        note = "The group has an owner now."
    else:
        note = _confirm(act.session, owner, person_id, act.now)
    owner.confirmed_at = act.now
    if note:
        _tell(act.session, group.server_id, f"group {group.name}", person_id, act.actor, act.now)
    return note or "The owner is confirmed."


def confirm_service(act: Act, account_id: int, person_id: int, purpose: str) -> str:
    """Somebody answers for a service account and has said what it is for."""
    account = act.session.get_one(Account, account_id)
    found = service_account(act.session, account_id)
    if found is None:
        found = ServiceAccount(
            server_id=account.server_id, name=account.name, person_id=person_id, purpose=""
        )
        act.session.add(found)
        note = "The account has an owner now."
    else:
        note = _confirm(act.session, found, person_id, act.now)
    found.purpose = found.purpose or purpose.strip()[:LONGEST_PURPOSE]
    found.confirmed_at = act.now
    if note:
        _tell(
            act.session, account.server_id, f"account {account.name}", person_id, act.actor, act.now
        )
    return note or "The owner is confirmed."


def _confirm(session: Session, owner: Any, person_id: int, now: datetime) -> str:
    before, owner.confirmed_at = owner.person_id, now
    if before == person_id:
        return ""
    owner.person_id = person_id
    was, is_now = session.get_one(Person, before), session.get_one(Person, person_id)
    return f"{is_now.name} answers for it instead of {was.name}."


def _tell(
    session: Session, server_id: int, what: str, person_id: int, actor: Actor, now: datetime
) -> None:
    server, person = session.get_one(Server, server_id), session.get_one(Person, person_id)
    details = {"server": server.name, "what": what, "owner": person.email}
    trail.append(session, Action.OWNER_CHANGED, f"server:{server_id}", details, actor=actor, at=now)
