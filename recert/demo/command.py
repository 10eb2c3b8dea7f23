"""The command `recert demo`."""

import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from recert.cli.base import Shell, shell
from recert.demo import check, company, stage
from recert.demo.ports import free_port
from recert.demo.stage import LOGINS, PASSWORD, Stage

FTP_PORTS = (2121, 2122)
UNDO_MINUTES = 2


@click.command("demo")
@click.option("--check", "checking", is_flag=True, help="Play the main job to its end and exit.")
@click.option("--port", default=8000, show_default=True, help="Port of the web pages, if free.")
@shell
def command(context: Shell, checking: bool, port: int) -> int:
    """A whole fictitious company on this machine, loopback only, afresh each time."""
    if checking:
        with tempfile.TemporaryDirectory(prefix="recert-check-") as folder:
            settings = replace(context.settings, home=Path(folder) / "demo")
            return check.play(settings, context.create_app, context.start_worker)
    settings = replace(context.settings, home=context.settings.home / "demo")
    chosen = free_port(port)
    ports = (free_port(FTP_PORTS[0]), free_port(FTP_PORTS[1]))
    click.echo("Setting up the company. This takes a few seconds.")
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    with stage.open_stage(
        settings, context.create_app, port=chosen, undo_minutes=UNDO_MINUTES, ftp_ports=ports
    ) as running:
        campaign_id = stage.look_and_launch(running)
        ticker = context.start_worker(running.app)
        try:
            _welcome(running, campaign_id)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            click.echo("\nThe demo ends.")
        finally:
            ticker.shutdown()
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _welcome(running: Stage, campaign_id: int) -> None:
    base = running.settings.base_url
    owner = company.head_of("Finance")
    first, second = running.ftp.values()
    click.echo(f"\n  Recert runs at  {base}\n  Mailbox         {base}/mailbox\n")
    click.echo(f"  Sign in with the password  {PASSWORD}")
    click.echo(f"    folder owner         {owner.email}   ({owner.name}, Finance)")
    for role, (login, _, _) in LOGINS.items():
        click.echo(f"    {role:<20} {login}@{company.DOMAIN}")
    names = list(running.ftp)
    click.echo(
        f"\n  FTP and FTPS: {names[0]} on port {first.port}, {names[1]} on port {second.port}; "
        f"every account has the password {company.FTP_PASSWORD}\n"
    )
    address = f"ftp://127.0.0.1:{first.port}/finance/"
    try_it = f"curl --ftp-method nocwd -u ACCOUNT:{company.FTP_PASSWORD} {address}"
    click.echo(
        "  Three things to try\n"
        f"    1. Open {base}/mailbox, take a mail to {owner.name}, open a link\n"
        f"       in it and remove an access. {UNDO_MINUTES} minutes later it is gone:\n"
        f"       {try_it}\n"
        "    2. Sign in as the compliance officer, watch the board, close the review, sign off.\n"
        "    3. Sign in as the auditor, download the evidence, change one byte, and run\n"
        "       .venv/bin/recert evidence verify FILE.zip\n\n"
        "  Ctrl-C ends everything."
    )
    sys.stdout.flush()
