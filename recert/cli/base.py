"""What all commands share: settings, database, actor, exit codes."""

import getpass
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import click
from sqlalchemy.orm import Session

from recert.cli import nouns
from recert.foundation import clock, schema
from recert.foundation.actor import Actor, Assurance, Channel, Role, operator
from recert.foundation.db import Database
from recert.foundation.errors import BadInput, RecertError, RefusedByPolicy
from recert.foundation.settings import Settings
from recert.people import queries as people
from recert.trail.act import Act

EXIT_ERROR, EXIT_FINDINGS, EXIT_USAGE, EXIT_REFUSED = 1, 2, 3, 4


@dataclass
class Shell:
    """One call of the command. `create_app` and `start_worker` are handed in, because commands do
    not see each other."""

    settings: Settings
    create_app: Callable[[Settings], Any]
    start_worker: Callable[[Any], Any]
    acts_as: str = ""  # the mail address of the user for whom the operator types

    @cached_property
    def db(self) -> Database:
        """The database, checked to be at this version's schema."""
        db = self.raw_db
        schema.check(db)
        return db

    @cached_property
    def raw_db(self) -> Database:
        """The database as it is, for `db upgrade`."""
        self.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Database(self.settings.database_url)

    @cached_property
    def actor(self) -> Actor:
        """The operating system's user who typed the command, or for whom they typed it."""
        typed = operator(getpass.getuser())
        if not self.acts_as:
            return typed
        with self.db.reading() as session:
            return _deputy(session, self.acts_as, typed)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One action."""
        with self.db.transaction() as session:
            yield session

    @contextmanager
    def acting(self) -> Iterator[Act]:
        """One use case of whoever types, in a transaction of its own."""
        actor = self.actor
        with self.db.transaction() as session:
            yield Act(session, actor, clock.now())


class RecertGroup(click.Group):
    """A group that turns our errors into messages and exit codes, and loads a command when it is
    used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Commands of other packages: their line in the help, and what loads them.
        self._others: dict[str, tuple[str, Callable[[], click.Command]]] = {}

    def add_other(self, name: str, line: str, load: Callable[[], click.Command]) -> None:
        """A command that `load` gives when it is used."""
        self._others[name] = (line, load)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, loaded or not."""
        return sorted({*super().list_commands(ctx), *nouns.MODULES, *self._others})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded with everything that belongs to it."""
        if cmd_name in self._others:
            return self._others[cmd_name][1]()
        if cmd_name not in nouns.GROUPS:  # those load their actions one by one
            nouns.load(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from what is written down about them."""
        lines = nouns.HELP | {name: line for name, (line, _) in self._others.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(lines.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command and exits with one of the documented codes."""
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
        except click.UsageError as error:
            error.show()
            sys.exit(EXIT_USAGE)
        except click.exceptions.Abort:
            click.echo("Stopped.", err=True)
            sys.exit(EXIT_ERROR)
        except RefusedByPolicy as error:
            click.echo(f"Refused: {error}", err=True)
            sys.exit(EXIT_REFUSED)
        except RecertError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(EXIT_ERROR)
        sys.exit(code if isinstance(code, int) else 0)


class NounGroup(click.Group):
    """A noun that loads an action when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every action; loads them all."""
        nouns.load(self.name or "")
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The action, loaded with everything that belongs to it."""
        nouns.load_action(self.name or "", cmd_name)
        return super().get_command(ctx, cmd_name)


@click.group(cls=RecertGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="recert")
@click.option(
    "--as",
    "email",
    default="",
    metavar="EMAIL",
    help="The user of Recert for whom you type. Steps that need two people need it.",
)
@click.pass_context
def cli(context: click.Context, email: str) -> None:
    """Recert: who can get at which folder, does its owner still want that, and is what they did
    not want really gone?

    Exit codes: 0 ok, 1 error, 2 differences or findings, 3 wrong usage, 4 refused by policy.
    """
    if email:
        context.obj.acts_as = email


shell = click.make_pass_decorator(Shell)


def acting_as(session: Session, context: Shell, email: str) -> Actor:
    """A user of Recert for whom the operator types; both names stand in the trail."""
    return _deputy(session, email, operator(getpass.getuser()))


def _deputy(session: Session, email: str, typed: Actor) -> Actor:
    user = people.user_by_email(session, email)
    if user is None:
        raise BadInput(
            f"No user who can sign in has the address {email!r}. See `recert user list`, or add "
            "them with `recert user add`."
        )
    return Actor(
        f"{user.email} ({typed.name})",
        Channel.COMMAND_LINE,
        Assurance.OPERATOR,
        person_id=user.person_id,
        user_id=user.id,
        roles=frozenset(Role(role) for role in user.roles),
    )


def say_json(value: Mapping[str, Any]) -> None:
    """One line of JSON on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Aligned columns for people."""
    cells = [header, *[tuple("" if cell is None else str(cell) for cell in row) for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    for row in cells:
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def listing(header: tuple[str, ...], rows: list[tuple[Any, ...]], *, as_json: bool) -> None:
    """Rows as a table for people, or one JSON object per line for programs."""
    if not as_json:
        table(header, rows)
        return
    for row in rows:
        say_json(dict(zip(map(str.lower, header), row, strict=True)))


def day_of(text: str) -> date:
    """A day as people type it, or BadInput."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a date like 2026-12-31.") from error


@cli.group(cls=NounGroup)
def campaign() -> None:
    """Access reviews."""


@cli.group(cls=NounGroup)
def order() -> None:
    """Changes of servers: what is wanted, planned, done and proved."""


@cli.group(cls=NounGroup)
def server() -> None:
    """FTP servers that Recert looks after."""


@cli.group(cls=NounGroup)
def user() -> None:
    """People who can sign in to Recert."""
