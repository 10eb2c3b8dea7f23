"""Commands for transfer logs."""

from pathlib import Path

import click

from recert.activity import service
from recert.activity.formats import FORMATS
from recert.cli.base import Shell, cli, shell
from recert.foundation import clock
from recert.inventory import service as inventory


@cli.group()
def activity() -> None:
    """What accounts did: transfer logs."""


@activity.command("load")
@click.argument("server")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(FORMATS)),
    default="xferlog",
    show_default=True,
    help="How the lines look; `recert server test` names the logs of a server.",
)
@shell
def activity_load(context: Shell, server: str, files: tuple[Path, ...], form: str) -> None:
    """Read transfer logs of a SERVER, older ones first; .gz is fine. A file that grows is read on
    from where it was left. Recert reads the logs of servers on its own machine by itself."""
    with context.db.reading() as session:
        found = inventory.server_by_name(session, server)
        number, roots = found.id, inventory.connector_of(found).log_roots()
    for file in files:
        done = service.load(
            context.db,
            number,
            file,
            form,
            zone=context.settings.zone,
            roots=roots,
            actor=context.actor,
            now=clock.now(),
        )
        click.echo(
            f"{file}: {done.lines} lines, {done.kept} uses kept, {done.unknown} of accounts or "
            f"folders that are not known, {done.other} that are no finished transfer."
        )
