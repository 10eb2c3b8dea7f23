"""The run that empties the outbox."""

import smtplib
from collections.abc import Callable, Sequence
from datetime import datetime

from recert.foundation.db import Database
from recert.mail import service
from recert.mail.models import OutboxMessage
from recert.mail.smtp import Letter, Post, VerifiedConnection

PERMANENT = 500


def deliver_due(db: Database, post: Post, *, now: Callable[[], datetime]) -> int:
    """Sends what is due over one connection; how many the server took. A crash after the server
    said yes may send one mail twice, with the same Message-ID; none is ever lost."""
    sent = 0
    while True:
        with db.transaction() as session:
            batch = service.claim(session, now=now())
        if not batch:
            return sent
        sent += _deliver(db, post, batch, now)


def _deliver(
    db: Database, post: Post, batch: Sequence[OutboxMessage], now: Callable[[], datetime]
) -> int:
    sent, waiting = 0, list(batch)
    try:
        with post.flask.app_context(), post.connect() as connection:
            while waiting:
                sent += _deliver_one(db, post, connection, waiting[0], now)
                waiting.pop(0)
    except (OSError, smtplib.SMTPException) as error:
        with db.transaction() as session:
            for message in waiting:
                service.mark_retry(session, message, _reason(error), now=now())
    return sent


def _deliver_one(
    db: Database,
    post: Post,
    connection: VerifiedConnection,
    message: OutboxMessage,
    now: Callable[[], datetime],
) -> int:
    try:
        connection.send(Letter(message, post.settings.sender))
    except smtplib.SMTPRecipientsRefused as error:
        code, why = next(iter(error.recipients.values()))
        _refused(db, message, code, why, now)
    except smtplib.SMTPResponseException as error:
        _refused(db, message, error.smtp_code, error.smtp_error, now)
        raise_if_gone(connection)
    except ValueError as error:  # an address or header that no mail can carry
        with db.transaction() as session:
            service.mark_failed(session, message, str(error))
    else:
        with db.transaction() as session:
            service.mark_sent(session, message, now=now())
        return 1
    return 0


def raise_if_gone(connection: VerifiedConnection) -> None:
    """Leaves the batch when the server has closed the line."""
    if connection.host is None or connection.host.sock is None:
        raise smtplib.SMTPServerDisconnected("the mail server closed the connection")


def _refused(
    db: Database,
    message: OutboxMessage,
    code: int,
    why: bytes | str,
    now: Callable[[], datetime],
) -> None:
    text = why.decode(errors="replace") if isinstance(why, bytes) else why
    with db.transaction() as session:
        if code >= PERMANENT:
            service.mark_failed(session, message, f"{code} {text}")
        else:
            service.mark_retry(session, message, f"{code} {text}", now=now())


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
