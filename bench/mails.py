"""10,000 mails of one campaign, rendered and handed over, against smtplib with the same bytes."""

import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select

from recert.campaigns import mailing
from recert.campaigns.mailing import Letterhead
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.setup import drafts, launch
from recert.connectors.embedded.passwords import hash_password
from recert.demo.ports import free_port
from recert.foundation import schema
from recert.foundation.actor import operator
from recert.foundation.db import Database
from recert.foundation.settings import MailSettings
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.mail.delivery import deliver_due
from recert.mail.models import OutboxMessage
from recert.mail.smtp import OutgoingMail, Post
from recert.people import service as people
from recert.trail.act import Act

DIRECTOR = operator("bench")
ACCOUNTS, IN_A_FOLDER = 300, 3
SINK = """
import sys, time
from aiosmtpd.controller import Controller
class Sink:
    connections = 0
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"
Controller(Sink(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
print("ready", flush=True)
time.sleep(3600)
"""


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def sink() -> Iterator[int]:
    """A mail server in a process of its own that takes everything; its port."""
    port = free_port()
    command = [sys.executable, "-c", SINK, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield port
        finally:
            process.terminate()


def furnish(db: Database, folder: Path, reviewers: int) -> None:
    """A campaign that asks each of many owners about the three accounts in his folder."""
    schema.upgrade(db)
    names = [f"a{number:03}" for number in range(ACCOUNTS)]
    made: dict[str, dict[str, object]] = {
        name: {"password": hash_password("bench", cheap=True), "folders": {}} for name in names
    }
    for number in range(reviewers):
        (folder / "files" / f"f{number:05}").mkdir(parents=True)
        for step in range(IN_A_FOLDER):
            folders = made[names[(number + step * 7) % ACCOUNTS]]["folders"]
            assert isinstance(folders, dict)
            folders[f"/f{number:05}"] = "list download upload"
    file = folder / "permissions.json"
    content = {"version": 1, "root": "files", "groups": {}, "accounts": made}
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    persons = [
        f"p{n}@bench.example,Person {n},Bench,{'de' if n % 2 else 'en'}" for n in range(reviewers)
    ]
    owners = [f"bench,/f{n:05},p{n}@bench.example" for n in range(reviewers)]
    with db.transaction() as session:
        text = "email,name,organisation,language\n" + "\n".join(persons) + "\n"
        people.import_people(Act(session, DIRECTOR, now()), text)
        server = inventory.add_server(
            Act(session, DIRECTOR, now()), "bench", "embedded", {"file": str(file)}
        )
        lines = "server,folder,owner_email\n" + "\n".join(owners) + "\n"
        inventory.import_owners(Act(session, DIRECTOR, now()), lines)
    snapshots.take(db, server.id, actor=DIRECTOR, now=now)
    with db.transaction() as session:
        due = now() + timedelta(days=14)
        drafted = drafts.draft(
            Act(session, DIRECTOR, now()),
            drafts.CampaignDraft("Bench", [server.id], "/", due, undo_minutes=60),
        )
        launch.launch(Act(session, DIRECTOR, now()), drafted)


def raw_loop(port: int, mails: list[tuple[str, bytes]]) -> float:
    """Seconds of smtplib alone over one connection."""
    start = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as line:
        for address, content in mails:
            line.sendmail("recert@bench.example", [address], content)
    return time.perf_counter() - start


@contextmanager
def timed(module: Any, name: str) -> Iterator[list[float]]:
    """The seconds of each call of a function, while others go on around it."""
    real, taken = getattr(module, name), list[float]()

    def measured(*args: Any, **more: Any) -> Any:
        start = time.perf_counter()
        found = real(*args, **more)
        taken.append(time.perf_counter() - start)
        return found

    setattr(module, name, measured)
    try:
        yield taken
    finally:
        setattr(module, name, real)


def build_and_send(rows: Sequence[OutboxMessage], settings: MailSettings) -> float:
    """Seconds of building and sending over one connection, without the database."""
    app = Flask("bench")
    post = Post(app, settings)
    start = time.perf_counter()
    with app.app_context(), post.connect() as connection:
        for row in rows:
            mail = OutgoingMail(row, settings)
            connection.send(mail, mail.envelope)
    return time.perf_counter() - start


def measure(db: Database, folder: Path, reviewers: int = 10_000) -> dict[str, object]:
    """Seconds of both halves, of the work without the database, and of the raw loop. `ratio` is
    rendering, building and sending on one connection; the others count the outbox as well, with
    one durable commit for each mail that was handed over."""
    furnish(db, folder, reviewers)
    head = Letterhead("https://recert.bench.example", ZoneInfo("UTC"), "recert@bench.example")
    with sink() as port:
        settings = MailSettings("127.0.0.1", port, sender=head.sender)
        with timed(mailing.render, "render") as rendering:
            start = time.perf_counter()
            written = reviewer_mails.send_due(db, head, now=now())
            put = time.perf_counter() - start
        with db.reading() as session:
            rows = session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
        mails = [(row.to_address, OutgoingMail(row, settings).as_bytes()) for row in rows]
        start = time.perf_counter()
        sent = deliver_due(db, Post(Flask("bench"), settings), now=now)
        handed_over = time.perf_counter() - start
        sending = build_and_send(rows, settings)
        raw = raw_loop(port, mails)
    assert written == sent == len(mails) == reviewers
    return {
        "mails": sent,
        "bytes_a_mail": sum(len(content) for _, content in mails) // sent,
        "written_s": put,
        "handed_over_s": handed_over,
        "mails_per_s": sent / (put + handed_over),
        "smtplib_s": raw,
        "rendered_built_sent_s": sum(rendering) + sending,
        "ratio": raw / (sum(rendering) + sending),
        "ratio_with_outbox": raw / (put + handed_over),
        "ratio_handing_over": raw / handed_over,
    }
