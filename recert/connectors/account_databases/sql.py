"""A database of accounts on a server of its own, read through a read-only account (`sql_url`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from recert.connectors.contract import ServerDataInvalid, ServerUnreachable, SettingsInvalid
from recert.connectors.file_store import read_bytes

Run = Callable[[str], Sequence[Sequence[object]]]
MYSQL, POSTGRES = "mysql", "postgres"
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgresql": "postgresql+psycopg",
}
_BACKENDS = {MYSQL: "mysql+pymysql", POSTGRES: "postgresql+psycopg"}
_READ_ONLY = {
    "mysql+pymysql": "SET SESSION TRANSACTION READ ONLY",
    "postgresql+psycopg": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
}
_SECONDS = 10
_FORM = "sql_url must look like mysql://USER@HOST:PORT/DATABASE or postgresql://USER@HOST/DATABASE."


def check(settings: Mapping[str, str]) -> None:
    """SettingsInvalid when sql_url is no address of a database that Recert can read."""
    if settings.get("sql_url"):
        _url(settings, with_password=False)


def why_not(settings: Mapping[str, str], backend: str, database: str) -> str:
    """Why the setting does not lead to this database; empty when it does. Kind and name count."""
    if not settings.get("sql_url"):
        return "sql_url is not set"
    url = _url(settings, with_password=False)
    fits = url.drivername == _BACKENDS.get(backend) and url.database == database
    return "" if fits else "sql_url names another database"


@contextmanager
def connected(settings: Mapping[str, str]) -> Iterator[Run]:
    """Runs queries in read-only transactions. Raises ServerUnreachable or ServerDataInvalid;
    neither repeats what the driver says of the connection."""
    url = _url(settings)
    engine = create_engine(url, connect_args={"connect_timeout": _SECONDS})
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(_READ_ONLY[url.drivername])
            connection.commit()
            plain = connection.execution_options(no_parameters=True)

            def run(sql: str) -> Sequence[Sequence[object]]:
                return [tuple(row) for row in plain.exec_driver_sql(sql)]

            yield run
    except SQLAlchemyError as error:
        where = url.set(password=None).render_as_string(hide_password=True)
        if getattr(error, "connection_invalidated", False) or "OperationalError" in repr(error):
            raise ServerUnreachable(f"The database {where} does not let us read.") from error
        raise ServerDataInvalid(
            f"The database {where} does not answer the daemon's query."
        ) from error
    finally:
        engine.dispose()


def text(cell: object) -> str:
    """A value as the daemons get it: they ask for everything as text."""
    if isinstance(cell, (bytes, bytearray)):
        return bytes(cell).decode(errors="surrogateescape")
    return "" if cell is None else str(cell)


def _url(settings: Mapping[str, str], *, with_password: bool = True) -> URL:
    try:
        url = make_url(settings["sql_url"])
    except ArgumentError as error:
        raise SettingsInvalid(_FORM) from error
    driver = _DRIVERS.get(url.drivername)
    if driver is None or not url.host or not url.database:
        raise SettingsInvalid(_FORM)
    if url.password is not None:
        raise SettingsInvalid(
            "sql_url must hold no password: put it into a file (sql_password_file)."
        )
    file = settings.get("sql_password_file")
    password = read_bytes(Path(file)).decode().strip() if file and with_password else None
    return url.set(drivername=driver, password=password)
