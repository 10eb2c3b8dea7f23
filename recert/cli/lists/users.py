"""The list of users."""

import click

from recert.cli.base import Shell, listing, shell, user
from recert.people import users


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def user_list(context: Shell, as_json: bool) -> None:
    """Show all users with their roles and persons, and whether they can sign in."""
    with context.db.reading() as session:
        rows = [
            (
                one.email,
                one.name,
                ",".join(one.roles) or "reviewer",
                person.email if person else "",
                "yes" if can else ("disabled" if not one.active else "has left"),
            )
            for one, person, can in users.users(session)
        ]
    listing(("EMAIL", "NAME", "ROLES", "PERSON", "SIGN-IN"), rows, as_json=as_json)
