"""Commands around the installation: db, doctor, web, worker, user, trail."""

import importlib.metadata
import time
from collections.abc import Callable

import click
import waitress
from sqlalchemy import text

from recert.cli.base import EXIT_FINDINGS, Shell, cli, shell
from recert.foundation import clock, schema, secrets
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.mail.mailbox import Mailbox, MailboxUnreachable
from recert.people import service as people
from recert.trail import kept
from recert.trail import service as trail


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
    for name, check, remedy in checks:
        try:
            check(context)
        except (RecertError, OSError, ImportError) as error:
            findings += 1
            click.echo(f"FAIL  {name}: {error}\n      {remedy}")
        else:
            click.echo(f"ok    {name}")
    return EXIT_FINDINGS if findings else 0


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
    importlib.import_module("ldap")
    importlib.metadata.version("python-ldap")


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--no-worker", is_flag=True, help="Do not run the worker in this process.")
@shell
def web(context: Shell, host: str, port: int, no_worker: bool) -> None:
    """Serve the web pages, with the worker in the same process."""
    app = context.create_app(context.settings)
    schema.check(context.raw_db)
    ticker = None if no_worker else context.start_worker(app)
    click.echo(f"Recert listens on http://{host}:{port}")
    try:
        waitress.serve(app, host=host, port=port, threads=8, ident="Recert")
    finally:
        if ticker:
            ticker.shutdown()


@cli.command()
@shell
def worker(context: Shell) -> None:
    """Run the worker alone: snapshots, mails, orders, reminders."""
    app = context.create_app(context.settings)
    schema.check(context.raw_db)
    ticker = context.start_worker(app)
    click.echo("The worker runs. Ctrl-C ends it.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("Finishing what is under way.")
    finally:
        ticker.shutdown()


@cli.group()
def user() -> None:
    """People who can sign in to Recert."""


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
@shell
def user_add(context: Shell, email: str, name: str, roles: tuple[str, ...], password: str) -> None:
    """Add a user, or give one a new password and other roles. The first administrator is made
    here and nowhere else."""
    granted = frozenset(Role(role) for role in roles)
    with context.transaction() as session:
        people.add_user(
            session, email, name, password, granted, actor=context.actor, now=clock.now()
        )
    click.echo(f"{email} can sign in as {', '.join(sorted(granted)) or 'reviewer'}.")


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
