"""Commands for emergency accounts."""

import click

from recert.activity import queries as activity
from recert.cli.base import Shell, cli, shell, table
from recert.inventory import emergency_accounts as accounts
from recert.inventory import service


@cli.group()
def emergency() -> None:
    """Accounts that are kept for emergencies: not used is right, used is looked at."""


@emergency.command("mark")
@click.argument("server")
@click.argument("account")
@click.option("--reason", required=True, help="What it is kept for.")
@shell
def emergency_mark(context: Shell, server: str, account: str, reason: str) -> None:
    """Say that ACCOUNT on SERVER is one for emergencies. Reviews by days without a sign-in pass it
    over; each use of it starts a micro review."""
    with context.acting() as act:
        found = service.server_by_name(act.session, server)
        accounts.mark(act, found, account, reason)
    click.echo(f"{account} on {server} is an emergency account. Each use of it is asked about.")


@emergency.command("list")
@shell
def emergency_list(context: Shell) -> None:
    """Show the register."""
    with context.db.reading() as session:
        register = accounts.register(session)
        used = activity.last_used(session, {row.account_id for row in register if row.account_id})
        zone = context.settings.zone
        rows = [
            (
                row.EmergencyAccount.id,
                row.server,
                row.EmergencyAccount.name,
                row.EmergencyAccount.reason,
                used[row.account_id].astimezone(zone).date() if row.account_id in used else "",
                "ended" if row.EmergencyAccount.ended_at else "",
            )
            for row in register
        ]
    table(("NO", "SERVER", "ACCOUNT", "REASON", "LAST USE KNOWN", ""), rows)


@emergency.command("end")
@click.argument("number", type=int)
@shell
def emergency_end(context: Shell, number: int) -> None:
    """Make it an account like others again."""
    with context.acting() as act:
        accounts.end(act, number)
    click.echo(f"Emergency account {number} is one like others again.")
