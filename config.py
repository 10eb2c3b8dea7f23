"""Configuration: the one place that reads the environment.

RECERT_HOME           state, keys and the default database          ./instance
DATABASE_URL          sqlite:///... or postgresql://...             sqlite in RECERT_HOME
RECERT_BASE_URL       what links in mails start with                http://127.0.0.1:8000
RECERT_TIMEZONE       the zone in which times are shown             UTC
RECERT_UNDO_MINUTES   how long an answer can be changed             60
RECERT_MICRO_REVIEWS  on or off: ask at once about what changed     on
RECERT_CERTIFIED_DAYS how many days an answer about access counts   92
RECERT_SERVER_PATHS   folders, with colons between, below which the pages may name configurations,
                      keys and programs of servers; all others are set by `recert server add`   none
RECERT_PROXIES        how many reverse proxies stand in front and add X-Forwarded-For   0
RECERT_SERVERS_AT_ONCE how many servers are read or changed at the same time   16
RECERT_PEOPLE_MINUTES how many minutes lie between two synchronisations of a directory   60
RECERT_RECORDING_DAYS how many days raw answers of servers are kept that no review uses   90
RECERT_CHECKPOINT_MAIL   addresses, with commas between: checkpoints of the trail go to auditors
RECERT_CHECKPOINT_FOLDER a directory that lies on another machine, for the same
RECERT_CHECKPOINT_SYSLOG HOST:PORT (UDP) or the path of a socket, for the same
RECERT_CHECKPOINT_HOURS  how often                                  24
RECERT_EVENTS         cef+tls://HOST:PORT, cef+tcp://HOST:PORT or an https address: every entry of
                      the trail is sent there, to the company's security monitoring   none
RECERT_EVENTS_CA_FILE, _SECRET_FILE   for TLS; for signing what a webhook gets
RECERT_LANGUAGE       of mails: en or de                            en
RECERT_MAIL_SERVER, _PORT, _SECURITY (none, starttls, tls), _CA_FILE, _USERNAME, _PASSWORD, _SENDER
RECERT_IMAP_SERVER, _PORT, _SECURITY (tls, starttls), _CA_FILE, _USERNAME, _PASSWORD, _FOLDER
                      the mailbox for replies and bounces; without  none
RECERT_REPLY_ADDRESS  where they go, with a key after a plus        RECERT_MAIL_SENDER
RECERT_AUTHSERV_ID    the own mail server's name in Authentication-Results; without it no reply
                      decides
"""

import os
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from recert.foundation.settings import (
    LANGUAGES,
    CheckpointSettings,
    EventSettings,
    MailSettings,
    ReplySettings,
    SettingMissing,
    Settings,
)

LONGEST_UNDO = 7 * 24 * 60
HIGHEST_PORT = 65535
MOST_PROXIES = 5
MOST_SERVERS_AT_ONCE = 64
LONGEST_CERTIFIED = 3651
DEFAULT_SENDER = "recert@localhost"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment; raises SettingMissing naming what is wrong. An empty variable
    is the same as none."""
    environ = {name: value for name, value in environ.items() if value}
    home = Path(environ.get("RECERT_HOME", "instance")).resolve()
    base_url = _base_url(environ.get("RECERT_BASE_URL", "http://127.0.0.1:8000"))
    return Settings(
        home=home,
        database_url=_database(environ.get("DATABASE_URL", f"sqlite:///{home / 'recert.sqlite3'}")),
        base_url=base_url,
        mail=_mail(environ),
        zone=_zone(environ.get("RECERT_TIMEZONE", "UTC")),
        undo_minutes=_number(environ, "RECERT_UNDO_MINUTES", 60, range(LONGEST_UNDO + 1)),
        micro_reviews=_switch(environ, "RECERT_MICRO_REVIEWS", "on"),
        certified_days=_number(environ, "RECERT_CERTIFIED_DAYS", 92, range(1, LONGEST_CERTIFIED)),
        recording_days=_number(environ, "RECERT_RECORDING_DAYS", 90, range(1, LONGEST_CERTIFIED)),
        language=_language(environ.get("RECERT_LANGUAGE", "en")),
        replies=_replies(environ),
        checkpoints=_checkpoints(environ),
        events=_events(environ),
        secure_cookies=base_url.startswith("https://"),
        server_paths=_folders(environ.get("RECERT_SERVER_PATHS", "")),
        proxies=_number(environ, "RECERT_PROXIES", 0, range(MOST_PROXIES + 1)),
        servers_at_once=_number(
            environ, "RECERT_SERVERS_AT_ONCE", 16, range(1, MOST_SERVERS_AT_ONCE + 1)
        ),
        people_minutes=_number(environ, "RECERT_PEOPLE_MINUTES", 60, range(1, 7 * 24 * 60 + 1)),
    )


def _folders(text: str) -> tuple[str, ...]:
    found = tuple(part for part in text.split(":") if part)
    for part in found:
        if not part.startswith("/") or part == "/" or ".." in part.split("/"):
            raise SettingMissing(f"RECERT_SERVER_PATHS must hold full paths of folders: {part!r}.")
    return found


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise SettingMissing(f"RECERT_BASE_URL must look like https://recert.example: {text!r}.")
    return text.rstrip("/")


def _database(url: str) -> str:
    """The text itself may hold a password, so no message repeats it."""
    try:
        kind = make_url(url).get_backend_name()
    except ArgumentError:
        kind = ""
    if kind not in ("sqlite", "postgresql"):
        raise SettingMissing("DATABASE_URL must start with sqlite:/// or postgresql://.")
    return url


def _mail(environ: Mapping[str, str]) -> MailSettings:
    security = environ.get("RECERT_MAIL_SECURITY", "none")
    if security not in ("none", "starttls", "tls"):
        raise SettingMissing(
            f"RECERT_MAIL_SECURITY must be none, starttls or tls, not {security!r}."
        )
    return MailSettings(
        server=environ.get("RECERT_MAIL_SERVER", "localhost"),
        port=_number(environ, "RECERT_MAIL_PORT", 25, range(1, HIGHEST_PORT + 1)),
        security=security,
        ca_file=_ca_file(environ, "RECERT_MAIL_CA_FILE"),
        username=environ.get("RECERT_MAIL_USERNAME", ""),
        password=environ.get("RECERT_MAIL_PASSWORD", ""),
        sender=_address(environ, "RECERT_MAIL_SENDER", DEFAULT_SENDER),
        reply_to=_reply_address(environ) if "RECERT_IMAP_SERVER" in environ else "",
    )


def _reply_address(environ: Mapping[str, str]) -> str:
    sender = environ.get("RECERT_MAIL_SENDER", DEFAULT_SENDER)
    return _address(environ, "RECERT_REPLY_ADDRESS", sender)


def _replies(environ: Mapping[str, str]) -> ReplySettings | None:
    server = environ.get("RECERT_IMAP_SERVER")
    if not server:
        return None
    security = environ.get("RECERT_IMAP_SECURITY", "tls")
    if security not in ("tls", "starttls"):
        raise SettingMissing(f"RECERT_IMAP_SECURITY must be tls or starttls, not {security!r}.")
    default = 993 if security == "tls" else 143
    return ReplySettings(
        server=server,
        port=_number(environ, "RECERT_IMAP_PORT", default, range(1, HIGHEST_PORT + 1)),
        security=security,
        ca_file=_ca_file(environ, "RECERT_IMAP_CA_FILE"),
        username=environ.get("RECERT_IMAP_USERNAME", ""),
        password=environ.get("RECERT_IMAP_PASSWORD", ""),
        folder=environ.get("RECERT_IMAP_FOLDER", "INBOX"),
        authserv_id=environ.get("RECERT_AUTHSERV_ID", ""),
    )


def _checkpoints(environ: Mapping[str, str]) -> CheckpointSettings:
    name = "RECERT_CHECKPOINT_MAIL"
    addresses = [text.strip() for text in environ.get(name, "").split(",") if text.strip()]
    folder = environ.get("RECERT_CHECKPOINT_FOLDER", "")
    if folder and not Path(folder).is_dir():
        raise SettingMissing(f"RECERT_CHECKPOINT_FOLDER: there is no directory {folder!r}.")
    syslog = environ.get("RECERT_CHECKPOINT_SYSLOG", "")
    host, _, port = syslog.rpartition(":")
    if syslog and not syslog.startswith("/") and not (host and port.isdigit()):
        raise SettingMissing(
            f"RECERT_CHECKPOINT_SYSLOG must be HOST:PORT or a path like /dev/log, not {syslog!r}."
        )
    return CheckpointSettings(
        mail=tuple(_address({name: text}, name, "") for text in addresses),
        folder=Path(folder).resolve() if folder else None,
        syslog=syslog,
        hours=_number(environ, "RECERT_CHECKPOINT_HOURS", 24, range(1, 24 * 31)),
    )


def _events(environ: Mapping[str, str]) -> EventSettings | None:
    name = "RECERT_EVENTS"
    destination = environ.get(name, "")
    if not destination:
        return None
    parts = urlsplit(destination)
    try:
        known = parts.scheme in ("cef+tls", "cef+tcp") and parts.hostname and parts.port
    except ValueError:
        known = None
    if not known and not (parts.scheme == "https" and parts.netloc):
        raise SettingMissing(
            f"{name} must be cef+tls://HOST:PORT, cef+tcp://HOST:PORT or an https address, "
            f"not {destination!r}."
        )
    files = {}
    for what in ("CA_FILE", "SECRET_FILE"):
        text = environ.get(f"{name}_{what}", "")
        if text and not Path(text).is_file():
            raise SettingMissing(f"{name}_{what}: there is no file {text!r}.")
        files[what] = Path(text) if text else None
    return EventSettings(destination, files["CA_FILE"], files["SECRET_FILE"])


def _language(code: str) -> str:
    if code not in LANGUAGES:
        raise SettingMissing(f"RECERT_LANGUAGE must be {' or '.join(LANGUAGES)}, not {code!r}.")
    return code


def _ca_file(environ: Mapping[str, str], variable: str) -> str:
    name = environ.get(variable, "")
    if name and not Path(name).is_file():
        raise SettingMissing(f"{variable}: there is no file {name!r}.")
    return name


def _address(environ: Mapping[str, str], variable: str, default: str) -> str:
    text = environ.get(variable, default)
    try:
        found = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        found = Address()
    if not (found.username and found.domain and text.isascii()):
        raise SettingMissing(f"{variable} is not a mail address: {text!r}.")
    return text


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingMissing(f"RECERT_TIMEZONE is not a known zone: {name!r}.") from error


def _number(environ: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    text = environ.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed):
        raise SettingMissing(
            f"{name} must be a whole number from {allowed[0]} to {allowed[-1]}, not {text!r}."
        )
    return int(text)


def _switch(environ: Mapping[str, str], name: str, default: str) -> bool:
    text = environ.get(name, default)
    if text not in ("on", "off"):
        raise SettingMissing(f"{name} must be on or off, not {text!r}.")
    return text == "on"
