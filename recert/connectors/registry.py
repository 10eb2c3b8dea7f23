"""The kinds of server there are. A new kind is one package and one line here; a package is loaded
when a server of its kind is used."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from recert.connectors.contract import Connector, SettingsInvalid
from recert.connectors.environment import REAL, World


@dataclass(frozen=True)
class Setting:
    """One setting of a kind, asked for by the web form and by `--set KEY=VALUE`."""

    key: str
    label: str
    hint: str
    required: bool = True
    # It becomes the path of a program, of a file that a program interprets, or of a secret: set on
    # Recert's machine only, or below one of the installation's folders (RECERT_SERVER_PATHS).
    by_operator: bool = False


class KindPackage(Protocol):
    """What the package of a kind offers. A test holds every package to it."""

    def connect(self, settings: Mapping[str, str], world: World = REAL) -> Connector: ...


@dataclass(frozen=True)
class Kind:
    name: str
    title: str
    settings: tuple[Setting, ...]
    package: str  # below recert.connectors

    def build(self, settings: Mapping[str, str], world: World) -> Connector:
        """The connector; loads the package of the kind."""
        package = cast(KindPackage, import_module(f"recert.connectors.{self.package}"))
        return package.connect(settings, world)


def _daemon(config: str) -> tuple[Setting, ...]:
    """The settings that all kinds of daemons share."""
    return (
        Setting("config", "Configuration", config, by_operator=True),
        Setting(
            "root",
            "Folder with the files",
            "Where to look, when the configuration does not say.",
            required=False,
        ),
        Setting(
            "prefix",
            "Prefix",
            "Where the daemon's own programs live when they are not installed under /.",
            required=False,
            by_operator=True,
        ),
        *_TRANSPORT,
    )


_TRANSPORT = (
    Setting(
        "transport",
        "Transport",
        "local (default: the daemon runs on this machine) or ssh.",
        required=False,
    ),
    Setting("host", "SSH host", "Name or address of the machine.", required=False),
    Setting("port", "SSH port", "22 when it is not given.", required=False),
    Setting("user", "SSH user", "The account that Recert uses there.", required=False),
    Setting(
        "host_key",
        "SSH host key",
        "The public key of the machine, one line as in known_hosts without the name: "
        "ssh-ed25519 AAAA... It is never accepted unseen.",
        required=False,
    ),
    Setting(
        "key",
        "SSH private key",
        "Path of the key file on this machine.",
        required=False,
        by_operator=True,
    ),
    Setting(
        "password_file",
        "SSH password file",
        "Path of a file on this machine that holds the password, when there is no key.",
        required=False,
        by_operator=True,
    ),
    Setting(
        "sudo",
        "Use sudo",
        "yes: commands on the machine run through sudo -n.",
        required=False,
    ),
)

_LOG = Setting(
    "log",
    "Log of sign-ins",
    "The file to which the machine's syslog writes them; without it, the usual files or the "
    "journal are read.",
    required=False,
)

_ACCOUNT_DATABASE = (
    Setting(
        "sql_url",
        "Database of accounts",
        "For accounts in MySQL or PostgreSQL: mysql://USER@HOST:PORT/DATABASE, with an "
        "account that may only read. Without it the snapshot is partial.",
        required=False,
        by_operator=True,
    ),
    Setting(
        "sql_password_file",
        "Password file of the database",
        "Path of a file on this machine that holds the password of that account.",
        required=False,
        by_operator=True,
    ),
)

_ACCOUNT_DIRECTORY = (
    Setting(
        "ldap_url",
        "Directory of accounts",
        "For accounts in LDAP: ldap://HOST:PORT or ldaps://HOST. Without it the snapshot is "
        "partial.",
        required=False,
        by_operator=True,
    ),
    Setting(
        "ldap_bind_dn",
        "Account in the directory",
        "The DN as which Recert reads; anonymous when it is not given.",
        required=False,
        by_operator=True,
    ),
    Setting(
        "ldap_password_file",
        "Password file of the directory",
        "Path of a file on this machine that holds the password of that account.",
        required=False,
        by_operator=True,
    ),
    Setting(
        "ldap_ca_file",
        "Certificate authorities of the directory",
        "Path of a PEM file on this machine; without it, those that this machine trusts.",
        required=False,
        by_operator=True,
    ),
)

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "embedded",
            "Embedded FTP server (Recert's own)",
            (Setting("file", "Permission file", "Full path of the permission file (JSON)."),),
            "embedded",
        ),
        Kind(
            "csv",
            "Permission export (CSV)",
            (
                Setting("file", "Export file", "Full path of the CSV export."),
                Setting(
                    "complete",
                    "Does the file name every grant?",
                    "yes or no. Only with yes may a missing row mean that access is gone.",
                ),
                Setting("case_sensitive_users", "Case", "yes (default) or no.", required=False),
            ),
            "csv_export",
        ),
        Kind(
            "vsftpd",
            "vsftpd",
            (
                *_daemon("Full path of vsftpd's main configuration file."),
                Setting(
                    "build",
                    "Build",
                    "debian, debian-3.0.5, redhat or 3.0.5: which options and defaults the daemon "
                    "has. Without it, its program is looked at.",
                    required=False,
                ),
                *_ACCOUNT_DATABASE,
            ),
            "vsftpd",
        ),
        Kind(
            "proftpd",
            "ProFTPD (FTP and SFTP)",
            (
                *_daemon("Full path of ProFTPD's main configuration file."),
                *_ACCOUNT_DATABASE,
            ),
            "proftpd",
        ),
        Kind(
            "pureftpd",
            "Pure-FTPd",
            (
                *_daemon(
                    "Full path of the folder with the option files (conf); auth lies beside it."
                ),
                _LOG,
                *_ACCOUNT_DATABASE,
                *_ACCOUNT_DIRECTORY,
            ),
            "pureftpd",
        ),
        Kind(
            "openssh",
            "OpenSSH (SFTP)",
            (*_daemon("Full path of sshd's main configuration file."), _LOG),
            "openssh",
        ),
    )
}


def check_settings(kind: str, settings: Mapping[str, str]) -> None:
    """Raises SettingsInvalid naming the kind or the key that is wrong."""
    if kind not in KINDS:
        raise SettingsInvalid(f"Unknown kind {kind!r}. Known: {', '.join(KINDS)}.")
    known = {setting.key: setting for setting in KINDS[kind].settings}
    for key in settings:
        if key not in known:
            raise SettingsInvalid(
                f"Kind {kind!r} has no setting {key!r}. Known: {', '.join(known)}."
            )
    for setting in known.values():
        if setting.required and not settings.get(setting.key):
            raise SettingsInvalid(f"Kind {kind!r} needs {setting.key}: {setting.hint}")


# Where the packages of the daemons keep their configurations: root's alone.
USUAL = (
    *("/etc/vsftpd.conf", "/etc/vsftpd", "/etc/proftpd.conf", "/etc/proftpd", "/etc/pure-ftpd"),
    "/etc/ssh/sshd_config",
)


def check_from_pages(kind: str, settings: Mapping[str, str], allowed: Sequence[str]) -> None:
    """Raises SettingsInvalid for a setting that cannot be set from the pages of Recert: whoever
    may set it could make Recert run any program. `allowed` are folders of the installation's."""
    for setting in KINDS[kind].settings:
        value = settings.get(setting.key, "")
        if not setting.by_operator or not value:
            continue
        usual = USUAL if setting.key == "config" else ()
        if not any(_is_below(value, place) for place in (*usual, *allowed)):
            raise SettingsInvalid(
                f"{setting.label}: {value!r} can be set on Recert's machine only: "
                f"recert server add NAME {kind} --set {setting.key}=... (or an operator allows "
                "its folder with RECERT_SERVER_PATHS)."
            )


def _is_below(path: str, place: str) -> bool:
    plain = posixpath.normpath(path)
    return path.startswith("/") and (plain == place or plain.startswith(f"{place.rstrip('/')}/"))


def connect(kind: str, settings: Mapping[str, str], world: World = REAL) -> Connector:
    """The connector of one server. Opens nothing yet."""
    check_settings(kind, settings)
    return KINDS[kind].build(settings, world)
