"""Commands for people and owners."""

from pathlib import Path

import click

from recert.campaigns.reviewing import ownership_disputes
from recert.cli.base import (
    EXIT_ERROR,
    EXIT_FINDINGS,
    EXIT_REFUSED,
    Shell,
    acting_as,
    cli,
    listing,
    shell,
)
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.inventory import account_persons
from recert.inventory import owners as registers
from recert.inventory import service as inventory
from recert.people import csv_rows, self_assignment, trainings
from recert.people import service as people_service
from recert.people.sources.ldap_profiles import PROFILES, SETTINGS
from recert.people.synchronisation import mapped_entry, register, runs
from recert.people.synchronisation.models import SourceState
from recert.people.synchronisation.plan import Plan
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


@people.group("source")
def source_group() -> None:
    """Directories from which people come."""


@source_group.command("add", epilog="\b\n" + "\n".join(f"{k}: {v}" for k, v in SETTINGS.items()))
@click.argument("name")
@click.option("--profile", required=True, type=click.Choice(sorted(PROFILES)), help="The product.")
@click.option("--set", "pairs", multiple=True, metavar="SETTING=VALUE", help="May be repeated.")
@click.option(
    "--secret-file",
    required=True,
    type=click.Path(path_type=Path),
    help="File with the password of bind_dn. It stays where it is; Recert keeps its path only.",
)
@click.option(
    "--most-lost",
    default=register.MOST_LOST_PERCENT,
    show_default=True,
    type=click.IntRange(0, 100),
    metavar="PERCENT",
    help="When more people than that would leave at once, the run waits for a confirmation.",
)
@click.option("--off", is_flag=True, help="Do not let the worker synchronise it yet.")
@shell
def source_add(
    context: Shell,
    name: str,
    profile: str,
    pairs: tuple[str, ...],
    secret_file: Path,
    most_lost: int,
    off: bool,
) -> None:
    """Add the directory NAME as a source of people, or give it other settings. Then look at it
    with `recert people source test NAME` and `recert people sync NAME --dry-run`."""
    settings = {"profile": profile}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadInput(f"--set {pair!r} must look like base=ou=people,o=company.")
        settings[key.strip()] = value.strip()
    new = register.NewSource(name, settings, str(secret_file.absolute()), not off, most_lost)
    with context.acting() as act:
        register.save(act, new)
    click.echo(f"{name} is a source of people. Test it: recert people source test {name}")


@source_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def source_list(context: Shell, as_json: bool) -> int:
    """All directories with their last run. Exit 2 when one failed or waits for a confirmation."""
    with context.db.reading() as session:
        sources = register.all_sources(session)
        rows = [
            (
                *(one.name, one.settings.get("profile", one.kind), "on" if one.enabled else "off"),
                *(one.state.value, one.last_run_at and one.last_run_at.isoformat(), one.problem),
            )
            for one in sources
        ]
    header = ("NAME", "PROFILE", "WORKER", "STATE", "LAST RUN", "PROBLEM")
    listing(header, rows, as_json=as_json)
    bad = (SourceState.HELD, SourceState.FAILED)
    return EXIT_FINDINGS if any(one.state in bad for one in sources) else 0


@source_group.command("remove")
@click.argument("name")
@shell
def source_remove(context: Shell, name: str) -> None:
    """Forget the directory NAME. Its people stay as they are."""
    with context.acting() as act:
        register.remove(act, name)
    click.echo(f"{name} is no source of people any more. Its people stay as they are.")


@source_group.command("test")
@click.argument("name")
@click.option("--entry", default="", metavar="TEXT", help="A mail address, cn, uid or workforceID.")
@shell
def source_test(context: Shell, name: str, entry: str) -> int:
    """Ask the directory NAME and say what is wrong with it; with --entry, show what the mapping
    makes of one person. Nothing is changed."""
    with context.db.reading() as session:
        found = register.opened(register.named(session, name))
    if entry:
        looked_up = mapped_entry.looked_up(found, entry)
        for field, value in looked_up.items():
            click.echo(f"{field:<14}{value}")
        return 0 if looked_up.get("entry") else EXIT_ERROR
    failed = 0
    for check in found.checks():
        failed += not check.passed
        click.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}")
        if not check.passed:
            click.echo(f"      {check.cause}\n      {check.remedy}")
    return EXIT_ERROR if failed else 0


@people.command("sync")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only show what would change; exit 2 when any does.")
@click.option("--confirm", is_flag=True, help="Apply it although many people leave.")
@shell
def people_sync(context: Shell, name: str, dry_run: bool, confirm: bool) -> int:
    """Bring people up to date from the directory NAME. Exit 4 when so many would leave that
    somebody has to confirm it."""
    if dry_run:
        plan = runs.preview(context.db, name, now=clock.now())
        _show_plan(plan)
        return EXIT_FINDINGS if plan.differs else 0
    actor = context.actor
    done = runs.synchronise(context.db, name, actor=actor, now=clock.now, confirmed=confirm)
    _show_plan(done.plan)
    if done.state is SourceState.HELD:
        click.echo(f"Held: {done.problem}")
        return EXIT_REFUSED
    return 0


def _show_plan(plan: Plan) -> None:
    for one in plan.new:
        click.echo(f"new        {one['person']}  {one['name']}")
    for one in plan.changed:
        before, after = one["before"] or "none", one["after"] or "none"
        click.echo(f"changed    {one['person']}  {one['field']}: {before} -> {after}")
    for kind, rows in (("leaving", plan.leaving), ("returning", plan.returning)):
        for one in rows:
            click.echo(f"{kind:<10} {one['person']}  {one['name']}")
    for one in plan.problems:
        click.echo(f"left out   {one['entry']}: {one['problem']}")
    for warning in plan.warnings:
        click.echo(f"warning    {warning}")
    shown = ("new", "changed", "leaving", "returning", "unchanged")
    click.echo(", ".join(f"{plan.counts[name]} {name}" for name in shown))
    click.echo(
        f"{plan.counts['entries']} entries read, {plan.counts['without_mail']} without a mail "
        f"address, {plan.counts['problems']} with problems"
    )


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
    """List open ownership disputes: folders whose owner answered "not mine". Exit code 2: there is
    one."""
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
    """Name the owner of a folder whose owner answered "not mine" (see: owners not-mine)."""
    with context.transaction() as session:
        now = clock.now()
        click.echo(
            ownership_disputes.settle(Act(session, context.actor, now), number, owner, reason)
        )
