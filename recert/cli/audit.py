"""Commands of the auditor."""

from datetime import datetime

import click
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign
from recert.campaigns.setup import launch as campaigns
from recert.cli.base import EXIT_FINDINGS, Shell, cli, day_of, say_json, shell, table
from recert.connectors import rights
from recert.evidence.audit import findings, retention
from recert.evidence.audit import uncertified as query
from recert.evidence.models import Judgement
from recert.foundation import clock
from recert.foundation.db import AnyRow
from recert.inventory import service as inventory


@cli.group()
def audit() -> None:
    """Samples, remarks and verdicts of the auditor; what nobody certified."""


def _campaign(session: Session, name: str) -> Campaign:
    return campaigns.campaign_by_name(session, name)


@audit.command("sample")
@click.argument("campaign")
@click.option("--size", type=int, default=25, show_default=True, help="How many items.")
@click.option("--seed", default="", help="A seed of your own; default: a new one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def audit_sample(context: Shell, campaign: str, size: int, seed: str, as_json: bool) -> None:
    """Draw items of a CAMPAIGN (name or number) by chance.

    The items are those whose SHA-256 over "SEED:NUMBER" is smallest, so that everybody who knows
    the seed draws the same ones.
    """
    with context.acting() as act:
        found = _campaign(act.session, campaign)
        sample = findings.draw_sample(act, found, size, seed)
        rows = findings.items_of(act.session, sample)
    facts = [
        (row.id, row.server, row.folder, row.account, row.answer.value if row.answer else "")
        for row in rows
    ]
    header = ("item", "server", "folder", "account", "answer")
    if as_json:
        for each in facts:
            say_json({"seed": sample.seed, **dict(zip(header, each, strict=True))})
        return
    click.echo(f"Seed {sample.seed}")
    table(header, facts)


@audit.command("remark")
@click.argument("campaign")
@click.argument("text")
@click.option("--item", type=int, help="About this item; default: about the whole campaign.")
@shell
def audit_remark(context: Shell, campaign: str, text: str, item: int | None) -> None:
    """Note a TEXT about a CAMPAIGN."""
    with context.acting() as act:
        found = _campaign(act.session, campaign)
        findings.remark(act, found, text, item)
    click.echo("Noted.")


def _judge(context: Shell, campaign: str, judgement: Judgement, reason: str) -> None:
    with context.acting() as act:
        found = _campaign(act.session, campaign)
        findings.judge(act, found, judgement, reason)
    click.echo(f"{found.name} is {judgement.value}.")


@audit.command("accept")
@click.argument("campaign")
@click.option("--reason", default="", help="What the verdict rests on.")
@shell
def audit_accept(context: Shell, campaign: str, reason: str) -> None:
    """Accept a CAMPAIGN that is signed off."""
    _judge(context, campaign, Judgement.ACCEPTED, reason)


@audit.command("reject")
@click.argument("campaign")
@click.option("--reason", required=True, help="Why it is rejected.")
@shell
def audit_reject(context: Shell, campaign: str, reason: str) -> None:
    """Reject a CAMPAIGN that is signed off."""
    _judge(context, campaign, Judgement.REJECTED, reason)


@audit.command("keep")
@click.argument("campaign")
@click.option("--years", type=int, required=True, help="Years after its end; can only grow.")
@shell
def audit_keep(context: Shell, campaign: str, years: int) -> None:
    """Set for how long a CAMPAIGN is kept; default: 7 years."""
    with context.acting() as act:
        found = _campaign(act.session, campaign)
        retention.keep_for(act, found, years)
    click.echo(f"{found.name} is kept for {years} years after its end.")


@audit.command("hold")
@click.argument("campaign")
@click.option("--reason", required=True, help="For example the matter and who asked for it.")
@shell
def audit_hold(context: Shell, campaign: str, reason: str) -> None:
    """Lay a legal hold on a CAMPAIGN: it is kept whatever its years say."""
    with context.acting() as act:
        found = _campaign(act.session, campaign)
        retention.hold(act, found, reason)
    click.echo(f"{found.name} is under a legal hold.")


@audit.command("release-hold")
@click.argument("campaign")
@click.option("--reason", required=True, help="Why it is lifted.")
@shell
def audit_release_hold(context: Shell, campaign: str, reason: str) -> None:
    """Lift the legal hold on a CAMPAIGN."""
    with context.acting() as act:
        found = _campaign(act.session, campaign)
        retention.release(act, found, reason)
    click.echo(f"The legal hold on {found.name} is lifted.")


@audit.command("uncertified")
@click.option("--days", type=int, required=True, help="Older decisions do not count.")
@click.option("--at", metavar="YYYY-MM-DD", help="At the end of this day; default: now.")
@click.option("--server", "name", help="Only this server.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def audit_uncertified(
    context: Shell, days: int, at: str | None, name: str | None, as_json: bool
) -> int:
    """List access that no person certified in the DAYS before a date. Exit code 2: there is some.

    Certified is what a person's final "keep" or "reduce" covers; they must have decided on at
    least the rights that were there.
    """
    count = 0
    with context.db.reading() as session:
        server_id = inventory.server_by_name(session, name).id if name else None
        wanted = query.Wanted(days, _moment(context, at), server_id)
        for view in query.views(session, wanted):
            if view.snapshot_id is None:
                click.echo(f"{view.server}: no complete snapshot until then.", err=True)
        for row in query.everything(session, wanted):
            count += 1
            _say(row, as_json)
    return EXIT_FINDINGS if count else 0


def _moment(context: Shell, day: str | None) -> datetime:
    if day is None:
        return clock.now()
    return min(clock.end_of_day(day_of(day), context.settings.zone), clock.now())


def _say(row: AnyRow, as_json: bool) -> None:
    last = row.last_certified.isoformat() if row.last_certified else None
    if not as_json:
        what = f"{row.server}  {row.folder}  {row.account}  {rights.say(row.rights)}"
        click.echo(f"{what}  (certified last: {last or 'never'})")
        return
    say_json(
        {
            "server": row.server,
            "folder": row.folder,
            "account": row.account,
            "person": row.person,
            "rights": rights.names(row.rights),
            "there_since": row.granted_since.isoformat(),
            "certified_last": last,
        }
    )
