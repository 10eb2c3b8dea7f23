"""Commands for people and owners."""

from pathlib import Path

import click

from recert.cli.base import Shell, cli, shell
from recert.foundation import clock
from recert.inventory import service as inventory
from recert.people import csv_rows
from recert.people import service as people_service

CSV = click.Path(exists=True, dir_okay=False, path_type=Path)


@cli.group()
def people() -> None:
    """Persons, as the identity system knows them."""


@people.command("import")
@click.argument("file", type=CSV)
@shell
def people_import(context: Shell, file: Path) -> None:
    """Add and update persons from a CSV FILE: email, name, organisation, and optionally
    organisation_kind (own, partner), department, manager_email, left_on, language (en, de), zone
    (like Europe/Berlin). All rows or none."""
    text = csv_rows.decode(file.read_bytes())
    with context.transaction() as session:
        count = people_service.import_people(session, text, actor=context.actor, now=clock.now())
    click.echo(f"{count} people imported.")


@cli.group()
def owners() -> None:
    """Who answers for which folder."""


@owners.command("import")
@click.argument("file", type=CSV)
@shell
def owners_import(context: Shell, file: Path) -> None:
    """Set owners from a CSV FILE: server, folder, owner_email, and optionally substitute_email. An
    owner answers for everything below that has no owner of its own. All rows or none."""
    text = csv_rows.decode(file.read_bytes())
    with context.transaction() as session:
        count = inventory.import_owners(session, text, actor=context.actor, now=clock.now())
    click.echo(f"{count} owners imported.")
