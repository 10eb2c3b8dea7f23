"""Commands for transfer logs."""

from pathlib import Path

import click

from recert.activity import service
from recert.activity.formats import FORMATS
from recert.cli.base import Shell, cli, server, shell, table
from recert.foundation import clock
from recert.inventory import service as inventory


@cli.group()
def activity() -> None:
    """What accounts did: transfer logs."""


@activity.command("load")
@click.argument("name", metavar="SERVER")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(FORMATS)),
    default="xferlog",
    show_default=True,
    help="How the lines look; `recert server logs` names the logs of a server.",
)
@shell
def activity_load(context: Shell, name: str, files: tuple[Path, ...], form: str) -> None:
    """Read transfer logs of a SERVER, older ones first; .gz is fine. A file that grows is read on
    from where it was left. Recert reads the logs of servers on its own machine by itself."""
    with context.db.reading() as session:
        found = inventory.server_by_name(session, name)
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


@server.command("logs")
@click.argument("name")
@shell
def server_logs(context: Shell, name: str) -> None:
    """Show where a server writes what its accounts did, and whether Recert can read the format."""
    with context.db.reading() as session:
        sources = inventory.connector_of(inventory.server_by_name(session, name)).log_sources()
    rows = [
        (one.kind, one.path, one.format, "yes" if service.is_known(one) else "", one.what)
        for one in sources
    ]
    table(("WHAT", "WHERE", "FORMAT", "READ", "DOES NOT TELL"), rows)
