"""What can be set. `config.py` reads the environment; nobody else does."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from recert.foundation.errors import RecertError

LANGUAGES = ("en", "de")


class SettingMissing(RecertError):
    """A setting is missing or wrong."""


@dataclass(frozen=True)
class MailSettings:
    """Where mail goes. `security` is none, starttls or tls."""

    server: str = "localhost"
    port: int = 25
    security: str = "none"
    ca_file: str = ""
    username: str = ""
    password: str = ""
    sender: str = "recert@localhost"
    timeout: float = 15.0
    reply_to: str = ""  # replies and bounces go to it with a key after a plus; empty: none are read


@dataclass(frozen=True)
class ReplySettings:
    """The mailbox in which replies and bounces arrive. `security` is tls or starttls. Without
    `authserv_id`, the name under which the own mail server says who a mail is from, no reply
    decides."""

    server: str
    port: int = 993
    security: str = "tls"
    ca_file: str = ""
    username: str = ""
    password: str = ""
    folder: str = "INBOX"
    authserv_id: str = ""
    timeout: float = 15.0


@dataclass(frozen=True)
class CheckpointSettings:
    """Destinations outside this machine for signed checkpoints of the trail, and how often.
    `syslog` is HOST:PORT or the path of a socket."""

    mail: tuple[str, ...] = ()
    folder: Path | None = None
    syslog: str = ""
    hours: int = 24

    @property
    def any(self) -> bool:
        """Whether a destination is set at all."""
        return bool(self.mail or self.folder or self.syslog)


@dataclass(frozen=True)
class EventSettings:
    """Where entries of the trail go as events: cef+tls://HOST:PORT, cef+tcp://HOST:PORT, or the
    https address of a webhook, whose body is signed with the secret."""

    destination: str
    ca_file: Path | None = None
    secret_file: Path | None = None


@dataclass(frozen=True)
class Settings:
    """Everything one process of Recert needs to know."""

    home: Path
    database_url: str
    base_url: str  # links in mails are built from it, never from a request
    mail: MailSettings
    zone: ZoneInfo
    undo_minutes: int = 60
    micro_reviews: bool = True  # ask at once about access that changed outside of Recert
    certified_days: int = 92  # how long an answer about access counts
    secure_cookies: bool = True
    language: str = "en"  # of mails to persons who have none of their own
    replies: ReplySettings | None = None  # none: replies are not read
    recording_days: int = 90  # how long recordings of readings are kept that no campaign uses
    # Folders below which the pages may name configurations, keys and programs of servers.
    server_paths: tuple[str, ...] = ()
    proxies: int = 0  # reverse proxies in front: how many addresses they add to X-Forwarded-For
    checkpoints: CheckpointSettings = CheckpointSettings()  # where checkpoints of the trail go
    events: EventSettings | None = None  # none: entries of the trail are not sent anywhere
    people_minutes: int = 60  # how often directories are synchronised
    servers_at_once: int = 16  # how many servers are read or changed at the same time
    demo_mailbox: Path | None = None  # set by the demo only

    @property
    def keys(self) -> Path:
        """The folder of the secret files."""
        return self.home / "keys"

    @property
    def recordings(self) -> Path:
        """The folder of what servers answered."""
        return self.home / "recordings"
