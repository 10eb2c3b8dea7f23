"""The check of a connection, with a test account on request."""

from itertools import chain
from pathlib import Path

import click

from recert.cli.base import EXIT_FINDINGS, Shell, server, shell
from recert.connectors.login_probe import Credential, probe
from recert.connectors.posix.connector import PosixConnector
from recert.foundation.errors import BadInput
from recert.inventory import service


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
