"""Commands for servers, snapshots and grants."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import click

from recert.campaigns.decisions import certified_until
from recert.cli.base import EXIT_FINDINGS, Shell, cli, say_json, shell, table
from recert.connectors import rights
from recert.connectors.embedded.passwords import hash_password
from recert.connectors.login_probe import Credential, probe
from recert.connectors.posix.connector import PosixConnector
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.ftpserver.certificate import self_signed_certificate
from recert.ftpserver.server import EmbeddedServer
from recert.inventory import queries, service
from recert.inventory.expansion import expand, rights_by
from recert.people import queries as people


@cli.group()
def server() -> None:
    """FTP servers that Recert looks after."""


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
    with context.transaction() as session:
        person = people.person_by_email(session, owner) if owner else None
        if owner and person is None:
            raise BadInput(f"Nobody has the address {owner!r}. Import people first.")
        service.add_server(
            session,
            name,
            kind,
            settings,
            owner_id=person.id if person else None,
            storage=storage,
            actor=context.actor,
            now=clock.now(),
        )
    click.echo(f"{name} is registered. Writing to it is off. Next: recert server test {name}")


@server.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def server_list(context: Shell, as_json: bool) -> None:
    """Show all servers."""
    with context.db.reading() as session:
        rows = [
            {
                "name": row.Server.name,
                "kind": row.Server.kind,
                "writes_enabled": row.Server.writes_enabled,
                "storage": row.Server.storage,
                "last_complete": row[1].finished_at.isoformat() if row[1] else None,
                "grants": row[1].grants if row[1] else None,
            }
            for row in queries.servers_overview(session)
        ]
    if as_json:
        for row in rows:
            say_json(row)
    else:
        table(
            ("NAME", "KIND", "WRITES", "STORAGE", "LAST COMPLETE SNAPSHOT", "GRANTS"),
            [tuple(row.values()) for row in rows],
        )


@server.command("test")
@click.argument("name")
@click.option("--probe", "account", help="Also log in as this test account and compare.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with its password.",
)
@click.option("--probe-port", type=int, help="Where the server listens; default: 21, SFTP 22.")
@click.option("--probe-protocol", type=click.Choice(["ftp", "sftp"]), default="ftp")
@shell
def server_test(
    context: Shell,
    name: str,
    account: str | None,
    password_file: Path | None,
    probe_port: int | None,
    probe_protocol: str,
) -> int:
    """Check the connection, step by step, with cause and remedy. With --probe a plain client logs
    in and lists folders; nothing is written."""
    with context.db.reading() as session:
        found = service.server_by_name(session, name)
        connector, settings = service.connector_of(found), dict(found.settings)
    checks = connector.checks()
    if account:
        if password_file is None or not isinstance(connector, PosixConnector):
            raise BadInput("--probe needs --password-file, and a kind with a running daemon.")
        credential = Credential(
            account=account,
            password=password_file.read_text(encoding="utf-8").rstrip("\n"),
            host=settings.get("host") or "127.0.0.1",
            port=probe_port or (22 if probe_protocol == "sftp" else 21),
            protocol=probe_protocol,
            host_key=settings.get("host_key", ""),
        )
        checks = chain(checks, probe(connector, credential))
    passed = True
    for check in checks:
        click.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}")
        if not check.passed:
            passed = False
            click.echo(f"      cause:  {check.cause}\n      remedy: {check.remedy}")
    return 0 if passed else EXIT_FINDINGS


@server.command("enable-writes")
@click.argument("name")
@click.option("--off", is_flag=True, help="Switch writing off again.")
@shell
def server_enable_writes(context: Shell, name: str, off: bool) -> None:
    """Allow Recert to change this server."""
    with context.transaction() as session:
        found = service.server_by_name(session, name)
        service.enable_writes(session, found, not off, actor=context.actor, now=clock.now())
    click.echo(f"Writing to {name} is {'off' if off else 'on'}.")


@server.command("set-storage")
@click.argument("name")
@click.argument("label")
@shell
def server_set_storage(context: Shell, name: str, label: str) -> None:
    """Say which storage server NAME shows, such as "fileserver1". Servers with the same LABEL show
    the same directories under the same paths; reviewers are told about access through the other
    ones. "" takes the label away."""
    with context.transaction() as session:
        found = service.server_by_name(session, name)
        same = service.set_storage(session, found, label, actor=context.actor, now=clock.now())
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
    the date that he set."""
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
                said = f"{row.folder}  {row.account}  {rights.say(found_rights)}"
                until = _certified_until(row, context.settings.certified_days, with_certified)
                click.echo(said + until)


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


@cli.group()
def embedded() -> None:
    """Recert's own small FTP server."""


@embedded.command("serve")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=2121, show_default=True)
@click.option(
    "--certificate", type=click.Path(path_type=Path), help="PEM for FTPS; made if missing."
)
@click.option("--xferlog", type=click.Path(path_type=Path), help="Where to log transfers.")
def embedded_serve(
    file: Path, host: str, port: int, certificate: Path | None, xferlog: Path | None
) -> None:
    """Serve FTP (and FTPS with --certificate) from a permission FILE."""
    if certificate and not certificate.exists():
        self_signed_certificate(certificate, host)
    click.echo(f"FTP on {host}:{port}. Ctrl-C ends it.")
    EmbeddedServer(file, host, port, certificate, xferlog).serve_forever()


@embedded.command("hash")
@click.password_option(help="Asked for twice when it is not given.")
def embedded_hash(password: str) -> None:
    """Print what the permission file holds for a password."""
    click.echo(hash_password(password))
