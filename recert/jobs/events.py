"""Every entry of the trail goes to the company's security monitoring: CEF over syslog (TCP, TLS),
or JSON to a webhook. What the collector did not take is sent again: nothing is lost, and an entry
may come twice."""

import hashlib
import hmac
import json
import logging
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from fcntl import ioctl
from pathlib import Path
from termios import TIOCOUTQ
from urllib.parse import urlsplit

import requests
from sqlalchemy.orm import Session

from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.foundation.settings import EventSettings
from recert.trail import queries
from recert.trail.event_format import Event, as_json, as_syslog
from recert.trail.models import EventDelivery

AT_ONCE = 500
TIMEOUT = 10.0  # seconds for one step with a collector
RETRY = timedelta(minutes=1)

log = logging.getLogger(__name__)


class NotTaken(Exception):
    """The collector did not take everything."""


def send_due(db: Database, settings: EventSettings, *, now: datetime) -> int:
    """Sends what is new, oldest first; how many entries. An error is kept with the destination,
    for `recert doctor`, and tried again within a minute."""
    with db.reading() as session:
        kept = session.get(EventDelivery, settings.destination)
        if kept is not None and kept.problem and kept.tried_at > now - RETRY:
            return 0
        events = queries.events_after(session, kept.last_seq if kept else 0, AT_ONCE)
    if not events:
        return 0
    problem = ""
    try:
        _deliver(settings, events)
    except (OSError, NotTaken, requests.RequestException) as error:
        problem = f"{type(error).__name__}: {error}"
        log.warning("events were not taken by %s: %s", settings.destination, problem)
    with db.transaction() as session:
        _note(session, settings.destination, 0 if problem else events[-1].seq, problem, now)
    return 0 if problem else len(events)


def _note(session: Session, destination: str, seq: int, problem: str, now: datetime) -> None:
    kept = session.get(EventDelivery, destination)
    if kept is None:
        kept = EventDelivery(destination=destination, last_seq=0)
        session.add(kept)
    kept.last_seq = max(kept.last_seq, seq)
    kept.problem, kept.tried_at = problem[:500], now


def _deliver(settings: EventSettings, events: Sequence[Event]) -> None:
    parts = urlsplit(settings.destination)
    if parts.scheme in ("http", "https"):
        _to_webhook(settings, events)
    else:
        _to_syslog(settings, events, parts.hostname or "", parts.port or 6514)


def _to_webhook(settings: EventSettings, events: Sequence[Event]) -> None:
    body = json.dumps({"events": [as_json(event) for event in events]}).encode()
    headers = {"Content-Type": "application/json"}
    if settings.secret_file:
        secret = settings.secret_file.read_bytes().strip()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        headers["X-Recert-Signature"] = f"sha256={signature}"
    answer = requests.post(
        settings.destination,
        data=body,
        headers=headers,
        timeout=TIMEOUT,
        allow_redirects=False,
        verify=str(settings.ca_file) if settings.ca_file else True,
    )
    if not 200 <= answer.status_code < 300:
        raise NotTaken(f"it answered {answer.status_code}")


def _to_syslog(settings: EventSettings, events: Sequence[Event], host: str, port: int) -> None:
    name = socket.gethostname()
    with _connected(host, port) as plain:
        if urlsplit(settings.destination).scheme == "cef+tls":
            with _context(settings.ca_file).wrap_socket(plain, server_hostname=host) as secured:
                secured.sendall(b"".join(as_syslog(event, name) for event in events))
                _wait_until_taken(secured)
        else:
            plain.sendall(b"".join(as_syslog(event, name) for event in events))
            _wait_until_taken(plain)


@contextmanager
def _connected(host: str, port: int) -> Iterator[socket.socket]:
    with socket.create_connection((host, port), timeout=TIMEOUT) as connection:
        yield connection


def _context(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


def _wait_until_taken(connection: socket.socket) -> None:
    """Syslog has no answer: that the other machine has acknowledged every byte is all there is."""
    until = time.monotonic() + TIMEOUT
    while struct.unpack("i", ioctl(connection.fileno(), TIOCOUTQ, b"\0" * 4))[0]:
        if time.monotonic() > until:
            raise NotTaken("it does not read any more")
        time.sleep(0.02)
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, "the connection broke")


@job(Phase.DELIVERY, 2)
def send_events(context: JobContext) -> int:
    """Sends new entries of the trail to the company's security monitoring."""
    events = context.settings.events
    return send_due(context.db, events, now=context.now()) if events else 0
