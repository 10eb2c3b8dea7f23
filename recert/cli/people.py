"""Commands for people and owners."""

from pathlib import Path

import click

from recert.campaigns.reviewing import ownership_disputes
from recert.cli.base import EXIT_FINDINGS, Shell, acting_as, cli, listing, shell
from recert.foundation import clock
from recert.inventory import account_persons
from recert.inventory import owners as registers
from recert.inventory import service as inventory
from recert.people import csv_rows, self_assignment, trainings
from recert.people import service as people_service
from recert.trail.act import Act

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
    with context.acting() as act:
        count = people_service.import_people(act, text)
    click.echo(f"{count} people imported.")


@people.command("join-accounts")
@click.argument("file", type=CSV)
@shell
def people_join_accounts(context: Shell, file: Path) -> None:
    """State whose accounts are, from a CSV FILE: server, account, person_email (empty: nobody's).
    It counts before the mail address that a server knows. All rows or none."""
    text, actor = csv_rows.decode(file.read_bytes()), context.actor
    with context.transaction() as session:
        count = account_persons.import_joins(Act(session, actor, clock.now()), text)
    click.echo(f"{count} accounts joined.")


@people.command("accounts")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def people_accounts(context: Shell, as_json: bool) -> int:
    """Accounts without a person whose login somebody has elsewhere: those people do not review
    them until it is stated whose they are (join-accounts). Exit 2 when there is one."""
    with context.db.reading() as session:
        rows = [
            (row.server, row.account, row.person, row.email, row.candidates)
            for row in account_persons.unresolved(session)
        ]
    header = ("SERVER", "ACCOUNT", "MAY BELONG TO", "MAIL", "CANDIDATES")
    listing(header, rows, as_json=as_json)
    return EXIT_FINDINGS if rows else 0


@people.command("trained")
@click.argument("file", type=CSV)
@shell
def people_trained(context: Shell, file: Path) -> None:
    """Note trainings of reviewers from a CSV FILE: email, date (2026-12-31), course. All rows or
    none; what is known already is not noted twice."""
    text = csv_rows.decode(file.read_bytes())
    with context.acting() as act:
        count = trainings.import_trainings(act, text)
    click.echo(f"{count} trainings imported.")


@cli.group()
def owners() -> None:
    """Who answers for which folder, group or service account."""


@owners.command("import")
@click.argument("file", type=CSV)
@shell
def owners_import(context: Shell, file: Path) -> None:
    """Set owners from a CSV FILE: server, folder, owner_email, and optionally substitute_email. An
    owner answers for everything below that has no owner of its own. All rows or none."""
    text = csv_rows.decode(file.read_bytes())
    with context.acting() as act:
        count = inventory.import_owners(act, text)
    click.echo(f"{count} owners imported.")


@owners.command("import-groups")
@click.argument("file", type=CSV)
@shell
def owners_import_groups(context: Shell, file: Path) -> None:
    """Set owners of groups from a CSV FILE: server, group, owner_email, and optionally
    substitute_email. They are asked who may stay in the group. All rows or none."""
    text = csv_rows.decode(file.read_bytes())
    with context.acting() as act:
        count = registers.import_group_owners(act, text)
    click.echo(f"{count} owners of groups imported.")


@owners.command("import-services")
@click.argument("file", type=CSV)
@shell
def owners_import_services(context: Shell, file: Path) -> None:
    """Say who answers for service accounts from a CSV FILE: server, account, owner_email, and
    optionally purpose. All rows or none."""
    text = csv_rows.decode(file.read_bytes())
    with context.acting() as act:
        count = registers.import_service_accounts(act, text)
    click.echo(f"{count} service accounts imported.")


@owners.command("not-mine")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def owners_not_mine(context: Shell, as_json: bool) -> int:
    """Folders whose owner answered "not mine", and nobody has said yet who answers for them.
    Exit 2 when there is one."""
    with context.db.reading() as session:
        rows = [
            (row.OwnershipDispute.id, row.server, row.path, row.email, row.OwnershipDispute.reason)
            for row in ownership_disputes.disputes(session)
        ]
    header = ("NO", "SERVER", "FOLDER", "OWNER", "REASON")
    listing(header, rows, as_json=as_json)
    return EXIT_FINDINGS if rows else 0


@owners.command("self-assigned")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def owners_self_assigned(context: Shell, as_json: bool) -> int:
    """People who became reviewers by a change of their own, and decide nothing of it before
    another officer agreed. Exit 2 when there is one."""
    with context.db.reading() as session:
        rows = [
            (row.SelfAssignment.id, row.email, row.SelfAssignment.what, row.SelfAssignment.made_by)
            for row in self_assignment.waiting(session)
        ]
    listing(("NO", "REVIEWER", "BECAME", "CHANGED BY"), rows, as_json=as_json)
    return EXIT_FINDINGS if rows else 0


@owners.command("agree")
@click.argument("number", type=int)
@click.option("--as", "email", required=True, help="The other officer, who agrees.")
@click.option("--reason", required=True, help="Why they may decide it.")
@shell
def owners_agree(context: Shell, number: int, email: str, reason: str) -> None:
    """Agree that somebody reviews what they brought to themselves (see: owners self-assigned)."""
    with context.transaction() as session:
        actor = acting_as(session, context, email)
        self_assignment.agree(Act(session, actor, clock.now()), number, reason)
    click.echo(f"Line {number} is agreed: they can decide.")


@owners.command("settle")
@click.argument("number", type=int)
@click.option("--owner", required=True, help="Who answers for it; the same one confirms them.")
@click.option("--reason", required=True, help="How you know.")
@shell
def owners_settle(context: Shell, number: int, owner: str, reason: str) -> None:
    """Say who answers for a folder whose owner said "not mine" (see: owners not-mine)."""
    with context.transaction() as session:
        now = clock.now()
        click.echo(
            ownership_disputes.settle(Act(session, context.actor, now), number, owner, reason)
        )
