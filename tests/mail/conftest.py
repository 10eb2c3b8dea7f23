# ruff: noqa: N802  aiosmtpd finds its hooks by these names
"""A real SMTP server that can misbehave, and the outbox of one database."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy import select

from recert.foundation.db import Database
from recert.foundation.settings import MailSettings
from recert.ftpserver.certificate import self_signed_certificate
from recert.mail import service
from recert.mail.delivery import deliver_due
from recert.mail.models import OutboxMessage
from recert.mail.smtp import Post
from tests.support.databases import Template
from tests.support.house import NOON

Answer = Callable[[Envelope], str | None]


@dataclass
class Faults:
    """What the server says to MAIL FROM, to an address, and to a whole mail; None is yes."""

    sender: str | None = None
    recipients: dict[str, str] = field(default_factory=dict)
    data: Answer = lambda _envelope: None
    cut: set[str] = field(default_factory=set)  # addresses whose mail ends with a cut line
    hang: threading.Event | None = None  # DATA waits until it is set


class Box:
    """Keeps what came, and counts connections."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.connections = 0

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, host: str, answers: list[str]
    ) -> list[str]:
        if not getattr(session, "counted", False):
            session.counted = True  # type: ignore[attr-defined]
            self.connections += 1
        session.host_name = host
        return answers

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.faults.sender:
            return self.faults.sender
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address in self.faults.recipients:
            return self.faults.recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.faults.hang:
            await asyncio.to_thread(self.faults.hang.wait, 20)
        if self.faults.cut.intersection(envelope.rcpt_tos):
            assert server.transport
            server.transport.abort()
            return "250 never seen"
        refusal = self.faults.data(envelope)
        if refusal:
            return refusal
        content = envelope.content
        assert isinstance(content, bytes)
        self.raw.append(content)
        self.mails.append(message_from_bytes(content, policy=policy.SMTP))  # type: ignore[arg-type]
        return "250 OK"

    def addresses(self) -> list[str]:
        return [str(mail["To"].addresses[0].addr_spec) for mail in self.mails]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(box: Box, port: int, **more: Any) -> Iterator[MailSettings]:
    """A real server on loopback."""
    controller = Controller(box, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        yield MailSettings("127.0.0.1", port, sender="recert@house.example", timeout=5)
    finally:
        controller.stop()


class Outbox:
    """The outbox of one database, and a worker with a clock of its own."""

    def __init__(self, db: Database) -> None:
        self.db, self.time = db, NOON

    def put(self, *names: str, **more: Any) -> None:
        with self.db.transaction() as session:
            for name in names:
                draft = service.Draft(
                    topic="campaign:1",
                    kind="invitation",
                    to_address=f"{name}@house.example",
                    to_name=name.title(),
                    subject="Access review",
                    text="Hello\n",
                    html="<p>Hello</p>",
                )
                made = replace(draft, **more)
                service.put(session, made, sender="recert@house.example", now=self.time)

    def deliver(self, settings: MailSettings) -> int:
        return deliver_due(self.db, Post(Flask("test"), settings), now=lambda: self.time)

    def later(self, **more: float) -> datetime:
        self.time += timedelta(**more)
        return self.time

    def rows(self) -> dict[str, OutboxMessage]:
        """Every mail by the name before the @."""
        with self.db.reading() as session:
            found = session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
        return {row.to_address.partition("@")[0]: row for row in found}

    def states(self) -> dict[str, str]:
        return {name: row.state.value for name, row in self.rows().items()}


@pytest.fixture
def outbox(migrated: Template, tmp_path: Path) -> Iterator[Outbox]:
    with migrated.copy(tmp_path) as db:
        yield Outbox(db)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def server(box: Box) -> Iterator[MailSettings]:
    with serving(box, free_port()) as settings:
        yield settings


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1; who trusts this file trusts the server."""
    return self_signed_certificate(tmp_path_factory.mktemp("tls") / "server.pem", "127.0.0.1")


@pytest.fixture(scope="session")
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
