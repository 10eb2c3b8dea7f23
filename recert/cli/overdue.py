"""Commands about what people must see to: late changes."""

import click

from recert.campaigns import local_time
from recert.campaigns.models import Campaign, Item
from recert.campaigns.transitions import NoSuchItem
from recert.cli.base import Shell, cli, day_of, shell
from recert.foundation import clock
from recert.remediation import overdue_owners


@cli.group("late")
def late() -> None:
    """Who sees to changes that are late (`recert campaign late` lists them)."""


@late.command("take-on")
@click.argument("item", type=int)
@click.option("--owner", required=True, help="Mail address of whoever sees to it.")
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="The last day.")
@click.option("--reason", required=True, help="Why the change is late.")
@shell
def late_take_on(context: Shell, item: int, owner: str, until: str, reason: str) -> None:
    """Say who sees to the late change of an ITEM, until when, and why it is late. What was said
    before stays in the evidence. When the date passes it is listed again."""
    with context.transaction() as session:
        found = session.get(Item, item)
        if found is None:
            raise NoSuchItem
        zone = session.get_one(Campaign, found.campaign_id).zone
        ends = local_time.end_of_day(day_of(until), zone, context.settings.zone)
        made = overdue_owners.take_on(
            session, item, owner, ends, reason, actor=context.actor, now=clock.now()
        )
        click.echo(f"{made.owner} sees to item {item} until {until}.")
