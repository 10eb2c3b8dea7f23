"""The owners of groups and service accounts: imports, confirmations, and their trail entries."""

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
    group_owners = {
        (existing.server_id, existing.name): existing
        for existing in act.session.scalars(select(GroupOwner))
    }
    addresses = {number: email for email, number in persons.items()}
    trail_rows, owners = [], []
    for row in rows:
        key = (servers[row.text("server")], row.text("group"))
        owner = group_owners.get(key)
        if owner is None:
            owner = group_owners[key] = GroupOwner(server_id=key[0], name=key[1])
            act.session.add(owner)
        earlier_persons = {owner.person_id, owner.substitute_id}
        earlier_owner = addresses.get(owner.person_id, "")
        earlier_substitute = addresses.get(owner.substitute_id or 0, "")
        owner.person_id = persons[row.text("owner_email")]
        if "substitute_email" in row.values:
            owner.substitute_id = persons.get(row.text("substitute_email"))
        owners += new_owners(
            owner, earlier_persons, f"owner of group {row.text('server')}:{key[1]}"
        )
        substitute = addresses.get(owner.substitute_id or 0, "")
        trail_rows.append(
            [*_trail_row(row, "group"), earlier_owner, earlier_substitute, substitute]
        )
    act.session.flush()
    note_own(act, AssignedBy.GROUP_OWNER, owners)
    # Server, group, owner now and before, substitute before and now.
    details = {"groups": len(rows), "rows": trail_rows}
    _note(act, details)
    return len(rows)


def import_service_accounts(act: Act, text: str) -> int:
    """Sets owner and purpose of service accounts from CSV; the number of rows. CsvRejected changes
    nothing."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows, servers, persons = checked(act.session, text, SERVICE_COLUMNS, "account")
    service_accounts = {
        (existing.server_id, existing.name): existing
        for existing in act.session.scalars(select(ServiceAccount))
    }
    addresses = {number: email for email, number in persons.items()}
    trail_rows, owners = [], []
    for row in rows:
        key = (servers[row.text("server")], row.text("account"))
        account = service_accounts.get(key)
        if account is None:
            account = service_accounts[key] = ServiceAccount(
                server_id=key[0], name=key[1], purpose=""
            )
            act.session.add(account)
        earlier_persons: set[int | None] = {account.person_id}
        earlier_owner, earlier_purpose = addresses.get(account.person_id, ""), account.purpose
        account.person_id = persons[row.text("owner_email")]
        if row.text("purpose"):
            account.purpose = row.text("purpose")
        owners += new_owners(
            account, earlier_persons, f"owner of account {row.text('server')}:{key[1]}"
        )
        trail_rows.append(
            [*_trail_row(row, "account"), earlier_owner, earlier_purpose, account.purpose]
        )
    act.session.flush()
    note_own(act, AssignedBy.SERVICE_OWNER, owners)
    # Server, account, owner now and before, purpose before and now.
    details = {"service_accounts": len(rows), "rows": trail_rows}
    _note(act, details)
    return len(rows)


def _note(act: Act, details: dict[str, Any]) -> None:
    trail.append_parts(
        act.session, Action.OWNERS_IMPORTED, "owners", details, "rows", actor=act.actor, at=act.now
    )


Owned = FolderOwner | GroupOwner | ServiceAccount
NewOwner = tuple[int, Owned, str]  # the person's id, the row, and a description of the ownership


def new_owners(row: Owned, earlier_persons: set[int | None], what: str) -> list[NewOwner]:
    """The persons who own something now and did not before."""
    substitute = None if isinstance(row, ServiceAccount) else row.substitute_id
    now = {row.person_id, substitute} - earlier_persons - {None}
    return [(number, row, what) for number in sorted(filter(None, now))]


def note_own(act: Act, kind: AssignedBy, owners: Iterable[NewOwner]) -> None:
    """Records those by which the actor may have made themselves a reviewer; rows are flushed."""
    assignments = ((number, row.id, what) for number, row, what in owners)
    self_assignment.note(act, kind, assignments)


def _trail_row(row: CsvRow, named: str) -> list[str]:
    return [row.text("server"), row.text(named), row.text("owner_email")]


def checked(
    session: Session, text: str, columns: Sequence[Column], named: str
) -> tuple[list[CsvRow], dict[str, int], dict[str, int]]:
    """The rows, and the ids of all servers and persons by name and address. CsvRejected lists
    every bad row."""
    rows = csv_rows.read(text, columns)
    one_at_a_time(session, "import owners")
    servers = {row.name: row.id for row in session.execute(select(Server.name, Server.id))}
    persons = {row.email: row.id for row in session.execute(select(Person.email, Person.id))}
    errors, keys = [], set[tuple[str, str]]()
    for row in rows:
        key = (row.text("server"), row.text(named))
        if key[0] not in servers:
            errors.append(RowError(row.line, "server", f"there is no server {key[0]!r}"))
        if key in keys:
            errors.append(RowError(row.line, named, f"{key[1]} stands twice"))
        keys.add(key)
        for column in ("owner_email", "substitute_email"):
            email = row.text(column)
            if email and email not in persons:
                errors.append(RowError(row.line, column, f"nobody has the address {email}"))
    if errors:
        raise CsvRejected(errors)
    return rows, servers, persons


def service_account(session: Session, account_id: int | None) -> ServiceAccount | None:
    """The register entry of a service account, None when there is none."""
    query = (
        select(ServiceAccount)
        .join(Account, Account.server_id == ServiceAccount.server_id)
        .where(Account.id == account_id, ServiceAccount.name == Account.name)
    )
    return session.scalar(query)


def purpose_of(session: Session, account_id: int | None) -> str:
    """The registered purpose of an account, "" when there is none."""
    account = service_account(session, account_id)
    return account.purpose if account else ""


def confirm_folder(act: Act, folder_owner_id: int, person_id: int) -> str:
    """Records that a person confirmed or took over the ownership of a folder. Returns a sentence
    about what changed."""
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
    """Records that a person confirmed or took over the ownership of a group. Returns a sentence
    about what changed."""
    group = act.session.get_one(Group, group_id)
    is_that_group = (GroupOwner.server_id == group.server_id, GroupOwner.name == group.name)
    owner = act.session.scalar(select(GroupOwner).where(*is_that_group))
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
    """Records that a person owns a service account, and its purpose where none is registered.
    Returns a sentence about what changed."""
    account = act.session.get_one(Account, account_id)
    service = service_account(act.session, account_id)
    if service is None:
        service = ServiceAccount(
            server_id=account.server_id, name=account.name, person_id=person_id, purpose=""
        )
        act.session.add(service)
        note = "The account has an owner now."
    else:
        note = _confirm(act.session, service, person_id, act.now)
    service.purpose = service.purpose or purpose.strip()[:LONGEST_PURPOSE]
    service.confirmed_at = act.now
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
