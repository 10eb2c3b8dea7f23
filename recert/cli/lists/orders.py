"""The list of orders."""

import click

from recert.changes import queries
from recert.cli.base import Shell, order, say_json, shell, table
from recert.inventory import service as inventory


@order.command("list")
@click.option("--server", "name", help="Only this server.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def order_list(context: Shell, name: str | None, as_json: bool) -> None:
    """Show all orders, newest first."""
    with context.db.reading() as session:
        server_id = inventory.server_by_name(session, name).id if name else None
        rows = queries.orders(session, server_id=server_id, size=100_000)
    facts = [
        {
            "order": found.id,
            "server": server,
            "account": found.account,
            "folder": found.folder,
            "group": found.group,
            "kind": found.kind.value,
            "state": found.state.value,
            "explanation": found.explanation,
            "ticket": found.ticket,
        }
        for found, server in rows
    ]
    if as_json:
        for fact in facts:
            say_json(fact)
    else:
        header = (
            "NO",
            "SERVER",
            "ACCOUNT",
            "FOLDER",
            "GROUP",
            "KIND",
            "STATE",
            "EXPLANATION",
            "TICKET",
        )
        table(header, [tuple(fact.values()) for fact in facts])
