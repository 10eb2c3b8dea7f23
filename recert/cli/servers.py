"""Commands for servers, snapshots and grants."""

import json
from collections.abc import Iterable
from typing import Any

import click

from recert.campaigns.decisions import certified_until
from recert.cli.base import EXIT_FINDINGS, Shell, cli, server, shell
from recert.connectors import rights
from recert.foundation.errors import BadInput
from recert.inventory import queries, service
from recert.inventory.expansion import expand, rights_by
from recert.people import queries as people


@server.command("add")
@click.argument("name")
@click.argument("kind")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of the kind.")
@click.option("--owner", metavar="EMAIL", help="Who answers when a folder has no owner.")
@click.option("--storage", default="", metavar="LABEL", help="See: recert server set-storage.")
@shell
def server_add(
    context: Shell, name: str, kind: str, pairs: tuple[str, ...], owner: str | None, storage: str
) -> None:
    """Register a server of KIND (see docs/servers). Nothing is changed on it."""
    settings = {}
    for pair in pairs:
        key, found, value = pair.partition("=")
        if not found:
            raise click.UsageError(f"--set needs KEY=VALUE, not {pair!r}.")
        settings[key] = value
    with context.acting() as act:
        person = people.person_by_email(act.session, owner) if owner else None
        if owner and person is None:
            raise BadInput(f"Nobody has the address {owner!r}. Import people first.")
        service.add_server(
            act,
            name,
            kind,
            settings,
            owner_id=person.id if person else None,
            storage=storage,
        )
    click.echo(f"{name} is registered. Writing to it is off. Next: recert server test {name}")


@server.command("enable-writes")
@click.argument("name")
@click.option("--off", is_flag=True, help="Switch writing off again.")
@shell
def server_enable_writes(context: Shell, name: str, off: bool) -> None:
    """Allow Recert to change this server."""
    with context.acting() as act:
        found = service.server_by_name(act.session, name)
        service.enable_writes(act, found, not off)
    click.echo(f"Writing to {name} is {'off' if off else 'on'}.")


@server.command("set-storage")
@click.argument("name")
@click.argument("label")
@shell
def server_set_storage(context: Shell, name: str, label: str) -> None:
    """Label the storage that server NAME shows, such as "fileserver1". Servers with the same LABEL
    show the same directories under the same paths; reviewers see access through the other ones.
    "" removes the label."""
    with context.acting() as act:
        found = service.server_by_name(act.session, name)
        same = service.set_storage(act, found, label)
        label = found.storage
    if not label:
        click.echo(f"{name} has no storage label.")
    elif same:
        click.echo(f"{name} shows the same storage as {', '.join(same)}.")
    else:
        click.echo(f"{name} shows storage {label!r}. No other server has this label yet.")


@cli.command()
@click.argument("name")
@click.option("--expand", "expanded", is_flag=True, help="Every folder, not only boundaries.")
@click.option("--jsonl", is_flag=True, help="One JSON object per line.")
@click.option(
    "--protocol", help="Only what this protocol gives: ftp or sftp. Default: any of them."
)
@click.option(
    "--certified",
    "with_certified",
    is_flag=True,
    help="Also when a person last confirmed it, and until when that counts.",
)
@shell
def grants(
    context: Shell,
    name: str,
    expanded: bool,
    jsonl: bool,
    protocol: str | None,
    with_certified: bool,
) -> None:
    """Show what every account can do in every folder, from the last complete snapshot.

    With --certified each line also has certified_at and certified_until: the last final answer of
    a person that covers all of these rights, and its end after RECERT_CERTIFIED_DAYS days or on
    the date that they set."""
    if expanded and with_certified:
        raise click.UsageError("--certified is about boundaries; leave --expand away.")
    with context.db.reading() as session:
        found = service.server_by_name(session, name)
        newest = queries.last_complete(session, found.id)
        if newest is None:
            raise BadInput(f"{name} has no complete snapshot. Run: recert snapshot {name}")
        listed = certified_until.grants_in if with_certified else queries.grants_in
        rows: Iterable[Any] = listed(session, newest)
        if expanded:
            boundaries = queries.boundaries_in(session, newest)
            rows = expand(rows, boundaries, service.connector_of(found).every_folder())
        for row in rows:
            found_rights = rights_by(row, protocol)
            if not found_rights:
                continue
            if jsonl:
                fact = _grant_fact(row, found_rights)
                if with_certified:
                    fact |= _certified_fact(row, context.settings.certified_days)
                click.echo(json.dumps(fact, ensure_ascii=False))
            else:
                line = f"{row.folder}  {row.account}  {rights.say(found_rights)}"
                until = _certified_until(row, context.settings.certified_days, with_certified)
                click.echo(line + until)


def _grant_fact(row: Any, found_rights: int) -> dict[str, object]:
    """One line of `--jsonl`."""
    return {
        "account": row.account,
        "folder": row.folder,
        "rights": rights.names(found_rights),
        "via": row.via.split("; "),
        "enabled": row.enabled,
        **({"widened": True} if row.widened else {}),
    }


def _certified_fact(row: Any, days: int) -> dict[str, object]:
    until = certified_until.until(row, days)
    return {
        "certified_at": row.certified_at.isoformat() if row.certified_at else None,
        "certified_until": until.isoformat() if until else None,
    }


def _certified_until(row: Any, days: int, wanted: bool) -> str:
    if not wanted:
        return ""
    until = certified_until.until(row, days)
    return f"  certified until {until:%Y-%m-%d}" if until else "  not certified"


@cli.command("diff")
@click.argument("name")
@click.option(
    "--from", "older", type=int, help="Snapshot number; default: the one before the last."
)
@click.option("--to", "newer", type=int, help="Snapshot number; default: the last complete one.")
@shell
def diff(context: Shell, name: str, older: int | None, newer: int | None) -> int:
    """Show what came and what went between two snapshots. Exit code 2 when something did."""
    with context.db.reading() as session:
        found = service.server_by_name(session, name)
        first, second = queries.pair(session, found.id, older, newer)
        added, gone = queries.difference(session, first, second)
        for sign, rows in (("-", gone), ("+", added)):
            for row in rows:
                names = ", ".join(rights.names(row.rights))
                click.echo(f"{sign} {row.folder}  {row.account}  {names}  ({row.via})")
    return EXIT_FINDINGS if added or gone else 0
