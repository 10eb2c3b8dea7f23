"""Commands for scheduled reviews."""

from datetime import date, datetime, time
from typing import Any

import click
from sqlalchemy import select

from recert.campaigns.schedule import calendar, service
from recert.campaigns.schedule.service import Wanted
from recert.campaigns.setup.presets import template
from recert.cli.base import EXIT_FINDINGS, Shell, acting_as, cli, say_json, shell, table
from recert.cli.campaign_options import (
    policy_of,
    policy_options,
    scope_of,
    scope_options,
    stage_options,
    stages_of,
)
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.trail.act import Act


@cli.group()
def schedule() -> None:
    """Reviews that are launched by the calendar."""


@schedule.command("add")
@click.argument("name")
@click.option(
    "--rhythm",
    required=True,
    help='quarterly, monthly, "every 6 months", or a cron expression like "0 8 1 1,7 *".',
)
@click.option("--first", required=True, metavar="YYYY-MM-DD", help="The first day.")
@click.option("--at", default="08:00", show_default=True, metavar="HH:MM", help="The time of day.")
@click.option("--zone", help="The time zone; default: the one of this installation.")
@click.option("--server", "servers", multiple=True, help="A server in scope; default: all.")
@click.option("--folder", default="/", show_default=True, help="Only this folder and below.")
@click.option("--template", "key", default="access", help="See `recert campaign templates`.")
@click.option("--days", default=14, show_default=True, help="Days to answer.")
@scope_options
@stage_options
@policy_options
@shell
def schedule_add(
    context: Shell,
    /,
    name: str,
    rhythm: str,
    first: str,
    at: str,
    zone: str | None,
    servers: tuple[str, ...],
    folder: str,
    key: str,
    days: int,
    **rules: Any,
) -> None:
    """Launch a review again and again. A time that the clock skips moves to the first that
    exists; a time that comes twice counts once. Cron expressions say their time themselves."""
    first_day, time_of_day = _moment(first, at)
    start = template(key)
    with context.acting() as act:
        chosen = [inventory.server_by_name(act.session, each).id for each in servers]
        wanted = Wanted(
            name,
            rhythm,
            first_day,
            time_of_day,
            zone or context.settings.zone.key,
            chosen or list(act.session.scalars(select(Server.id))),
            folder,
            days,
            context.settings.undo_minutes,
            context.settings.undo_minutes,
            scope=scope_of(rules, folder, start.scope),
            about=start.about,
            stages=stages_of(rules),
            policy=policy_of(rules),
        )
        made = service.add(act, wanted)
        coming = calendar.next_days(made, now=clock.now())
        agreed = made.id in service.agreed(act.session)
    if not agreed:
        click.echo("Its rules protect less than usual: another officer must agree (agree-policy).")
    click.echo(f"{name} is scheduled. Next (UTC): {', '.join(map(_say, coming)) or 'never'}.")


def _moment(day: str, at: str) -> tuple[date, time]:
    try:
        return date.fromisoformat(day), time.fromisoformat(at)
    except ValueError as error:
        raise BadInput(f"{day!r} {at!r} is not a day and time like 2027-01-31 08:00.") from error


def _say(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


@schedule.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def schedule_list(context: Shell, as_json: bool) -> None:
    """Show all schedules with their next day (UTC)."""
    now = clock.now()
    with context.db.reading() as session:
        rows = [
            {
                "name": row.CampaignTemplate.name,
                "rhythm": row.CampaignSchedule.rhythm,
                "zone": row.CampaignSchedule.zone,
                "active": row.CampaignSchedule.active,
                "next": _say(next(iter(calendar.next_days(row.CampaignSchedule, now=now)), None)),
            }
            for row in calendar.schedules(session)
        ]
    if as_json:
        for row in rows:
            say_json(row)
    else:
        table(("NAME", "RHYTHM", "ZONE", "ON", "NEXT"), [tuple(row.values()) for row in rows])


@schedule.command("calendar")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def schedule_calendar(context: Shell, as_json: bool) -> int:
    """Show planned against actual reviews of a year back and ahead (UTC). Exit 2 when one was
    missed or late, or waits."""
    with context.db.reading() as session:
        found = calendar.calendar(session, now=clock.now())
    rows = [
        {
            "planned": _say(each.planned),
            "schedule": each.schedule,
            "servers": list(each.servers),
            "state": each.standing.value,
            "launched": _say(each.launched_at),
            "campaign": each.campaign,
            "reason": each.reason,
        }
        for each in found
    ]
    if as_json:
        for row in rows:
            say_json(row)
    else:
        shown = [tuple({**row, "servers": ",".join(row["servers"])}.values()) for row in rows]
        table(("PLANNED", "NAME", "SERVERS", "STATE", "LAUNCHED", "CAMPAIGN", "WHY"), shown)
    return EXIT_FINDINGS if any(each.finding for each in found) else 0


@schedule.command("agree-policy")
@click.argument("name")
@click.option("--as", "email", required=True, help="The other officer, who agrees.")
@click.option("--reason", required=True, help="Why these rules are right.")
@shell
def schedule_agree_policy(context: Shell, name: str, email: str, reason: str) -> None:
    """Agree to rules that protect less than usual, as an officer who did not set them. Nothing is
    launched before."""
    with context.transaction() as session:
        found, actor = service.active_by_name(session, name), acting_as(session, context, email)
        service.agree_policy(Act(session, actor, clock.now()), found.id, reason)
    click.echo(f"Agreed: {name} launches its reviews.")


@schedule.command("off")
@click.argument("name")
@shell
def schedule_off(context: Shell, name: str) -> None:
    """Launch no more reviews by this schedule; those that were launched go on."""
    with context.acting() as act:
        found = service.active_by_name(act.session, name)
        service.switch_off(act, found)
    click.echo(f"{name} is switched off.")
