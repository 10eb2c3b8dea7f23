"""The list of campaigns."""

import click

from recert.campaigns.campaign_list import campaigns
from recert.cli.base import Shell, campaign, say_json, shell, table


@campaign.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def campaign_list(context: Shell, as_json: bool) -> None:
    """Show all campaigns. Micro reviews started by themselves, about what changed on a server."""
    with context.db.reading() as session:
        rows = [
            {
                "id": row.Campaign.id,
                "name": row.Campaign.name,
                "kind": row.Campaign.kind.value,
                "state": row.Campaign.state.value,
                "due": row.Campaign.due_at.isoformat(),
                "items": row.total or 0,
                "open": row.open or 0,
            }
            for row in campaigns(session)
        ]
    if as_json:
        for row in rows:
            say_json(row)
    else:
        table(
            ("NO", "NAME", "KIND", "STATE", "DUE", "ITEMS", "OPEN"),
            [tuple(row.values()) for row in rows],
        )
