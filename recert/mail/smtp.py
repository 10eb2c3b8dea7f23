"""Sending by Flask-Mail, with a connection class of ours on top of it.

Flask-Mail alone has no timeout, accepts any certificate and drops partial refusals. Its own
extension points (`Mail.connect`, `Connection.configure_host`, `Message.as_bytes`) mend that.
"""

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime

import flask_mail
from flask import Flask

from recert.foundation.errors import BadInput
from recert.foundation.settings import MailSettings
from recert.mail.models import OutboxMessage

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


class Letter(flask_mail.Message):
    """One outbox row as a message. Built by `EmailMessage`, which refuses line breaks in
    headers; CannotBeMailed then."""

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
    made = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # not every server takes 8 bits
    made["Subject"] = row.subject
    made["From"] = Address("Recert", addr_spec=settings.sender)
    made["To"] = Address(row.to_name, addr_spec=row.to_address)
    made["Date"] = localtime(row.created_at)
    made["Message-ID"] = row.message_id
    made["Auto-Submitted"] = "auto-replied" if row.kind in ANSWERS else "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    if row.in_reply_to:
        made["In-Reply-To"] = made["References"] = row.in_reply_to
    if row.reply_key:
        made["Reply-To"] = Address("Recert", addr_spec=plus(settings.reply_to, row.reply_key))
    if row.unsubscribe:
        made["List-Unsubscribe"] = f"<{row.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if row.language:
        made["Content-Language"] = row.language
    made.set_content(row.text)
    made.add_alternative(row.html, subtype="html")
    return made.as_bytes()
