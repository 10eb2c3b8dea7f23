"""One tick each. Every tick pulls what is due, so it can run twice, late or never without harm."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from recert.activity import service as activity
from recert.campaigns.completion import challenges
from recert.campaigns.decisions import finalisation, own_access, stage_outcomes
from recert.campaigns.decisions.mail_replies import ReplyHandling
from recert.campaigns.mailing import Letterhead
from recert.campaigns.notifications import (
    removal_mails,
    reviewer_mails,
    stale_mails,
    undeliverable,
    update_mails,
)
from recert.campaigns.reviewing import reviewer_changes, snapshot_refresh
from recert.campaigns.schedule import runner
from recert.campaigns.triggers import micro_campaigns
from recert.campaigns.triggers.micro_campaigns import Desk
from recert.changes import execution
from recert.evidence.package import recordings
from recert.foundation import clock, secrets
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.db import Database
from recert.foundation.errors import MovedMeanwhile
from recert.foundation.parallel import Jobs
from recert.foundation.settings import CheckpointSettings
from recert.inventory import connection_checks, snapshots
from recert.inventory import queries as inventory
from recert.inventory.recordings import RecordingStore
from recert.jobs import checkpoints
from recert.mail.delivery import deliver_due
from recert.mail.smtp import Post
from recert.people import service as people
from recert.remediation import expirations, register_updates
from recert.remediation import service as remediation
from recert.trail import checks
from recert.trail.act import Act

READ = "read"  # the job that takes a snapshot
WORKER = Actor("worker", Channel.SYSTEM, Assurance.POLICY, roles=frozenset({Role.ADMINISTRATOR}))

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Works:
    """What the ticks work with."""

    db: Database
    post: Post
    head: Letterhead
    desk: Desk | None = None  # none: micro reviews are switched off
    replies: ReplyHandling | None = None  # none: replies are not read
    recording_store: RecordingStore | None = None  # where what servers answered is kept
    recording_days: int = 90
    checkpoints: CheckpointSettings | None = None  # where signed checkpoints of the trail go
    keys: Path | None = None  # where the key that signs them lies
    servers: Jobs = field(default_factory=Jobs)  # what is done on servers, several at once


def note_leavers(works: Works) -> int:
    """Persons whose announced last day has come."""
    with works.db.transaction() as session:
        return people.note_leavers(Act(session, WORKER, clock.now()))


def check_connections(works: Works) -> int:
    """Begins the checks of connections that somebody asked for on a page."""
    with works.db.reading() as session:
        wanted = connection_checks.wanted(session, now=clock.now())
    check = partial(connection_checks.make, works.db, actor=WORKER, now=clock.now)
    return sum(works.servers.add(("check", number), partial(check, number)) for number in wanted)


def check_trail(works: Works) -> int:
    """Begins the check of the whole trail that somebody asked for on a page."""
    if works.keys is None:
        return 0
    with works.db.reading() as session:
        wanted = checks.is_wanted(session, now=clock.now())
    if not wanted:
        return 0
    ours = secrets.signing_key(works.keys).public_key()
    return int(
        works.servers.add(("check trail", 0), partial(checks.make, works.db, ours, now=clock.now))
    )


def take_wanted_snapshots(works: Works) -> int:
    """Begins to read the servers somebody asked for, and waits for none of them."""
    with works.db.reading() as session:
        wanted = inventory.wanted_snapshots(session, now=clock.now())

    def read(server_id: int) -> None:
        snapshots.take_wanted(
            works.db, server_id, actor=WORKER, now=clock.now, recording_store=works.recording_store
        )

    begun = sum(
        works.servers.add((READ, server_id), partial(read, server_id)) for server_id in wanted
    )
    if begun and works.recording_store:
        recordings.prune(
            works.db, works.recording_store, works.recording_days, actor=WORKER, now=clock.now()
        )
    return begun


def refresh_items(works: Works) -> int:
    """Asks again where access changed, whoever took the snapshot that shows it."""
    now = clock.now()
    touched = snapshot_refresh.refresh_due(works.db, now=now)
    return touched + snapshot_refresh.want_second_readings(works.db, actor=WORKER, now=now)


def follow_people(works: Works) -> int:
    """Undecided items go to whoever must answer them now."""
    now = clock.now()
    return reviewer_changes.follow_due(works.db, now=now) + own_access.withdraw_due(
        works.db, now=now
    )


def launch_scheduled(works: Works) -> int:
    """Reviews whose day has come."""
    return runner.launch_due(works.db, now=clock.now())


def read_logs(works: Works) -> int:
    """Begins to read what is new in transfer logs. What was read stands in the trail: a server
    without logs is asked each time, so how many were begun tells nothing."""
    read = partial(activity.read_server, works.db, zone=works.head.zone, now=clock.now())
    for number in activity.servers_due(works.db, now=clock.now()):
        works.servers.add(("read logs", number), partial(read, number))
    return 0


def ask_about_changes(works: Works) -> int:
    """Micro reviews about what changed outside of Recert. They come after the scheduled ones, so
    that nobody is asked twice."""
    return micro_campaigns.ask_due(works.db, works.desk, now=clock.now()) if works.desk else 0


def finalise(works: Works) -> int:
    """Answers that can no longer be changed."""
    with works.db.transaction() as session:
        done = finalisation.finalise_due(session, now=clock.now())
    return done + stage_outcomes.move_on(works.db, now=clock.now())


def remediate(works: Works) -> int:
    """Final decisions become orders."""
    challenges.open_due(works.db, now=clock.now())
    made = remediation.order_final(works.db, now=clock.now())
    made += expirations.order_due(works.db, now=clock.now())
    return made + register_updates.note_final(works.db, now=clock.now())


def carry_out(works: Works) -> int:
    """Begins to carry orders out on the servers that have some, and waits for none of them."""
    return execution.begin_due(works.db, works.servers, now=clock.now)


def follow_orders(works: Works) -> int:
    """Items follow what became of their orders."""
    return remediation.follow_orders(works.db, now=clock.now())


def write_mails(works: Works) -> int:
    """Invitations, reminders and news go into the outbox."""
    now = clock.now()
    sent = reviewer_mails.send_due(works.db, works.head, now=now)
    sent += removal_mails.send_due(works.db, works.head, now=now)
    return sent + update_mails.send_due(works.db, works.head, now=now)


def read_replies(works: Works) -> int:
    """Replies and bounces, when there is a mailbox for them."""
    return works.replies.read(works.db, now=clock.now()) if works.replies else 0


def tell_undeliverable(works: Works) -> int:
    """Somebody is told when mail cannot reach a reviewer."""
    return undeliverable.tell_due(works.db, works.head, now=clock.now())


def look_at_waiting_mails(works: Works) -> int:
    """Mails that could not be sent for a while may not be right any more."""
    return stale_mails.look_again(works.db, works.head, now=clock.now())


def send_checkpoints(works: Works) -> int:
    """Where the trail stands, signed, to the places outside."""
    if works.keys is None or works.checkpoints is None:
        return 0
    now, sender = clock.now(), works.head.sender
    return checkpoints.send_due(works.db, works.checkpoints, works.keys, sender, now=now)


def send_mails(works: Works) -> int:
    """The outbox goes to the mail server."""
    return deliver_due(works.db, works.post, now=clock.now)


TICKS: tuple[Callable[[Works], int], ...] = (
    note_leavers,
    check_connections,
    check_trail,
    take_wanted_snapshots,
    refresh_items,
    read_logs,
    launch_scheduled,
    ask_about_changes,
    follow_people,
    finalise,
    remediate,
    carry_out,
    follow_orders,
    read_replies,
    write_mails,
    tell_undeliverable,
    look_at_waiting_mails,
    send_checkpoints,
    send_mails,
)


def guarded(tick: Callable[[Works], int], works: Works) -> int:
    """Runs one tick; an error is written to the log and the next tick tries again."""
    try:
        return tick(works)
    except MovedMeanwhile:
        log.info("%s: another worker was faster", tick.__name__)
    except Exception:
        log.exception("%s failed; it is tried again", tick.__name__)
    return 0


def run_all(works: Works) -> int:
    """All ticks once, in the order in which work flows, each with the jobs that it begins. Errors
    of ticks rise; those of a server stand in the log."""
    done = 0
    for tick in TICKS:
        done += tick(works)
        works.servers.wait()
    return done
