"""The accounts of a server as rows that can be filtered, sorted and paged in the database: those of
the newest snapshot, and those that an identity system ordered and no snapshot has yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from recert.foundation.db import AnyRow, Moment
from recert.inventory import queries as inventory
from recert.inventory.models import Account, Server, Snapshot
from recert.lifecycle.models import ProvisionedAccount
from recert.lifecycle.since_snapshot import Since, since_snapshot
from recert.people.models import Person


class AccountRows:
    """The accounts of one server. `columns` can be compared and sorted by; their names are those
    of SCIM in lower case."""

    def __init__(self, session: Session, server: Server) -> None:
        self._session = session
        since = since_snapshot(session, server)
        opened = [name for name, is_open in since.open.items() if is_open]
        newest = inventory.last_complete(session, server.id)
        read_at = newest.finished_at if newest else None
        both = union_all(_known(server, since, read_at), _pending(server, opened))
        self._rows: Subquery = both.subquery()

    @property
    def columns(self) -> Mapping[str, ColumnElement[Any]]:
        """What can be filtered and sorted by."""
        rows = self._rows.c
        return {
            "id": rows.id,
            "username": rows.name,
            "displayname": rows.display,
            "emails": rows.email,
            "emails.value": rows.email,
            "active": rows.active,
            "externalid": rows.external_id,
            "meta.created": rows.created_at,
            "meta.lastmodified": rows.changed_at,
        }

    def one(self, account_id: str) -> AnyRow | None:
        """The account with this id."""
        query = select(self._rows).where(self._rows.c.id == account_id)
        return self._session.execute(query).one_or_none()

    def page(
        self,
        where: ColumnElement[bool] | None,
        first_by: ColumnElement[Any] | None,
        start: int,
        count: int | None,
    ) -> tuple[int, Sequence[AnyRow]]:
        """How many accounts fit, and one page of them. The order never changes between pages: by
        id where nothing else is asked for or tells two apart."""
        query: Select[Any] = select(self._rows)
        if where is not None:
            query = query.where(where)
        total = self._session.scalar(select(func.count()).select_from(query.subquery())) or 0
        order: list[ColumnElement[Any]] = [self._rows.c.part, self._rows.c.number]
        if first_by is not None:
            order.insert(0, first_by)
        rows = self._session.execute(query.order_by(*order).offset(start).limit(count)).all()
        return total, rows


def _known(server: Server, since: Since, read_at: datetime | None) -> Select[Any]:
    """Accounts of the newest snapshot. What the identity system deleted stays closed on the server
    and is not its any more."""
    profile, removed = aliased(ProvisionedAccount), _removed(server)
    opened = [name for name, is_open in since.open.items() if is_open]
    closed = [name for name, is_open in since.open.items() if not is_open]
    active = case(
        (Account.name.in_(opened), True), (Account.name.in_(closed), False), else_=Account.enabled
    )
    mine = and_(
        profile.server_id == server.id, profile.name == Account.name, profile.removed_at.is_(None)
    )
    display = func.coalesce(func.nullif(profile.display_name, ""), Account.display_name)
    email = func.coalesce(Person.email, func.nullif(Account.email, ""), profile.email, literal(""))
    number = case(
        (profile.order_id.is_not(None), literal("p") + cast(profile.id, String)),
        else_=literal("a") + cast(Account.id, String),
    )
    return (
        select(
            literal(0).label("part"),
            Account.id.label("number"),
            number.label("id"),
            Account.name.label("name"),
            display.label("display"),
            email.label("email"),
            active.label("active"),
            func.coalesce(profile.external_id, literal("")).label("external_id"),
            Snapshot.finished_at.label("created_at"),
            func.coalesce(profile.changed_at, literal(read_at, Moment)).label("changed_at"),
            profile.document.label("document"),
        )
        .join(Snapshot, Snapshot.id == Account.first_snapshot_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(profile, mine)
        .outerjoin(removed, removed.c.name == Account.name)
        .where(Account.server_id == server.id, Account.gone_snapshot_id.is_(None))
        .where(or_(removed.c.name.is_(None), profile.id.is_not(None), active.is_(True)))
    )


def _removed(server: Server) -> Subquery:
    """Names of accounts that the identity system deleted."""
    here = (ProvisionedAccount.server_id == server.id, ProvisionedAccount.removed_at.is_not(None))
    return select(ProvisionedAccount.name).where(*here).distinct().subquery()


def _pending(server: Server, opened: Sequence[str]) -> Select[Any]:
    """Accounts that were ordered, and that no snapshot has yet."""
    live = select(Account.id).where(
        Account.server_id == server.id,
        Account.name == ProvisionedAccount.name,
        Account.gone_snapshot_id.is_(None),
    )
    return select(
        literal(1).label("part"),
        cast(ProvisionedAccount.id, Integer).label("number"),
        (literal("p") + cast(ProvisionedAccount.id, String)).label("id"),
        ProvisionedAccount.name,
        ProvisionedAccount.display_name,
        ProvisionedAccount.email,
        case((ProvisionedAccount.name.in_(opened), True), else_=False),
        ProvisionedAccount.external_id,
        ProvisionedAccount.created_at,
        ProvisionedAccount.changed_at,
        ProvisionedAccount.document,
    ).where(
        ProvisionedAccount.server_id == server.id,
        ProvisionedAccount.removed_at.is_(None),
        ProvisionedAccount.order_id.is_not(None),
        ~live.exists(),
    )
