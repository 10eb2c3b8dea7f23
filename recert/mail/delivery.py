"""Delivers the due mails of the outbox over SMTP."""

import smtplib
from collections import deque
from collections.abc import Callable
from datetime import datetime

from recert.foundation import failpoints
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.mail import service, unreachable
from recert.mail.models import OutboxMessage
from recert.mail.smtp import CannotBeMailed, OutgoingMail, Post, VerifiedConnection

PERMANENT = 500
LOST_LINES_ALLOWED = 3  # then this run ends and the next one tries again


def deliver_due(db: Database, post: Post, *, now: Callable[[], datetime]) -> int:
    """Sends the due mails; returns how many the server accepted. A crash after the server accepted
    a mail may send it twice, with the same Message-ID; none is ever lost."""
    sent = lost_lines = 0
    while lost_lines < LOST_LINES_ALLOWED:
        with db.transaction() as session:
            batch = deque(service.claim(session, now=now()))
        if not batch:
            break
        run = _Run(db, post, batch, now)
        lost_lines += not run.deliver()
        sent += run.sent
    return sent


class _Run:
    """One batch of mails over one connection."""

    def __init__(
        self,
        db: Database,
        post: Post,
        waiting: deque[OutboxMessage],
        now: Callable[[], datetime],
    ) -> None:
        self.sent = 0
        self._db, self._post, self._waiting, self._now = db, post, waiting, now
        # Before the lease runs out the rest is claimed anew, or another worker would send it too.
        self._until = now() + service.LEASE / 2

    def deliver(self) -> bool:
        """False when the connection was lost. Then only the mail being sent has used up an
        attempt; when no connection could be opened, all of them have."""
        on_this_connection = len(self._waiting)
        try:
            with self._post.flask.app_context(), self._post.connect() as connection:
                on_this_connection = 1
                while self._waiting and connection.is_open and self._now() < self._until:
                    self._deliver_one(connection, self._waiting[0])
                    self._waiting.popleft()
                alive = connection.is_open
        except (OSError, smtplib.SMTPException) as error:
            alive = False
            with self._db.transaction() as session:
                for message in [self._waiting.popleft() for _ in range(on_this_connection)]:
                    service.mark_retry(session, message, _reason(error), now=self._now())
        with self._db.transaction() as session:
            for message in self._waiting:
                service.release(session, message, now=self._now())
        return alive

    def _deliver_one(self, connection: VerifiedConnection, message: OutboxMessage) -> None:
        try:
            mail = OutgoingMail(message, self._post.settings)
            connection.send(mail, mail.envelope)
        except smtplib.SMTPSenderRefused as error:  # that is about us, not about this mail
            self._refused(message, error.smtp_code, error.smtp_error, for_good=False)
        except smtplib.SMTPRecipientsRefused as error:
            code, why = next(iter(error.recipients.values()))
            self._refused(message, code, why, for_good=code >= PERMANENT, address=True)
        except smtplib.SMTPResponseException as error:
            for_good = error.smtp_code >= PERMANENT
            self._refused(message, error.smtp_code, error.smtp_error, for_good=for_good)
        except CannotBeMailed as error:
            with self._db.transaction() as session:
                service.mark_failed(session, message, str(error))
        else:
            failpoints.reach("mail.accepted")
            with self._db.transaction() as session:
                service.mark_sent(session, message, now=self._now())
            self.sent += 1

    def _refused(
        self,
        message: OutboxMessage,
        code: int,
        why: bytes | str,
        *,
        for_good: bool,
        address: bool = False,
    ) -> None:
        text = why.decode(errors="replace") if isinstance(why, bytes) else why
        answer = f"{code} {text}"
        with self._db.transaction() as session:
            if for_good and address:
                to, about = message.to_address, message.message_id
                unreachable.note(session, to, answer, about, now=self._now())
            if for_good:
                service.mark_failed(session, message, answer)
            else:
                service.mark_retry(session, message, f"{code} {text}", now=self._now())


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


@job(Phase.DELIVERY, 1)
def send_mails(context: JobContext) -> int:
    """Hands the outbox over to the mail server."""
    return deliver_due(context.db, context.service(Post), now=context.now)
