"""Configuration: the one place that reads the environment.

RECERT_HOME           state, keys and the default database          ./instance
DATABASE_URL          sqlite:///... or postgresql://...             sqlite in RECERT_HOME
RECERT_BASE_URL       what links in mails start with                http://127.0.0.1:8000
RECERT_TIMEZONE       the zone in which times are shown             UTC
RECERT_UNDO_MINUTES   how long an answer can be changed             60
RECERT_MAIL_SERVER, _PORT, _SECURITY (none, starttls, tls), _CA_FILE, _USERNAME, _PASSWORD, _SENDER
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recert.foundation.settings import MailSettings, SettingMissing, Settings


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment; raises SettingMissing naming what is wrong."""
    home = Path(environ.get("RECERT_HOME", "instance")).resolve()
    base_url = environ.get("RECERT_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
    if urlsplit(base_url).scheme not in ("http", "https"):
        raise SettingMissing(f"RECERT_BASE_URL must start with http:// or https://: {base_url!r}.")
    return Settings(
        home=home,
        database_url=environ.get("DATABASE_URL") or f"sqlite:///{home / 'recert.sqlite3'}",
        base_url=base_url,
        mail=_mail(environ),
        zone=_zone(environ.get("RECERT_TIMEZONE", "UTC")),
        undo_minutes=_number(environ, "RECERT_UNDO_MINUTES", 60),
        secure_cookies=base_url.startswith("https://"),
    )


def _mail(environ: Mapping[str, str]) -> MailSettings:
    security = environ.get("RECERT_MAIL_SECURITY", "none")
    if security not in ("none", "starttls", "tls"):
        raise SettingMissing(
            f"RECERT_MAIL_SECURITY must be none, starttls or tls, not {security!r}."
        )
    return MailSettings(
        server=environ.get("RECERT_MAIL_SERVER", "localhost"),
        port=_number(environ, "RECERT_MAIL_PORT", 25),
        security=security,
        ca_file=environ.get("RECERT_MAIL_CA_FILE", ""),
        username=environ.get("RECERT_MAIL_USERNAME", ""),
        password=environ.get("RECERT_MAIL_PASSWORD", ""),
        sender=environ.get("RECERT_MAIL_SENDER", "recert@localhost"),
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingMissing(f"RECERT_TIMEZONE is not a known zone: {name!r}.") from error


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    if not text.isdigit():
        raise SettingMissing(f"{name} must be a whole number, not {text!r}.")
    return int(text)
