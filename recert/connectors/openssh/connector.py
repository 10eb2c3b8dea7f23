"""The OpenSSH connector: folders by ACL, whole accounts by DenyUsers."""

import re
from collections.abc import Iterator, Sequence

from recert.connectors.contract import (
    CannotExpress,
    Check,
    ConnectorError,
    LogSource,
    Plan,
    ServerDataInvalid,
)
from recert.connectors.hosts import Host
from recert.connectors.openssh import config_test, syntax
from recert.connectors.openssh.survey import survey
from recert.connectors.posix import syslog
from recert.connectors.posix.changes import plan_parts, processes
from recert.connectors.posix.changes.plan_parts import Part, text_part
from recert.connectors.posix.connector import PosixConnector
from recert.connectors.posix.survey import Survey

_PLAIN_NAME = re.compile(r"[\w.-]+\$?")


class OpensshConnector(PosixConnector):
    """One sshd, known by its main configuration file."""

    def survey(self, host: Host) -> Survey:
        now = self._world.now()
        last_logins = self._last_sign_ins(
            host, lambda machine: syslog.last_logins(machine, self._settings, now)
        )
        return survey(host, self._settings, now, last_logins)

    def log_sources(self) -> list[LogSource]:
        """sshd writes to syslog only; a jail without a log socket inside hides transfers."""
        return [
            syslog.sign_ins(self._settings, "sshd", "facility AUTH"),
            LogSource(
                "transfers",
                "syslog",
                "internal-sftp",
                "needs -l INFO, and in a jail a socket dev/log",
            ),
        ]

    def kind_checks(self, host: Host) -> Iterator[Check]:
        config = self._settings["config"]
        try:
            content = host.read(config)
            syntax.read(host, config)
        except ConnectorError as error:
            yield Check("config", False, error.message, f"Check {config}, its mode and its lines.")
            return
        yield Check("config", True)
        complaint = self._complaint(host, content)
        yield Check("sshd -t", not complaint, complaint, "Correct what sshd complains about.")

    def _complaint(self, host: Host, content: bytes) -> str:
        """The error of sshd's own test for a main file; empty when it accepts the file."""
        prefix = self._settings.get("prefix", "")
        return config_test.complaint(host, prefix, self._settings["config"], content)

    def close_account(self, host: Host, survey: Survey, account: str) -> list[Part]:
        """A DenyUsers line of its own, before the first Match: global lines add up. It must hold
        for this account, or a Match replaces the list."""
        if not _PLAIN_NAME.fullmatch(account):
            raise CannotExpress(f"{account!r} would be a pattern in DenyUsers.")
        config = syntax.read(host, self._settings["config"])
        for line in config.lines:
            if line.keyword == "denyusers" and line.blocks:
                raise CannotExpress(
                    f"DenyUsers inside of a Match at {line.place} replaces the global list."
                )
        path = self._settings["config"]
        old = host.read(path)
        return [text_part(path, old, _with_line(old, f"DenyUsers {account}\n".encode()))]

    def carry_out(self, host: Host, plan: Plan, found: Sequence[Part]) -> bool | None:
        """A configuration that was broken before is not touched; a new one is tested first."""
        edits = [part for part in found if part.kind == plan_parts.TEXT]
        for part in edits:
            old = host.read(part.place)
            complaint = self._complaint(host, old)
            if complaint:
                raise ServerDataInvalid(f"sshd does not accept its configuration: {complaint}")
            new = plan_parts.turned(old, part)
            complaint = self._complaint(host, new)
            if complaint:
                raise ServerDataInvalid(f"sshd would not accept the change: {complaint}")
        plan_parts.carry_out(host, found)
        if edits:
            processes.reload(host, self._pid_file(host), "sshd")
        if edits and self._is_closed(host, plan.change.account, found):
            title = rf"sshd: {re.escape(plan.change.account)}(@| \[priv\])"
            return processes.end_sessions(host, title) > 0
        return None

    def _pid_file(self, host: Host) -> str:
        config = syntax.read(host, self._settings["config"])
        named = [line.values[0] for line in config.lines if line.keyword == "pidfile"]
        return named[0] if named else "/run/sshd.pid"


def _with_line(content: bytes, line: bytes) -> bytes:
    """Put before the first Match of the main file, or at its end."""
    lines = content.splitlines(keepends=True)
    for number, one in enumerate(lines):
        if syntax.keyword_of(one.decode(errors="replace"))[0] == "match":
            return b"".join([*lines[:number], line, *lines[number:]])
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    return b"".join([*lines, line])
