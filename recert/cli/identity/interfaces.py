"""Commands for programs that use the interface: access tokens and change items."""

from datetime import timedelta

import click

from recert.cli.base import EXIT_FINDINGS, Shell, cli, listing, shell
from recert.foundation import clock
from recert.inventory import service as inventory
from recert.lifecycle import fulfilment
from recert.people import tokens
from recert.people.models import TokenScope

DAYS = click.option(
    "--days",
    type=click.IntRange(1, tokens.LONGEST_LIFE.days),
    default=365,
    show_default=True,
    help="How long it works.",
)


@cli.group()
def token() -> None:
    """Access tokens: an identity system uses the interface with them."""


@token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in TokenScope]),
    help="What it is for; may be repeated.",
)
@click.option("--server", "servers", multiple=True, help="Which server; may be repeated.")
@DAYS
@shell
def token_add(
    context: Shell, name: str, scopes: tuple[str, ...], servers: tuple[str, ...], days: int
) -> None:
    """Issue an access token and print its secret, which is shown this once."""
    with context.acting() as act:
        for server in servers:
            inventory.server_by_name(act.session, server)
        wanted = [TokenScope(scope) for scope in scopes]
        ends = act.now + timedelta(days=days)
        secret = tokens.issue(act, name, wanted, servers, ends)
    click.echo(secret)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def token_list(context: Shell, as_json: bool) -> None:
    """Show all access tokens, and when they were last used."""
    now = clock.now()
    with context.db.reading() as session:
        rows = [
            (
                each.name,
                ", ".join(each.scopes),
                ", ".join(each.servers),
                "revoked" if each.revoked_at else f"{each.expires_at:%Y-%m-%d}",
                f"{each.used_at:%Y-%m-%d %H:%M}" if each.used_at else "",
                "ended" if each.revoked_at or each.expires_at <= now else "",
            )
            for each in tokens.tokens(session)
        ]
    header = ("NAME", "SCOPES", "SERVERS", "UNTIL", "LAST USE", "STATE")
    listing(header, rows, as_json=as_json)


@token.command("rotate")
@click.argument("name")
@DAYS
@shell
def token_rotate(context: Shell, name: str, days: int) -> None:
    """Print a new secret of a token. The former one works for another week at most."""
    with context.acting() as act:
        secret = tokens.rotate(act, name, act.now + timedelta(days=days))
    click.echo(secret)


@token.command("revoke")
@click.argument("name")
@shell
def token_revoke(context: Shell, name: str) -> None:
    """End a token at once."""
    with context.acting() as act:
        tokens.revoke(act, name)
    click.echo(f"Token {name} is revoked.")


@cli.command("change-items")
@click.option("--refused", is_flag=True, help="Only those that were refused.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def change_items(context: Shell, refused: bool, as_json: bool) -> int:
    """Show what a governance suite asked for, newest first, with our answer. Exit code 2 when
    there is a refused one."""
    with context.db.reading() as session:
        items = fulfilment.items(session, refused=refused)
        rows = [
            (
                item.number,
                item.request_type,
                item.account or item.person,
                "refused" if item.refused else "accepted",
                item.tries,
                item.comment,
            )
            for item in items
        ]
        any_refused = any(item.refused for item in items)
    header = ("ITEM", "TYPE", "ABOUT", "ANSWER", "TRIES", "COMMENT")
    listing(header, rows, as_json=as_json)
    return EXIT_FINDINGS if any_refused else 0
