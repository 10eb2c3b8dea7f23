"""Signed checkpoints of the trail leave this machine by themselves: by mail, into a directory that
lies elsewhere, and to syslog."""

import html
import logging
import logging.handlers
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation import secrets
from recert.foundation.actor import system
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.foundation.settings import CheckpointSettings
from recert.mail import service as mail
from recert.trail import kept, queries
from recert.trail.actions import Action
from recert.trail.models import TrailCheckpoint
from recert.trail.service import checkpoint

ACTOR = system("checkpoints")
RETRY = timedelta(hours=1)  # when a place did not take it
FILE = "recert-checkpoints.txt"

log = logging.getLogger(__name__)


def send_due(
    db: Database, destinations: CheckpointSettings, keys: Path, sender: str, *, now: datetime
) -> int:
    """Signs where the trail stands and gives it to every place, when the last time is long enough
    ago; to how many. A place that fails is written down and tried again within an hour."""
    if not destinations.any:
        return 0
    with db.transaction() as session:
        if not _is_due(session, destinations, now):
            return 0
        key = secrets.signing_key(keys)
        point = checkpoint(session, key, at=now)
        for address in destinations.mail:
            mail.put(session, _draft(address, point, key), sender=sender, now=now)
        line = kept.line(point)
    took, failed = [f"mail to {address}" for address in destinations.mail], {}
    for name, give in _other_destinations(destinations):
        try:
            give(line)
            took.append(name)
        except OSError as error:
            log.exception("the checkpoint of the trail could not be given to %s", name)
            failed[name] = str(error)
    details = {"seq": point.seq, "hash": point.hash, "places": took, "failed": failed}
    action = Action.CHECKPOINT_SENT if took else Action.CHECKPOINT_FAILED
    with db.transaction() as session:
        trail.append(session, action, kept.SUBJECT, details, actor=ACTOR, at=now)
    return len(took)


def _is_due(session: Session, destinations: CheckpointSettings, now: datetime) -> bool:
    for action in (Action.CHECKPOINT_SENT, Action.CHECKPOINT_FAILED):
        for body in queries.newest_about(session, action, kept.SUBJECT, 1):
            wait = RETRY if body["details"]["failed"] else timedelta(hours=destinations.hours)
            if datetime.fromisoformat(body["at"]) > now - wait:
                return False
    return True


def _other_destinations(
    destinations: CheckpointSettings,
) -> list[tuple[str, Callable[[str], None]]]:
    found: list[tuple[str, Callable[[str], None]]] = []
    if destinations.folder:
        folder = destinations.folder
        found.append((f"directory {folder}", lambda line: _append(folder / FILE, line)))
    if destinations.syslog:
        found.append(
            (f"syslog {destinations.syslog}", lambda line: _to_syslog(destinations.syslog, line))
        )
    return found


def _append(file: Path, line: str) -> None:
    """One line more, on the disk before it counts. Nothing that stands there is touched."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(line + "\n")
        opened.flush()
        os.fsync(opened.fileno())


class _Strict(logging.handlers.SysLogHandler):
    """Lets an error rise; the usual one prints it and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Called while the error is being handled."""
        raise  # noqa: PLE0704


def _to_syslog(place: str, line: str) -> None:
    host, _, port = place.rpartition(":")
    address: str | tuple[str, int] = place if place.startswith("/") else (host, int(port))
    handler = _Strict(address, facility=logging.handlers.SysLogHandler.LOG_AUTH)
    try:
        handler.ident = "recert: "
        text = f"trail checkpoint {line}"
        handler.emit(logging.LogRecord("recert", logging.NOTSET, "", 0, text, None, None))
    finally:
        handler.close()


def _draft(address: str, point: TrailCheckpoint, key: Ed25519PrivateKey) -> mail.Draft:
    finger = secrets.fingerprint(key.public_key().public_bytes_raw())
    text = (
        "Recert signed where its audit trail stands. Keep this mail: with it you can prove later "
        "that nothing before was changed or cut off.\n\n"
        f"{kept.line(point)}\n\n"
        "To check, save the mail as a file on the machine of Recert:\n"
        "    recert trail verify --checkpoint FILE\n\n"
        f"Key of the installation: {finger}\n"
    )
    return mail.Draft(
        topic=kept.SUBJECT,
        kind="checkpoint",
        to_address=address,
        to_name="",
        subject=f"Checkpoint of the audit trail: entry {point.seq}",
        text=text,
        html=f"<pre>{html.escape(text)}</pre>",
    )


@job(Phase.MAILS, 6)
def send_checkpoints(context: JobContext) -> int:
    """Signs a checkpoint of the trail and delivers it to the targets outside of this machine."""
    settings = context.settings
    sender = settings.mail.sender
    return send_due(context.db, settings.checkpoints, settings.keys, sender, now=context.now())
