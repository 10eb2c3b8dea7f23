"""Commands for identity providers that people sign in with."""

import click

from recert.cli.base import EXIT_FINDINGS, Shell, cli, listing, shell
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RecertError
from recert.people.single_sign_on import service
from recert.people.single_sign_on.models import Provider


@cli.group()
def provider() -> None:
    """Identity providers that people sign in with (OpenID Connect)."""


@provider.command("add")
@click.argument("name")
@click.option("--issuer", required=True, help="As in its tokens: https://HOST/PATH.")
@click.option("--client-id", required=True)
@click.option("--secret-file", default="", help="Path of a file that holds the client's secret.")
@click.option("--title", default="", help="On the button; default: NAME.")
@click.option("--scopes", default="openid email profile", show_default=True)
@click.option("--email-claim", default="email", show_default=True)
@click.option("--groups-claim", default="groups", show_default=True)
@click.option("--role", "roles", multiple=True, metavar="GROUP=ROLE", help="May be repeated.")
@click.option("--trust-email", is_flag=True, help="Its addresses count without email_verified.")
@click.option("--only", is_flag=True, help="Passwords are for administrators only.")
@shell
def provider_add(context: Shell, /, name: str, roles: tuple[str, ...], **more: str) -> None:
    """Register an identity provider. At the provider, allow these addresses:
    https://RECERT/sign-in/by/NAME/callback and, for logout, https://RECERT/sign-in/by/NAME/logout
    """
    found = Provider(
        name=name,
        title=more["title"] or name,
        issuer=more["issuer"],
        client_id=more["client_id"],
        secret_file=more["secret_file"],
        scopes=more["scopes"],
        email_claim=more["email_claim"],
        groups_claim=more["groups_claim"],
        group_roles=dict(_mapped(text) for text in roles),
        trusts_email=bool(more["trust_email"]),
        is_only=bool(more["only"]),
    )
    with context.acting() as act:
        service.add(act, found)
    click.echo(f"Provider {name} is registered. Try it: recert provider test {name}")


def _mapped(text: str) -> tuple[str, str]:
    group, equals, role = text.rpartition("=")
    if not equals or role not in {one.value for one in Role}:
        raise BadInput(f"--role {text!r} is not GROUP=ROLE with {', '.join(Role)}.")
    return group, role


@provider.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def provider_list(context: Shell, as_json: bool) -> None:
    """Show the identity providers."""
    with context.db.reading() as session:
        rows = [
            (each.name, each.issuer, each.client_id, "only" if each.is_only else "")
            for each in service.providers(session)
        ]
    listing(("NAME", "ISSUER", "CLIENT", "PASSWORDS"), rows, as_json=as_json)


@provider.command("test")
@click.argument("name")
@shell
def provider_test(context: Shell, name: str) -> int:
    """Fetch the provider's description and keys. Exit code 2 when that fails."""
    with context.db.reading() as session:
        found = service.named(session, name)
    try:
        described = service.issuer_of(found).description()
    except RecertError as error:
        click.echo(f"Error: {error}", err=True)
        return EXIT_FINDINGS
    click.echo(
        f"{described['issuer']} answers; browsers go to {described['authorization_endpoint']}."
    )
    if not described.get("backchannel_logout_supported"):
        click.echo("It does not sign out here by itself when somebody signs out there.")
    return 0


@provider.command("remove")
@click.argument("name")
@shell
def provider_remove(context: Shell, name: str) -> None:
    """Forget a provider and end the sessions that it vouched for."""
    with context.acting() as act:
        service.remove(act, name)
    click.echo(f"Provider {name} is removed.")
