"""Commands around the installation: db, doctor, web, worker, user, trail."""

import getpass
import importlib.metadata
import os
import signal
import threading
from collections.abc import Callable
from importlib import import_module

import click
from sqlalchemy import text

from recert.cli.base import EXIT_FINDINGS, Shell, cli, shell, table, user
from recert.connectors.contract import Check
from recert.foundation import clock, schema, secrets
from recert.foundation.actor import Role, operator
from recert.foundation.errors import RecertError
from recert.foundation.separation import RULES
from recert.mail.mailbox import Mailbox, MailboxUnreachable
from recert.people import separation, users
from recert.people.synchronisation import register
from recert.people.synchronisation.models import SourceState
from recert.trail import kept, queries
from recert.trail import service as trail
from recert.trail.act import Act


@cli.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@shell
def db_upgrade(context: Shell) -> None:
    """Bring the database to the schema of this version."""
    schema.upgrade(context.raw_db)
    secrets.session_key(context.settings.keys)
    secrets.signing_key(context.settings.keys)
    click.echo(f"The database is up to date: {context.raw_db.url.render_as_string()}")


@cli.command()
@shell
def doctor(context: Shell) -> int:
    """Check this installation and say what to do about each problem."""
    findings = 0
    checks: list[tuple[str, Callable[[Shell], object], str]] = [
        ("database answers", _database_answers, "Check DATABASE_URL."),
        ("schema is current", lambda c: schema.check(c.raw_db), "Run `recert db upgrade`."),
        ("keys are readable", _keys, "RECERT_HOME must belong to the user who runs Recert."),
        ("LDAP library loads", _ldap, "Run `make setup` again."),
    ]
    if context.settings.replies:
        remedy = "Check RECERT_IMAP_* and RECERT_AUTHSERV_ID."
        checks.append(("mailbox for replies opens", _mailbox, remedy))
    if context.settings.events:
        remedy = "Check RECERT_EVENTS and whether the collector answers; entries are sent again."
        checks.append(("events reach security monitoring", _events, remedy))
    for name, check, remedy in checks:
        try:
            check(context)
        except (RecertError, OSError, ImportError) as error:
            findings += 1
            click.echo(f"FAIL  {name}: {error}\n      {remedy}")
        else:
            click.echo(f"ok    {name}")
    findings += _people_sources(context) if not findings else 0
    return EXIT_FINDINGS if findings else 0


class EventsWait(RecertError):
    """Entries of the trail do not reach security monitoring."""


def _events(context: Shell) -> None:
    with context.db.reading() as session:
        waiting, problem = queries.unsent(session)
    if problem:
        raise EventsWait(f"{waiting} entries wait. {problem}.")


def _people_sources(context: Shell) -> int:
    """What is wrong with the directories that the worker synchronises; how much."""
    with context.db.reading() as session:
        sources = [one for one in register.all_sources(session) if one.enabled]
    findings = 0
    for source in sources:
        try:
            failed = [check for check in register.opened(source).checks() if not check.passed]
        except RecertError as error:
            failed = [Check("settings", False, str(error), "Save the source anew.")]
        if source.state is SourceState.HELD:
            remedy = f"Look: recert people sync {source.name} --dry-run"
            failed.append(Check("last run", False, source.problem, remedy))
        findings += len(failed)
        for check in failed:
            click.echo(f"FAIL  people of {source.name}, {check.name}: {check.cause}")
            click.echo(f"      {check.remedy}")
        if not failed:
            click.echo(f"ok    people of {source.name}")
    return findings


def _database_answers(context: Shell) -> None:
    with context.raw_db.reading() as session:
        session.execute(text("SELECT 1"))


def _mailbox(context: Shell) -> None:
    wanted = context.settings.replies
    if wanted is None:
        return  # replies are not read: nothing to open
    with Mailbox(wanted):
        if not wanted.authserv_id:
            raise MailboxUnreachable("It opens, but without RECERT_AUTHSERV_ID no reply decides.")


def _keys(context: Shell) -> None:
    secrets.signing_key(context.settings.keys)


def _ldap(_context: Shell) -> None:
    import_module("ldap")
    importlib.metadata.version("python-ldap")


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many processes serve pages; default: one for each processor, at most 4.",
)
@click.option("--no-worker", is_flag=True, help="Do not run the background worker beside it.")
@shell
def web(context: Shell, host: str, port: int, processes: int | None, no_worker: bool) -> None:
    """Serve the web pages, with the background worker in a process of its own."""
    schema.check(context.raw_db)
    context.raw_db.dispose()  # the processes open their own connections
    serving = import_module("recert.cli.serving")
    click.echo(f"Recert listens on http://{host}:{port}")
    with serving.background_worker(not no_worker):
        count = processes or serving.default_processes()
        serving.serve(lambda: context.create_app(context.settings), host, port, count)


@cli.command()
@click.option("--parent", type=int, hidden=True, help="End when this process is gone.")
@shell
def worker(context: Shell, parent: int | None) -> None:
    """Run the worker alone: snapshots, mails, orders, reminders."""
    app = context.create_app(context.settings)
    schema.check(context.raw_db)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ticker = context.start_worker(app)
    click.echo("The worker runs. Ctrl-C ends it.")
    try:
        while not ended.wait(1):
            if parent is not None and os.getppid() != parent:
                break
        click.echo("Finishing what is under way.")
    finally:
        ticker.shutdown()


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="The name that pages show.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="May be given several times. Reviewers need none.",
)
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="At least 12 characters; asked for when it is not given.",
)
@click.option(
    "--person",
    default="",
    metavar="EMAIL",
    help="Whose sign-in this is, when the person's mail address is another one.",
)
@shell
def user_add(
    context: Shell, email: str, name: str, roles: tuple[str, ...], password: str, person: str
) -> None:
    """Add a user, or give one a new password and other roles. The first administrator is made
    here and nowhere else. Steps that need two people count persons: give a second sign-in of the
    same person with --person."""
    granted, actor = frozenset(Role(role) for role in roles), context.actor
    with context.transaction() as session:
        users.add_user(
            Act(session, actor, clock.now()), email, name, password, granted, person=person
        )
    click.echo(f"{email} can sign in as {', '.join(sorted(granted)) or 'reviewer'}.")


@user.command("disable")
@click.argument("email")
@click.option("--reason", required=True, help="Why; it stands in the trail.")
@shell
def user_disable(context: Shell, email: str, reason: str) -> None:
    """End the sign-in of a user at once, with all open sessions. What they did stays."""
    actor = context.actor
    with context.transaction() as session:
        users.disable(Act(session, actor, clock.now()), email, reason)
    click.echo(f"{email} cannot sign in any more.")


@user.command("enable")
@click.argument("email")
@shell
def user_enable(context: Shell, email: str) -> None:
    """Let a disabled user sign in again, with the roles and the password they had."""
    actor = context.actor
    with context.transaction() as session:
        users.enable(Act(session, actor, clock.now()), email)
    click.echo(f"{email} can sign in again.")


@cli.group("separation")
def separation_group() -> None:
    """Steps that need two people."""


@separation_group.command("show")
@shell
def separation_show(context: Shell) -> None:
    """Show which step nobody may take who took which other one, and whether one person may."""
    with context.db.reading() as session:
        rule = separation.one_person_rule(session)
    rows = [
        (
            step.value,
            ", ".join(rule.roles),
            "; ".join(sorted(one.value for one in rule.never_after)),
        )
        for step, rule in RULES.items()
    ]
    table(("STEP", "ROLE", "NEVER BY WHO"), rows)
    if rule and rule.allowed:
        click.echo(f"One person may take both where nobody else can: {rule.reason}")
    else:
        click.echo("Two people are always needed.")


@separation_group.command("allow-one-person")
@click.option("--reason", required=True, help="Why; it stands in the trail and the evidence.")
@shell
def separation_allow(context: Shell, reason: str) -> None:
    """Let one person take both steps where nobody else who could take the second can sign in. The
    evidence of each campaign in which it happened says so on its first page."""
    actor = operator(getpass.getuser())
    with context.transaction() as session:
        separation.set_one_person_rule(
            Act(session, actor, clock.now()), allowed=True, reason=reason
        )
    click.echo("One person may take both steps where nobody else can.")


@separation_group.command("require-two")
@click.option("--reason", required=True, help="Why; it stands in the trail.")
@shell
def separation_require(context: Shell, reason: str) -> None:
    """Two people are needed again, always."""
    actor = operator(getpass.getuser())
    with context.transaction() as session:
        separation.set_one_person_rule(
            Act(session, actor, clock.now()), allowed=False, reason=reason
        )
    click.echo("Two people are always needed.")


@cli.group("trail")
def trail_group() -> None:
    """The audit trail."""


@trail_group.command("verify")
@click.option(
    "--checkpoint",
    "texts",
    multiple=True,
    metavar="TEXT|FILE",
    help="A checkpoint that you kept: its line, a file or mail with such lines, or the "
    "checkpoint.json of a package. May be given several times.",
)
@shell
def trail_verify(context: Shell, texts: tuple[str, ...]) -> int:
    """Walk the whole hash chain and every signed checkpoint.

    Only a checkpoint that was kept outside of this machine (--checkpoint) proves that nobody wrote
    the trail anew or cut off its end.
    """
    key = secrets.signing_key(context.settings.keys).public_key()
    points = [point for text in texts for point in kept.read(text)]
    with context.db.reading() as session:
        broken = trail.verify(session, key) or kept.broken(session, points, key)
        outside = kept.outside(session)
    if broken:
        click.echo(f"BROKEN at entry {broken.seq}: {broken.why}.")
        return EXIT_FINDINGS
    finger = secrets.fingerprint(key.public_bytes_raw())
    click.echo(f"The trail is unbroken.\nKey of this installation: {finger}")
    if points:
        newest = max(point.seq for point in points)
        count = "The checkpoint" if len(points) == 1 else f"All {len(points)} checkpoints"
        click.echo(f"{count} that you gave: nothing up to entry {newest} was changed or cut off.")
    click.echo(outside.text if outside else f"{kept.NONE_KEPT} (docs/operations.md).")
    return 0


@trail_group.command("checkpoint")
@shell
def trail_checkpoint(context: Shell) -> None:
    """Sign where the trail stands now. Keep the output outside of this machine."""
    with context.transaction() as session:
        key = secrets.signing_key(context.settings.keys)
        point = trail.checkpoint(session, key, at=clock.now())
        click.echo(kept.line(point))
