"""The ProFTPD connector: folders by ACL where the kernel can say it, else by <Limit>."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from recert.connectors.account_databases import sql
from recert.connectors.changes import SetRights
from recert.connectors.contract import (
    CannotExpress,
    Cell,
    Check,
    ConnectorError,
    LogSource,
    Plan,
)
from recert.connectors.environment import REAL, World
from recert.connectors.hosts import Host
from recert.connectors.posix.changes import group_edit, processes
from recert.connectors.posix.changes.plan_parts import TEXT, Part
from recert.connectors.posix.connector import PosixConnector
from recert.connectors.posix.survey import Survey
from recert.connectors.proftpd import facts, logs
from recert.connectors.proftpd.changes import daemon_control, limit_edit
from recert.connectors.proftpd.configuration.listeners import lay_out
from recert.connectors.proftpd.facts import configuration_of
from recert.connectors.proftpd.survey import ProftpdSurvey, survey


class ProftpdConnector(PosixConnector):
    """One ProFTPD, known by its main configuration file."""

    def __init__(self, settings: Mapping[str, str], world: World = REAL) -> None:
        super().__init__(settings, world)
        sql.check(settings)

    def survey(self, host: Host) -> Survey:
        last_logins = self._last_sign_ins(host, self._last_logins)
        return survey(host, self._settings, self._world.now(), last_logins)

    def log_sources(self) -> list[LogSource]:
        with self._world.host(self._settings) as host:
            return self._logs(host)

    def _logs(self, host: Host) -> list[LogSource]:
        return logs.sources(
            lay_out(configuration_of(host, self._settings["config"], prefix=self._prefix))
        )

    def _last_logins(self, host: Host) -> dict[str, datetime]:
        """Last logins by account. Logs that cannot be read are left out."""
        paths = [
            one.path
            for one in self._logs(host)
            if one.path.startswith("/") and one.format in ("proftpd", "mod_sftp", "clf")
        ]
        last_logins: dict[str, datetime] = {}
        for content in host.read_many(paths).values():
            if isinstance(content, bytes):
                for name, at in logs.last_logins(content.split(b"\n")).items():
                    last_logins[name] = max(at, last_logins.get(name, at))
        return last_logins

    def kind_checks(self, host: Host) -> Iterator[Check]:
        config, prefix = self._settings["config"], self._prefix
        try:
            configuration = configuration_of(host, config, prefix=prefix)
        except ConnectorError as error:
            yield Check("config", False, error.message, f"Check the path {config} and its mode.")
            return
        yield Check("config", True)
        missing = "; ".join(configuration.remarks)
        yield Check("includes", not missing, missing, "Correct the Include or make the file.")
        complaint = daemon_control.complaint(host, prefix, config)
        remedy = "Correct what the daemon's own test (proftpd -t) complains about."
        yield Check("proftpd -t", not complaint, complaint, remedy)
        problems = facts.read(host, self._settings, self._world.now().date()).problems
        remedy = "Let Recert's account read the files that hold users and groups."
        yield Check("account sources", not problems, "; ".join(problems), remedy)

    @property
    def _prefix(self) -> str:
        return self._settings.get("prefix", "").rstrip("/")

    def candidates(
        self, host: Host, survey: Survey, change: SetRights
    ) -> Iterator[tuple[list[Part], Sequence[Cell]]]:
        if isinstance(survey, ProftpdSurvey):
            daemon_control.check_before(host, self._prefix, self._settings["config"])
            yield from limit_edit.candidates(host, survey, survey.known, change)

    def close_account(self, host: Host, survey: Survey, account: str) -> list[Part]:
        if not isinstance(survey, ProftpdSurvey):
            raise CannotExpress("The server was not read by this kind.")
        daemon_control.check_before(host, self._prefix, self._settings["config"])
        return limit_edit.close_account(survey, survey.known, account)

    def group_files(self, host: Host, survey: Survey) -> Sequence[str]:
        """AuthGroupFiles stand beside the system's; a database is changed by hand."""
        daemon_control.check_before(host, self._prefix, self._settings["config"])
        servers = survey.known.layout.servers if isinstance(survey, ProftpdSurvey) else ()
        named = {one.args[0] for each in servers if (one := each.value("authgroupfile"))}
        return (*sorted(path for path in named if host.stat(path)), group_edit.SYSTEM)

    def carry_out(self, host: Host, plan: Plan, found: Sequence[Part]) -> bool | None:
        """ACL entries take effect at once; the daemon is reloaded only for its own files."""
        if not any(part.kind == TEXT for part in found):
            return super().carry_out(host, plan, found)
        configuration = configuration_of(host, self._settings["config"], prefix=self._prefix)
        daemon_control.carry_out(host, self._prefix, configuration, found)
        pid = daemon_control.reload(host, configuration)
        if pid is not None:
            # Open sessions would keep the old rules until they end.
            title = rf"proftpd: {re.escape(plan.change.account)} - "
            return processes.end_sessions(host, title, listener=pid) > 0
        return None
