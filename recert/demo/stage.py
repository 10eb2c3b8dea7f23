"""Sets the demo up: servers, mail, database, people, snapshot; everything under one folder."""

import fcntl
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import waitress
from flask import Flask
from sqlalchemy.orm import Session

from recert.campaigns.policy import MailAnswers, Policy
from recert.campaigns.setup import drafts, policy_agreement
from recert.campaigns.setup import launch as campaigns
from recert.demo import company
from recert.demo.post_office import PostOffice
from recert.foundation import clock, schema
from recert.foundation.actor import Actor, Role, operator
from recert.foundation.db import Database
from recert.foundation.errors import RecertError
from recert.foundation.settings import MailSettings, Settings
from recert.ftpserver.certificate import self_signed_certificate
from recert.ftpserver.server import EmbeddedServer
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.inventory.models import SnapshotState
from recert.inventory.recordings import RecordingStore
from recert.people import service as people
from recert.people import users
from recert.people.queries import user_by_email
from recert.trail.act import Act

MARK = ".recert-demo"
PASSWORD = "harbour-and-pine"  # noqa: S105  printed by the demo, loopback only
DIRECTOR = operator("demo")
CAMPAIGN = "Fourth quarter 2026"
LOGINS = {
    "compliance officer": ("officer", "Olivia Marsh", frozenset({Role.OFFICER})),
    "second compliance officer": ("officer2", "Otis Lane", frozenset({Role.OFFICER})),
    "administrator": ("admin", "Adam Quist", frozenset({Role.ADMINISTRATOR})),
    "auditor": ("auditor", "Ava Stone", frozenset({Role.AUDITOR})),
}


class NotADemoFolder(RecertError):
    """The demo starts afresh each time, but this folder was not made by it. Choose another
    RECERT_HOME."""


class DemoRuns(RecertError):
    """The demo is running in this folder already. End it there with Ctrl-C, or choose another
    RECERT_HOME."""


@dataclass
class Stage:
    """A running demo."""

    settings: Settings
    app: Flask
    ftp: dict[str, EmbeddedServer]
    post: PostOffice
    permission_files: dict[str, Path]

    @property
    def db(self) -> Database:
        """Its database."""
        found: Database = self.app.extensions["recert.db"]
        return found


def clear(home: Path) -> None:
    """Empties the demo's folder; refuses one that the demo did not make."""
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise NotADemoFolder(f"Folder: {home}.")
        with held(home):
            shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / MARK).touch()


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Keeps other demos out of this one's folder; DemoRuns when one is in it. A process that dies
    lets go."""
    with (home / MARK).open("w") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRuns(f"Folder: {home}.") from error
        yield


@contextmanager
def open_stage(
    settings: Settings,
    create_app: Callable[[Settings], Flask],
    *,
    port: int,
    undo_minutes: int,
    ftp_ports: tuple[int, int] = (0, 0),
) -> Iterator[Stage]:
    """Starts everything under `settings.home`, which is emptied first, and ends it again."""
    home = settings.home
    clear(home)
    with ExitStack() as stack:
        stack.enter_context(held(home))
        post = stack.enter_context(PostOffice(home / "mail"))
        chosen = replace(
            settings,
            database_url=f"sqlite:///{home / 'recert.sqlite3'}",
            base_url=f"http://127.0.0.1:{port}",
            mail=MailSettings("127.0.0.1", post.port, sender=f"recert@{company.DOMAIN}"),
            undo_minutes=undo_minutes,
            secure_cookies=False,
            demo_mailbox=post.folder,
        )
        certificate = home / "ftp.pem"
        self_signed_certificate(certificate, "127.0.0.1")
        ftp, files = {}, {}
        for site, ftp_port in zip(company.sites(clock.now()), ftp_ports, strict=True):
            files[site.name] = site.write(home / "servers")
            log = files[site.name].with_name("xferlog")
            server = EmbeddedServer(
                files[site.name], port=ftp_port, certificate=certificate, xferlog=log
            )
            ftp[site.name] = stack.enter_context(server)
        app = create_app(chosen)
        stage = Stage(chosen, app, ftp, post, files)
        stack.callback(stage.db.dispose)
        _furnish(stage)
        stack.enter_context(_serving(app, port))
        yield stage


@contextmanager
def _serving(app: Flask, port: int) -> Iterator[None]:
    server: Any = waitress.create_server(
        app, host="127.0.0.1", port=port, threads=8, connection_limit=1000, ident="Recert"
    )
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.close()
        thread.join(timeout=5)


def _furnish(stage: Stage) -> None:
    """People, users, servers and owners, through the same use cases that everybody uses."""
    now = clock.now()
    schema.upgrade(stage.db)
    with stage.db.transaction() as session:
        people.import_people(Act(session, DIRECTOR, now), company.people_csv())
        for login, name, roles in LOGINS.values():
            email = f"{login}@{company.DOMAIN}"
            users.add_user(Act(session, DIRECTOR, now), email, name, PASSWORD, roles)
        owner = company.head_of("Finance")
        users.add_user(Act(session, DIRECTOR, now), owner.email, owner.name, PASSWORD, frozenset())
        for name, file in stage.permission_files.items():
            server = inventory.add_server(
                Act(session, DIRECTOR, now), name, "embedded", {"file": str(file)}
            )
            inventory.enable_writes(Act(session, DIRECTOR, now), server, True)
        inventory.import_owners(Act(session, DIRECTOR, now), company.owners_csv())


def acting(session: Session, login: str) -> Actor:
    """One of the LOGINS, for whom the demo acts."""
    user = user_by_email(session, f"{login}@{company.DOMAIN}")
    if user is None:
        raise RecertError(f"The demo has no user {login!r}.")
    return replace(
        DIRECTOR,
        name=f"{user.email} ({DIRECTOR.name})",
        person_id=user.person_id,
        user_id=user.id,
        roles=frozenset(Role(role) for role in user.roles),
    )


def look_and_launch(stage: Stage, prefix: str = "/") -> int:
    """Takes snapshots of both servers and launches a campaign; its number."""
    with stage.db.reading() as session:
        wanted = [inventory.server_by_name(session, name).id for name in stage.permission_files]
    for server_id in wanted:
        outcome = snapshots.take(
            stage.db,
            server_id,
            actor=DIRECTOR,
            now=clock.now,
            recording_store=RecordingStore(stage.settings.recordings),
        )
        if outcome.state is not SnapshotState.COMPLETE:
            raise RecertError(f"The snapshot of {outcome.server} failed: {outcome.reason}")
    now = clock.now()
    day = (now + timedelta(days=14)).date()
    due_at = clock.end_of_day(day, stage.settings.zone)
    with stage.db.transaction() as session:
        campaign = drafts.draft(
            Act(session, acting(session, "officer"), now),
            drafts.CampaignDraft(
                CAMPAIGN,
                wanted,
                prefix,
                due_at,
                undo_minutes=stage.settings.undo_minutes,
                policy=Policy(mail_answers=MailAnswers.ALL),
            ),
        )
        policy_agreement.agree(
            Act(session, acting(session, "officer2"), now),
            campaign.ref,
            campaign.weaker,
            "A demo: every question can be answered from its mail.",
        )
        campaigns.launch(Act(session, acting(session, "officer"), now), campaign)
        return campaign.id
