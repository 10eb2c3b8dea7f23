"""The list of servers."""

import click

from recert.cli.base import Shell, say_json, server, shell, table
from recert.inventory import queries


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
