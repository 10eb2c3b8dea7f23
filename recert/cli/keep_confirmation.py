"""Keeps that a second person must confirm."""

import click

from recert.campaigns.completion import keep_confirmation
from recert.campaigns.setup import launch
from recert.cli.base import EXIT_FINDINGS, Shell, acting_as, campaign, listing, shell
from recert.foundation import clock
from recert.trail.act import Act


@campaign.command("to-confirm")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def campaign_to_confirm(context: Shell, name: str, as_json: bool) -> int:
    """Keeps of high risk whose reviewer could give themselves the same: a second person must
    confirm each. Exit 2 when there is one."""
    with context.db.reading() as session:
        found = launch.campaign_by_name(session, name)
        rows = [
            (row.id, row.server, row.folder, row.account, row.reviewer)
            for row in keep_confirmation.waiting(session, found, now=clock.now())
        ]
    header = ("ITEM", "SERVER", "FOLDER", "ACCOUNT", "REVIEWER")
    listing(header, rows, as_json=as_json)
    return EXIT_FINDINGS if rows else 0


@campaign.command("confirm")
@click.argument("item", type=int)
@click.option("--as", "email", required=True, help="The second person, an officer.")
@click.option("--reason", required=True, help="Why.")
@click.option("--ask-again", is_flag=True, help="Do not confirm: the reviewer is asked again.")
@shell
def campaign_confirm(context: Shell, item: int, email: str, reason: str, ask_again: bool) -> None:
    """Confirm the keep of an ITEM, or ask its reviewer again (see: campaign to-confirm)."""
    with context.transaction() as session:
        keep_confirmation.judge(
            Act(session, acting_as(session, context, email), clock.now()),
            item,
            confirmed=not ask_again,
            reason=reason,
        )
    click.echo(f"Item {item} is {'asked again' if ask_again else 'confirmed'}.")
