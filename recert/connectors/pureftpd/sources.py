"""The sources of Pure-FTPd's virtual users, each read by the module that knows it."""

from collections.abc import Mapping

from recert.connectors.contract import ConnectorError, ServerDataInvalid
from recert.connectors.hosts import Host
from recert.connectors.posix.permissions.accounts import SystemUsers, lines_of
from recert.connectors.posix.permissions.password_fields import second_field
from recert.connectors.pureftpd import ldap_accounts, puredb, source_file, sql_accounts
from recert.connectors.pureftpd.known_options import Method
from recert.connectors.pureftpd.puredb import Record
from recert.connectors.pureftpd.virtual import Listed, of_records


def read(host: Host, method: Method, settings: Mapping[str, str], system: SystemUsers) -> Listed:
    """The accounts of one way to sign in; of system users there are none here."""
    if method.name == "puredb":
        return _from_puredb(host, method.value)
    if method.name == "extauth":
        return _unlisted(method, "a program decides who gets in")
    if method.name not in source_file.KEYWORDS:
        return Listed()
    try:
        source = source_file.read(host, method.value, method.name)
    except ServerDataInvalid:
        raise
    except ConnectorError as error:
        return _unlisted(method, error.message.rstrip("."))
    if method.name == "ldap":
        return ldap_accounts.read(source, settings)
    return sql_accounts.read(source, settings, system)


def _unlisted(method: Method, why: str) -> Listed:
    return Listed(
        problems=[
            f"{method.place}: accounts come from {method.name} ({method.value}), which Recert "
            f"cannot list: {why}"
        ]
    )


def text_file_of(database: str) -> str:
    """The file from which `pure-pw mkdb` makes the database."""
    return database.removesuffix(".pdb") + ".passwd"


def _from_puredb(host: Host, path: str) -> Listed:
    host.withhold(path, puredb.without_passwords)
    stored = puredb.records(host.read(path))
    text = text_file_of(path)
    host.withhold(text, second_field(puredb.state_of))
    stated: dict[str, Record] = {}
    for line in lines_of(host.read_many([text])[text]):
        record = puredb.of_line(line) if not line.startswith("#") else None
        if record is not None:
            stated.setdefault(record.name, record)
    return Listed(of_records(stored, stated))
