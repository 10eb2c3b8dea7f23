"""The persons of accounts, stated by people where the server does not know a mail address."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.foundation.actor import Role
from recert.foundation.db import AnyRow, one_at_a_time
from recert.foundation.errors import BadInput
from recert.inventory import snapshot_merge
from recert.inventory.models import Account, AccountCandidate, AccountPerson, Server
from recert.inventory.service import server_by_name
from recert.people import csv_rows
from recert.people.addresses import clean_email
from recert.people.csv_rows import Column, CsvRejected, RowError
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action

COLUMNS = (
    Column("server", csv_rows.required_text),
    Column("account", csv_rows.required_text),
    Column("person_email", lambda text: clean_email(text) if text else ""),
)


def import_joins(act: Act, text: str) -> int:
    """Joins accounts to persons from CSV; without an address it is stated that an account belongs
    to nobody Recert knows. The number of rows. CsvRejected changes nothing."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    rows = csv_rows.read(text, COLUMNS)
    servers = {row.name: row.id for row in act.session.execute(select(Server.name, Server.id))}
    persons = {row.email: row.id for row in act.session.execute(select(Person.email, Person.id))}
    errors = []
    for row in rows:
        if row.text("server") not in servers:
            why = f"there is no server {row.text('server')!r}"
            errors.append(RowError(row.line, "server", why))
        email = row.text("person_email")
        if email and email not in persons:
            errors.append(RowError(row.line, "person_email", f"nobody has the address {email}"))
    if errors:
        raise CsvRejected(errors)
    joins = [
        (servers[row.text("server")], row.text("account"), persons.get(row.text("person_email")))
        for row in rows
    ]
    _join(act, joins)
    return len(rows)


def join(act: Act, server: str, account: str, email: str) -> None:
    """Joins one account to the person with an address, or with "" to nobody."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    on_server = server_by_name(act.session, server)
    wanted = email.strip().lower()
    person = act.session.scalar(select(Person).where(Person.email == wanted)) if wanted else None
    if wanted and person is None:
        raise BadInput(f"Nobody has the address {email!r}.")
    _join(act, [(on_server.id, account, person.id if person else None)])


def join_by_program(act: Act, server: Server, account: str, person_id: int | None) -> None:
    """What an identity system states about an account; its access token is the permission."""
    _join(act, [(server.id, account, person_id)])


def _join(act: Act, joins: Sequence[tuple[int, str, int | None]]) -> None:
    one_at_a_time(act.session, "join accounts")
    known = {(one.server_id, one.name): one for one in act.session.scalars(select(AccountPerson))}
    emails = {row.id: row.email for row in act.session.execute(select(Person.id, Person.email))}
    changed = []
    for server_id, name, person_id in joins:
        one = known.get((server_id, name))
        before = emails.get(one.person_id, "") if one and one.person_id else ""
        if one is None:
            one = known[server_id, name] = AccountPerson(server_id=server_id, name=name)
            act.session.add(one)
        one.person_id, one.set_by, one.set_at = person_id, act.actor.name, act.now
        changed.append([server_id, name, before, emails.get(person_id, "") if person_id else ""])
    act.session.flush()
    for server_id in sorted({server_id for server_id, _, _ in joins}):
        snapshot_merge.match_persons(act.session, server_id)
    details = {"changed": changed}  # server, account, person before and after
    act.record(Action.ACCOUNTS_JOINED, "accounts", details)


def unresolved(session: Session, size: int = 200) -> Sequence[AnyRow]:
    """Accounts without a person that may belong to somebody with a login of the same name."""
    query = (
        select(
            Server.name.label("server"),
            Account.name.label("account"),
            func.min(Person.name).label("person"),
            func.min(Person.email).label("email"),
            func.count().label("candidates"),
        )
        .join(AccountCandidate, AccountCandidate.account_id == Account.id)
        .join(Person, Person.id == AccountCandidate.person_id)
        .join(Server, Server.id == Account.server_id)
        .where(Account.gone_snapshot_id.is_(None))
        .group_by(Server.name, Account.name)
        .order_by(Server.name, Account.name)
    )
    return session.execute(query.limit(size)).all()
