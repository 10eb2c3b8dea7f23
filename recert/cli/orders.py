"""Commands for orders."""

from pathlib import Path

import click

from recert.campaigns import local_time
from recert.campaigns.completion import challenges
from recert.campaigns.models import Campaign, Item
from recert.campaigns.transitions import NoSuchItem
from recert.changes import execution, plans, preview, queries, service, undo
from recert.changes.models import OrderState
from recert.cli.base import EXIT_ERROR, EXIT_FINDINGS, Shell, acting_as, cli, day_of, order, shell
from recert.connectors import rights
from recert.connectors.csv_export import change_list
from recert.foundation import clock
from recert.foundation.db import Database
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.remediation import overdue_owners
from recert.remediation import service as remediation
from recert.trail.act import Act


@order.command("show")
@click.argument("number", type=int)
@shell
def order_show(context: Shell, number: int) -> None:
    """Show the plan and the log of one order."""
    with context.db.reading() as session:
        found = service.order_by_id(session, number)
        click.echo(f"{found.kind.value} {found.account} in {found.place}: {found.state.value}")
        if found.folder:
            click.echo(
                f"before: {', '.join(rights.names(found.rights_before)) or 'no access'}\n"
                f"wanted: {', '.join(rights.names(found.rights_wanted)) or 'no access'}"
            )
        if found.ticket:
            click.echo(f"ticket: {found.ticket}")
        click.echo((found.plan or {}).get("diff", "There is no plan yet."))
        for cell in (found.plan or {}).get("gains", ()):
            more, had = rights.say(cell["after"]), rights.say(cell["before"])
            click.echo(f"+ opens: {cell['account']} in {cell['folder']}: {had} -> {more}")
        for cell in (found.plan or {}).get("side_effects", ()):
            left, had = rights.say(cell["after"]), rights.say(cell["before"])
            by = f" by {cell['protocol']}" if cell.get("protocol") else ""
            click.echo(f"! also: {cell['account']} in {cell['folder']}{by}: {had} -> {left}")
        for step in queries.steps(session, number):
            click.echo(f"{step.at:%Y-%m-%d %H:%M:%S}  {step.state.value}  {step.detail}")


@order.command("run")
@click.option("--dry-run", is_flag=True, help="Show everything a run would do, change nothing.")
@shell
def order_run(context: Shell, dry_run: bool) -> int:
    """Write orders for final decisions, carry out what is due, and look again.

    Several servers at once. Exit code 1 when another run holds one of them, 2 when some orders
    are not verified yet."""
    if dry_run:
        return _show_plans(context)
    made = _write_orders(context.db)
    at_once = context.settings.servers_at_once
    done = execution.run_due(context.db, now=clock.now, at_once=at_once)
    remediation.follow_orders(context.db, now=clock.now())
    click.echo(f"{made} new orders, {done.moved} moved.")
    for text in done.held:
        click.echo(f"Error: {text}", err=True)
    if done.held:
        return EXIT_ERROR
    with context.db.reading() as session:
        waiting = [
            state
            for state in OrderState
            if state not in (OrderState.VERIFIED, OrderState.CANCELLED)
        ]
        return EXIT_FINDINGS if queries.orders(session, states=waiting, size=1) else 0


def _write_orders(db: Database) -> int:
    """Orders for final decisions; how many."""
    challenges.open_due(db, now=clock.now())
    return remediation.order_final(db, now=clock.now())


def _show_plans(context: Shell) -> int:
    """The orders that a run would write first are written in a rehearsal, which ends before any
    server is asked."""
    with context.db.reading() as session:
        last = queries.newest(session)
    with context.db.rehearsal() as rehearsal:
        made = _write_orders(rehearsal)
        with rehearsal.reading() as session:
            waiting = preview.waiting(session, clock.now())
    found = preview.foresee(context.db, waiting, context.settings.servers_at_once)
    for one in found:
        name = f"order {one.order.id}" if one.order.id <= last else "new order"
        place = f"{one.order.kind.value} {one.order.account} in {one.order.place}"
        click.echo(f"# {name} on {one.server}: {place}")
        if one.plan:
            click.echo(f"{one.plan.diff}{one.plan.note}")
            for cell in one.plan.gains:
                click.echo(f"+ would open {cell.folder} to {cell.account}")
            for cell in one.plan.side_effects:
                click.echo(f"! would also touch {cell.account} in {cell.folder}")
        if one.why:
            click.echo(one.why)
    plans = sum(one.plan is not None for one in found)
    click.echo(f"{made} new orders, {plans} plans. Nothing was changed.")
    return EXIT_FINDINGS if found else 0


@order.command("undo")
@click.argument("number", type=int)
@click.option("--reason", default="", help="Why; a second person must agree.")
@click.option("--approved-by", "second", metavar="EMAIL", help="The second person, who has a role.")
@click.option("--dry-run", is_flag=True, help="Show the plan, change nothing.")
@shell
def order_undo(context: Shell, number: int, reason: str, second: str | None, dry_run: bool) -> None:
    """Restore the exact former entry. The undo is an order of its own.

    It takes two: one person asks with --reason, and another one agrees (--approved-by)."""
    now = clock.now()
    with context.transaction() as session:
        found = service.order_by_id(session, number)
        if dry_run:
            connector = inventory.connector_of(session.get_one(Server, found.server_id))
            click.echo(connector.undo_plan(plans.loaded(found.plan or {})).diff)
            return
        if reason or not second:
            undo.ask(Act(session, context.actor, now), found, reason)
        if not second:
            click.echo(f"Written down. A second person agrees: order undo {number} --approved-by")
            return
        who = acting_as(session, context, second)
        made = undo.approve(Act(session, who, now), found)
        click.echo(f"Order {made.id} takes order {number} back. Carry it out: recert order run")


@order.command("ticket")
@click.argument("number", type=int)
@click.argument("text")
@shell
def order_ticket(context: Shell, number: int, text: str) -> None:
    """Note the ticket under which a person makes a change. Only the next reading closes it."""
    with context.acting() as act:
        found = service.order_by_id(act.session, number)
        service.set_ticket(act, found, text)
    click.echo(f"Order {number}: ticket {text.strip()}.")


@order.command("approve")
@click.argument("number", type=int)
@shell
def order_approve(context: Shell, number: int) -> None:
    """Want a change although it touches more than was decided (see: order show)."""
    with context.acting() as act:
        found = service.order_by_id(act.session, number)
        service.approve(act, found)
    click.echo(f"Order {number} is approved. Carry it out: recert order run")


@order.command("retry")
@click.argument("number", type=int)
@shell
def order_retry(context: Shell, number: int) -> None:
    """Put an order back into the queue after its cause is mended."""
    with context.acting() as act:
        found = service.order_by_id(act.session, number)
        service.retry(act, found)
    click.echo(f"Order {number} is in the queue again.")


@order.command("changes")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to write; default: standard output."
)
@shell
def order_changes(context: Shell, name: str, out: Path | None) -> None:
    """The change list (CSV) of a server that Recert cannot write to itself."""
    with context.db.reading() as session:
        server = inventory.server_by_name(session, name)
        waiting = queries.orders(
            session, server_id=server.id, states=[OrderState.MANUAL], size=100_000
        )
        text = change_list(plans.by_hand(session, [row.Order for row in waiting]))
    if out:
        out.write_text(text, encoding="utf-8", newline="")
        click.echo(f"{len(waiting)} changes written to {out}.")
    else:
        click.echo(text, nl=False)


@cli.group("late")
def late() -> None:
    """Who sees to changes that are late (`recert campaign late` lists them)."""


@late.command("take-on")
@click.argument("item", type=int)
@click.option("--owner", required=True, help="Mail address of whoever sees to it.")
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="The last day.")
@click.option("--reason", required=True, help="Why the change is late.")
@shell
def late_take_on(context: Shell, item: int, owner: str, until: str, reason: str) -> None:
    """Name the owner of the overdue change of an ITEM, a date, and why it is late. Earlier entries
    stay in the evidence. When the date passes it is listed again."""
    with context.acting() as act:
        found = act.session.get(Item, item)
        if found is None:
            raise NoSuchItem
        zone = act.session.get_one(Campaign, found.campaign_id).zone
        ends = local_time.end_of_day(day_of(until), zone, context.settings.zone)
        change = overdue_owners.take_on(act, item, owner, ends, reason)
        click.echo(f"{change.owner} sees to item {item} until {until}.")
