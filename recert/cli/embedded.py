"""Commands for Recert's own FTP server."""

from pathlib import Path

import click

from recert.cli.base import cli
from recert.connectors.embedded.passwords import hash_password
from recert.ftpserver.certificate import self_signed_certificate
from recert.ftpserver.server import EmbeddedServer


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
