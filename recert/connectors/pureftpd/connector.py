"""The Pure-FTPd connector: folders by ACL of the uid, virtual users by a mark before their hash."""

from collections.abc import Iterator, Mapping

from recert.connectors.account_databases import ldap, sql
from recert.connectors.contract import (
    CannotExpress,
    Check,
    ConnectorError,
    LogSource,
)
from recert.connectors.environment import REAL, World
from recert.connectors.hosts import Host
from recert.connectors.posix import syslog
from recert.connectors.posix.changes.plan_parts import Part
from recert.connectors.posix.connector import PosixConnector
from recert.connectors.posix.survey import Survey
from recert.connectors.pureftpd import account_lock, login_rules, options, puredb
from recert.connectors.pureftpd.sources import text_file_of
from recert.connectors.pureftpd.survey import survey

_KEEPERS = {
    "puredb": "a PureDB",
    "mysql": "a MySQL database",
    "pgsql": "a PostgreSQL database",
    "ldap": "a directory",
}


class PureftpdConnector(PosixConnector):
    """One Pure-FTPd, known by the folder of its option files."""

    session_name = "pure-ftpd"

    def __init__(self, settings: Mapping[str, str], world: World = REAL) -> None:
        super().__init__(settings, world)
        sql.check(settings)
        ldap.check(settings)

    def survey(self, host: Host) -> Survey:
        server_options = options.read(host, self._settings["config"])
        now = self._world.now()
        last_logins = self._last_sign_ins(
            host, lambda machine: syslog.last_logins(machine, self._settings, now)
        )
        return survey(host, server_options, self._settings, now, last_logins)

    def log_sources(self) -> list[LogSource]:
        with self._world.host(self._settings) as host:
            server_options = options.read(host, self._settings["config"])
        sources = [syslog.sign_ins(self._settings, "pure-ftpd", "facility ftp")]
        form, _, path = server_options.values.get("AltLog", "").partition(":")
        if path:
            what = "completed transfers only; an aborted upload looks complete"
            sources.append(LogSource("transfers", path, form, what))
        return sources

    def kind_checks(self, host: Host) -> Iterator[Check]:
        config = self._settings["config"]
        try:
            server_options = options.read(host, config)
        except ConnectorError as error:
            yield Check("options", False, error.message, f"Check the folder {config}.")
            return
        yield Check("options", True)
        for method in server_options.methods:
            if method.name == "puredb":
                yield self._database_check(host, method.value)

    def _database_check(self, host: Host, path: str) -> Check:
        try:
            puredb.records(host.read(path))
        except ConnectorError as error:
            return Check("PureDB", False, error.message, f"Check {path}; make it by pure-pw mkdb.")
        return Check("PureDB", True)

    def close_account(self, host: Host, survey: Survey, account: str) -> list[Part]:
        server_options = options.read(host, self._settings["config"])
        for method in server_options.methods:
            if method.name != "puredb":
                continue
            if account in puredb.records(host.read(method.value)):
                text = text_file_of(method.value)
                closing = [account_lock.closing(account_lock.DATABASE, method.value, account)]
                if host.stat(text) is not None and _is_in(host.read(text), account):
                    closing.insert(0, account_lock.closing(account_lock.TEXT, text, account))
                return closing
        user = login_rules.read(host, server_options, self._settings).virtual.get(account)
        if user is not None:
            raise CannotExpress(
                f"{account!r} is an account of {_KEEPERS[user.method]}: close it there."
            )
        raise CannotExpress(
            f"{account!r} is a system account: lock it on the machine (usermod -L -e 1)."
        )


def _is_in(raw: bytes, account: str) -> bool:
    start = account.encode(errors="surrogateescape") + b":"
    return any(line.startswith(start) for line in raw.splitlines())
