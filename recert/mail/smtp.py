"""Sending by Flask-Mail, with a connection class of ours on top of it.

Flask-Mail alone has no timeout, accepts any certificate and drops partial refusals. Its own
extension points (`Mail.connect`, `Connection.configure_host`, `Message.as_bytes`) mend that.
"""

import smtplib
import ssl
from binascii import b2a_qp
from collections.abc import Iterator
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from functools import lru_cache

import flask_mail
from flask import Flask

from recert.foundation.errors import BadInput
from recert.foundation.settings import MailSettings
from recert.mail.models import OutboxMessage

LONGEST_HEADER = 900
ANSWERS = ("receipt", "unclear")  # to a mail of the reader


class VerifiedConnection(flask_mail.Connection):
    """One SMTP connection with a timeout and a verified certificate."""

    def __init__(self, mail: flask_mail.Mail, settings: MailSettings) -> None:
        super().__init__(mail)
        self._settings = settings

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        """Connects; raises OSError or SMTPException."""
        wanted = self._settings
        context = ssl.create_default_context(cafile=wanted.ca_file or None)
        if wanted.security == "tls":
            host: smtplib.SMTP = smtplib.SMTP_SSL(
                wanted.server, wanted.port, timeout=wanted.timeout, context=context
            )
        else:
            host = smtplib.SMTP(wanted.server, wanted.port, timeout=wanted.timeout)
        try:
            if wanted.security == "starttls":
                host.starttls(context=context)
            if wanted.username:
                host.login(wanted.username, wanted.password)
        except BaseException:
            host.close()
            raise
        return host

    @property
    def is_open(self) -> bool:
        """False when the server has closed the line."""
        return self.host is not None and self.host.sock is not None

    def __exit__(self, *_details: object) -> None:
        if self.host is None:
            return
        try:
            self.host.quit()
        except (OSError, smtplib.SMTPException):
            self.host.close()  # the line is dead already; what was sent is marked by its row


class Post(flask_mail.Mail):
    """Flask-Mail with verified connections. Needs an app, as Flask-Mail does."""

    def __init__(self, app: Flask, settings: MailSettings) -> None:
        self.settings = settings
        app.config["MAIL_DEFAULT_SENDER"] = settings.sender
        app.config["MAIL_SUPPRESS_SEND"] = False
        super().__init__(app)
        self.flask = app

    def connect(self) -> VerifiedConnection:
        """A connection for many mails: `with post.connect() as connection`."""
        return VerifiedConnection(self.flask.extensions["mail"], self.settings)


class CannotBeMailed(BadInput):
    """An address or a header holds something that no mail can carry."""


class OutgoingMail(flask_mail.Message):
    """One outbox row as a message. Raises CannotBeMailed where `EmailMessage` refuses a header,
    for instance because of a line break."""

    def __init__(self, row: OutboxMessage, settings: MailSettings) -> None:
        sender = settings.sender
        super().__init__(
            subject=row.subject,
            recipients=[row.to_address],
            body=row.text,
            html=row.html,
            sender=sender,
        )
        self.msgId = row.message_id
        try:
            self._bytes = _bytes_of(row, settings)
        except (ValueError, IndexError, MessageError) as error:
            raise CannotBeMailed(str(error)) from error

        # Bounces come to where replies are read, and say which mail they are about.
        self.envelope = plus(settings.reply_to, "b-" + row.reply_key) if row.reply_key else sender

    def as_bytes(self) -> bytes:
        """The message as it goes over the wire."""
        return self._bytes


def plus(address: str, detail: str) -> str:
    """box@host with a detail: box+detail@host."""
    local, _, host = address.rpartition("@")
    return f"{local}+{detail}@{host}"


def _bytes_of(row: OutboxMessage, settings: MailSettings) -> bytes:
    """The message on the wire. Text that people wrote goes through `EmailMessage`; Recert's own
    headers are only checked for line breaks, which is ten times as fast."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = row.subject
    message["To"] = Address(row.to_name, addr_spec=row.to_address)
    lines = [f"{name}: {_one_line(value)}" for name, value in _own_headers(row, settings)]
    boundary = row.message_id.strip("<>").partition("@")[0]
    lines += [f'Content-Type: multipart/alternative; boundary="={_one_line(boundary)}="']
    parts = [_part(boundary, "plain", row.text), _part(boundary, "html", row.html)]
    end = f"--={boundary}=--\r\n".encode()
    head = message.as_bytes().removesuffix(b"\r\n")  # without the empty line after the headers
    return (
        _from(settings.sender)
        + head
        + "\r\n".join([*lines, "", ""]).encode("ascii")
        + b"".join(parts)
        + end
    )


@lru_cache(maxsize=8)
def _from(sender: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Recert", addr_spec=sender)
    return message.as_bytes().removesuffix(b"\r\n")


def _own_headers(row: OutboxMessage, settings: MailSettings) -> Iterator[tuple[str, str]]:
    yield "Date", format_datetime(localtime(row.created_at))
    yield "Message-ID", row.message_id
    yield "Auto-Submitted", "auto-replied" if row.kind in ANSWERS else "auto-generated"
    yield "X-Auto-Response-Suppress", "All"
    if row.in_reply_to:
        yield "In-Reply-To", row.in_reply_to
        yield "References", row.in_reply_to
    if row.reply_key:
        yield "Reply-To", f"Recert <{plus(settings.reply_to, row.reply_key)}>"
    if row.unsubscribe:
        yield "List-Unsubscribe", f"<{row.unsubscribe}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    if row.language:
        yield "Content-Language", row.language
    yield "MIME-Version", "1.0"


def _one_line(value: str) -> str:
    if not value.isascii() or not value.isprintable() or len(value) > LONGEST_HEADER:
        raise ValueError(f"a header holds linefeed or other control characters: {value[:40]!r}")
    return value


def _part(boundary: str, kind: str, text: str) -> bytes:
    """Seven bits only: not every server takes more. Quoted-printable keeps it readable."""
    body = b2a_qp("\r\n".join(text.splitlines()).encode() + b"\r\n") + b"\r\n"
    head = (
        f'--={boundary}=\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + body
