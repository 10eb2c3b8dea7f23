"""Commands for exclusions from reviews and for who answers for whom."""

from datetime import datetime, time

import click

from recert.campaigns.reviewing import delegation
from recert.campaigns.setup import exclusions
from recert.cli.base import Shell, cli, day_of, shell, table
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.inventory import service as inventory
from recert.people import queries as people
from recert.trail.act import Act


@cli.group()
def exclusion() -> None:
    """Access that reviews leave out for a time."""


@exclusion.command("ask")
@click.argument("server")
@click.option("--account", default="", help="Its name on the server; default: every account.")
@click.option("--folder", default="/", show_default=True, help="This folder and below.")
@click.option("--reason", required=True)
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="Last day, within a year.")
@shell
def exclusion_ask(
    context: Shell, server: str, account: str, folder: str, reason: str, until: str
) -> None:
    """Ask to leave access out. It counts when a second person has approved it in the web."""
    with context.acting() as act:
        made = exclusions.ask(
            act,
            inventory.server_by_name(act.session, server),
            account,
            folder,
            reason,
            _end(context, until),
        )
        number = made.id
    click.echo(f"Exclusion {number} waits for a second person.")


@exclusion.command("list")
@shell
def exclusion_list(context: Shell) -> None:
    """Show the register."""
    with context.db.reading() as session:
        rows = [
            (
                row.Exclusion.id,
                row.server,
                row.Exclusion.account or "everybody",
                row.Exclusion.folder,
                row.Exclusion.ends_at.astimezone(context.settings.zone).date(),
                row.Exclusion.approved_by or "not approved",
                "ended" if row.Exclusion.ended_at else "",
            )
            for row in exclusions.register(session)
        ]
    table(("NO", "SERVER", "ACCOUNT", "FOLDER", "LAST DAY", "APPROVED BY", ""), rows)


@exclusion.command("end")
@click.argument("number", type=int)
@shell
def exclusion_end(context: Shell, number: int) -> None:
    """Ask about this access again."""
    with context.acting() as act:
        found = exclusions.exclusion_by_id(act.session, number)
        exclusions.end(act, found)
    click.echo(f"Exclusion {number} is ended.")


@cli.command()
@click.argument("principal")
@click.argument("stand_in")
@click.option("--from", "starts", metavar="YYYY-MM-DD", help="First day; default: today.")
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="Last day.")
@click.option("--reason", required=True)
@shell
def delegate(
    context: Shell, principal: str, stand_in: str, starts: str | None, until: str, reason: str
) -> None:
    """Let STAND_IN answer for PRINCIPAL (mail addresses) until a date."""
    now = clock.now()
    first = datetime.combine(day_of(starts), time.min, context.settings.zone) if starts else now
    with context.transaction() as session:
        persons = [people.person_by_email(session, email) for email in (principal, stand_in)]
        for email, person in zip((principal, stand_in), persons, strict=True):
            if person is None:
                raise BadInput(f"Nobody has the address {email!r}.")
        one, other = (person for person in persons if person)
        delegation.delegate(
            Act(session, context.actor, now), one, other, first, _end(context, until), reason
        )
    click.echo(f"{stand_in} answers for {principal} until {until}.")


def _end(context: Shell, text: str) -> datetime:
    return clock.end_of_day(day_of(text), context.settings.zone)
