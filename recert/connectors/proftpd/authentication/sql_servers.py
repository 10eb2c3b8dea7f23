"""A database of mod_sql on a server of its own, read through a read-only account."""

from collections.abc import Mapping

from recert.connectors.account_databases import sql
from recert.connectors.contract import ServerDataInvalid
from recert.connectors.proftpd.authentication import sql_accounts
from recert.connectors.proftpd.authentication.account_files import Book
from recert.connectors.proftpd.authentication.sql_accounts import Columns


def why_not(settings: Mapping[str, str], columns: Columns) -> str:
    """Why the settings do not lead to the database that the daemon asks; empty when they do."""
    return sql.why_not(settings, columns.backend, columns.file.partition("@")[0])


def read(settings: Mapping[str, str], columns: Columns, title: str) -> Book:
    """Raises ServerUnreachable or ServerDataInvalid."""
    try:
        with sql.connected(settings) as run:
            return sql_accounts.read_by(run, columns, title)
    except ValueError as error:
        raise ServerDataInvalid(f"{title}: a number of the database is none.") from error
