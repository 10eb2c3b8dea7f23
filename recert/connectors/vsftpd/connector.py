"""The vsftpd connector: folders by ACL, whole accounts by the user list or /etc/ftpusers."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from recert.connectors.account_databases import sql
from recert.connectors.contract import (
    CannotExpress,
    Check,
    ConnectorError,
    LogSource,
    ServerDataInvalid,
)
from recert.connectors.environment import REAL, World
from recert.connectors.hosts import Host
from recert.connectors.posix.changes.plan_parts import Part, text_part
from recert.connectors.posix.connector import PosixConnector
from recert.connectors.posix.survey import Survey
from recert.connectors.vsftpd import log
from recert.connectors.vsftpd.builds import build_of
from recert.connectors.vsftpd.facts import Facts, read
from recert.connectors.vsftpd.options import Options, parse
from recert.connectors.vsftpd.survey import survey


class VsftpdConnector(PosixConnector):
    """One vsftpd, known by its main configuration file."""

    session_name = "vsftpd"

    def __init__(self, settings: Mapping[str, str], world: World = REAL) -> None:
        super().__init__(settings, world)
        sql.check(settings)

    def survey(self, host: Host) -> Survey:
        last_logins = self._last_sign_ins(host, self._last_logins)
        return survey(host, self._settings, self._world.now(), last_logins)

    def _options(self, host: Host) -> Options:
        config = self._settings["config"]
        return parse(host.read(config), config, build=build_of(host, self._settings))

    def _last_logins(self, host: Host) -> dict[str, datetime]:
        """Last logins by account; empty when the log cannot be read."""
        for source in log.sources(self._options(host)):
            if source.kind == "sign-ins" and source.path.startswith("/"):
                content = host.read_many([source.path])[source.path]
                if not isinstance(content, ConnectorError):
                    return log.last_logins(content.split(b"\n"))
        return {}

    def log_sources(self) -> list[LogSource]:
        with self._world.host(self._settings) as host:
            return log.sources(self._options(host))

    def log_roots(self) -> dict[str, str]:
        """The jail of each account: vsftpd logs paths relative to it."""
        with self._world.host(self._settings) as host:
            survey = self.survey(host)
            roots: dict[str, str] = {}
            for view in survey.views:
                for account, jail in view.jails(survey.tree).items():
                    if isinstance(jail, str):
                        roots.setdefault(account, jail)
            return roots

    def kind_checks(self, host: Host) -> Iterator[Check]:
        config = self._settings["config"]
        try:
            raw = host.read(config)
        except ConnectorError as error:
            yield Check("config", False, error.message, f"Check the path {config} and its mode.")
            return
        yield Check("config", True)
        try:
            parse(raw, config, build=build_of(host, self._settings))
        except ServerDataInvalid as error:
            yield Check("syntax", False, error.message, "Correct the line that is named.")
            return
        yield Check("syntax", True)

    def close_account(self, host: Host, survey: Survey, account: str) -> list[Part]:
        """The daemon reads its lists at each login, so no reload is needed."""
        facts = read(host, self._settings)
        if account == "anonymous":
            raise CannotExpress("Anonymous logins are switched off in the main file by hand.")
        options = facts.options
        if options.is_on("userlist_enable"):
            path = options.text("userlist_file")
            return _listed(host, path, account, present=options.is_on("userlist_deny"))
        refusing = _refusing_list(facts)
        if refusing is None:
            raise CannotExpress(
                "There is no list that refuses accounts: switch on userlist_enable, or add "
                "pam_listfile with sense=deny to the PAM service."
            )
        return _listed(host, refusing, account, present=True)


def _refusing_list(facts: Facts) -> str | None:
    """The file of a PAM rule that refuses those listed."""
    for rule in facts.pam.stacks.get("auth", ()):
        options = rule.options
        names_users = options.get("item") == "user" and options.get("sense") == "deny"
        binding = rule.control.get("default") in ("bad", "die")
        if rule.module == "pam_listfile.so" and names_users and binding:
            return options.get("file")
    return None


def _listed(host: Host, path: str, account: str, *, present: bool) -> list[Part]:
    """A list with or without the account. The last line may have no end; a name joined to it
    would fit nobody."""
    old = host.read(path)
    lines = old.splitlines(keepends=True)
    wanted = account.encode(errors="surrogateescape")
    kept = [line for line in lines if line.rstrip(b"\n") != wanted]
    if present and len(kept) == len(lines):
        if kept and not kept[-1].endswith(b"\n"):
            kept[-1] += b"\n"
        kept.append(wanted + b"\n")
    elif present:
        kept = lines
    return [text_part(path, old, b"".join(kept))]
