"""CSV feeds for collectors: accounts, permissions, and who holds which permission.

Columns have the names of the collector's views, so that nothing has to be mapped. Times are
milliseconds since 1970. The rows are streamed from one state of the database.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from flask import Response
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.api.access import database, for_token
from recert.api.errors import json_blueprint
from recert.foundation.errors import NotFound
from recert.inventory import queries as inventory
from recert.inventory.models import Server
from recert.inventory.service import server_by_name
from recert.lifecycle import current_access
from recert.lifecycle.entitlements import FolderAccess
from recert.people.models import TokenScope

bp = json_blueprint("identity_governance_feeds", __name__)
PATH = "/api/v1/identity-governance/servers/<server>"
BLOCK = 64 * 1024

Rows = Iterable[Sequence[str]]


class NotReadYet(NotFound):
    """The server has no complete snapshot yet, so nothing about it is known."""


@bp.get(f"{PATH}/accounts.csv")
@for_token(TokenScope.READ_ACCESS)
def accounts(server: str) -> ResponseReturnValue:
    """Every account: without a holder as well, since those are reviewed too."""
    header = ("accountId", "name", "description", "userLink", "type", "disabled", "lastLogin")
    return _feed(server, "accounts", (*header, "expires", "note"), _accounts)


@bp.get(f"{PATH}/permissions.csv")
@for_token(TokenScope.READ_ACCESS)
def permissions(server: str) -> ResponseReturnValue:
    """Everything that can be held on the server."""
    header = ("permissionId", "name", "description", "type", "provNativeValue")
    return _feed(server, "permissions", header, _permissions)


@bp.get(f"{PATH}/holders.csv")
@for_token(TokenScope.READ_ACCESS)
def holders(server: str) -> ResponseReturnValue:
    """One row for each permission of each account (view permission_to_holders)."""
    return _feed(server, "holders", ("permissionId", "holderLink"), _holders)


def _accounts(session: Session, server: Server) -> Rows:
    for account in current_access.accounts(session, server):
        yield (
            account.id,
            account.name,
            account.display_name,
            account.email,
            account.kind,
            "false" if account.enabled else "true",
            _milliseconds(account.last_login_at),
            _milliseconds(account.expires_at),
            account.note,
        )


def _holders(session: Session, server: Server) -> Rows:
    for entitlement_id, account_id, _ in current_access.holders(session, server):
        yield entitlement_id, account_id


def _permissions(session: Session, server: Server) -> Rows:
    for each in current_access.entitlements(session, server):
        native = each.folder if isinstance(each, FolderAccess) else each.group
        yield each.id, each.name, each.description, each.kind, native


def _milliseconds(at: datetime | None) -> str:
    return str(int(at.timestamp() * 1000)) if at else ""


def _feed(
    name: str, what: str, header: Sequence[str], rows_of: Callable[[Session, Server], Rows]
) -> Response:
    """A stream of CSV in UTF-8; NotReadYet before the first complete snapshot."""
    db = database()
    with db.reading() as session:
        server = server_by_name(session, name)
        newest = inventory.last_complete(session, server.id)
        if newest is None:
            raise NotReadYet(f"Server: {name}.")

    def blocks() -> Iterator[str]:
        with db.reading() as session:
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow(header)
            for row in rows_of(session, session.get_one(Server, server.id)):
                writer.writerow(row)
                if text.tell() > BLOCK:
                    yield text.getvalue()
                    text.seek(0)
                    text.truncate()
            yield text.getvalue()

    answer = Response(blocks(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{what}.csv"'
    answer.headers["X-Recert-Snapshot"] = str(newest.id)
    return answer
