"""Commands for campaigns and decisions."""

from datetime import timedelta
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns import local_time
from recert.campaigns.completion import approvals, recent_use
from recert.campaigns.completion import sign_off as ending
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign
from recert.campaigns.reviewing import queries
from recert.campaigns.reviewing.item_filter import ItemFilter
from recert.campaigns.setup import drafts, launch, policy_agreement
from recert.campaigns.setup.launch import Preview
from recert.campaigns.setup.presets import TEMPLATES, template
from recert.cli.base import Shell, acting_as, campaign, cli, day_of, say_json, shell, table
from recert.cli.campaign_options import (
    policy_of,
    policy_options,
    scope_of,
    scope_options,
    stage_options,
    stages_of,
)
from recert.connectors import rights
from recert.foundation import clock, secrets
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.errors import BadInput
from recert.inventory import service as inventory
from recert.inventory.models import Server
from recert.people import queries as people
from recert.trail.act import Act

DEFAULT_DAYS = 14
FIRST_IN_USE = 20


@campaign.command("launch")
@click.argument("name")
@click.option("--server", "servers", multiple=True, help="A server in scope; default: all.")
@click.option("--folder", default="/", show_default=True, help="Only this folder and below.")
@click.option("--due", metavar="YYYY-MM-DD", help="Last day to answer; default: in 14 days.")
@click.option("--zone", default="", help="Time zone of its dates; default: the installation's.")
@click.option("--dry-run", is_flag=True, help="Count and show, launch nothing.")
@click.option("--template", "key", default="", help="See `recert campaign templates`.")
@scope_options
@stage_options
@policy_options
@shell
def campaign_launch(
    context: Shell,
    /,
    name: str,
    servers: tuple[str, ...],
    folder: str,
    due: str | None,
    zone: str,
    dry_run: bool,
    key: str,
    **rules: Any,
) -> None:
    """Ask the owners about every access in scope, or about what a template says. Options that
    limit the scope count instead of those of the template. With rules that protect less than
    usual it is drafted only: another officer agrees (agree-policy), then `campaign start`."""
    chosen_template = template(key or "access")
    now, weaker = clock.now(), list[str]()
    day = day_of(due) if due else (now + timedelta(days=DEFAULT_DAYS)).date()
    due_at = local_time.end_of_day(day, zone, context.settings.zone)
    with context.transaction() as session:
        chosen = [inventory.server_by_name(session, each).id for each in servers]
        drafted = drafts.draft(
            Act(session, context.actor, now),
            drafts.CampaignDraft(
                name,
                chosen or list(session.scalars(select(Server.id))),
                folder,
                due_at,
                undo_minutes=context.settings.undo_minutes,
                usual_undo_minutes=context.settings.undo_minutes,
                scope=scope_of(rules, folder, chosen_template.scope),
                about=chosen_template.about,
                stages=stages_of(rules),
                policy=policy_of(rules),
            ),
        )
        if dry_run:
            found = launch.preview(session, drafted, now=now)
            session.rollback()
        elif drafted.weaker:
            found, weaker = launch.preview(session, drafted, now=now), list(drafted.weaker)
        else:
            found = launch.launch(Act(session, context.actor, now), drafted)
    _show_preview(found)
    if weaker and not dry_run:
        click.echo(f"Its rules protect less than usual: {'; '.join(weaker)}.")
        click.echo(f"{name} is drafted. Another officer agrees: recert campaign agree-policy.")
        return
    click.echo(
        "Nothing was launched." if dry_run else f"{name} is launched. The worker sends the mails."
    )


def _show_preview(found: Preview) -> None:
    for problem in found.problems:
        click.echo(f"PROBLEM  {problem}")
    for warning in found.warnings:
        click.echo(f"NOTE     {warning}")
    click.echo(
        f"{found.items} items, {found.mails} reviewers, {found.queued} items without reviewer"
    )
    rows = [(share.name, share.email, share.items, share.folders) for share in found.shares]
    table(("REVIEWER", "MAIL", "ITEMS", "FOLDERS"), rows)


@campaign.command("agree-policy")
@click.argument("name")
@click.option("--as", "email", required=True, help="The other officer, who agrees.")
@click.option("--reason", required=True, help="Why these rules are right.")
@shell
def campaign_agree_policy(context: Shell, name: str, email: str, reason: str) -> None:
    """Agree to rules that protect less than usual, as an officer who did not draft them."""
    with context.transaction() as session:
        found, actor = launch.campaign_by_name(session, name), acting_as(session, context, email)
        rules = list(found.weaker)
        policy_agreement.agree(Act(session, actor, clock.now()), found.ref, rules, reason)
    click.echo(f"Agreed: {'; '.join(rules)}. Launch it with `recert campaign start`.")


@campaign.command("start")
@click.argument("name")
@shell
def campaign_start(context: Shell, name: str) -> None:
    """Launch a campaign that is drafted."""
    actor = context.actor
    with context.transaction() as session:
        found = launch.campaign_by_name(session, name)
        done = launch.launch(Act(session, actor, clock.now()), found)
    _show_preview(done)
    click.echo(f"{name} is launched. The worker sends the mails.")


@campaign.command("templates")
def campaign_templates() -> None:
    """Show what can be asked about, ready to choose."""
    rows = [(one.key, one.title, one.what) for one in TEMPLATES]
    table(("TEMPLATE", "TITLE", "WHAT IS ASKED ABOUT"), rows)


@campaign.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def campaign_show(context: Shell, name: str, as_json: bool) -> None:
    """Show the items of a campaign (by name or number)."""
    with context.db.reading() as session:
        found = launch.campaign_by_name(session, name)
        _say_what_waits(session, found)
        after: int | None = 0
        while after is not None:
            page = queries.items_of(session, found.id, ItemFilter(), after=after, size=500)
            for row in page.rows:
                fact = {
                    "item": row.id,
                    "server": row.server,
                    "folder": row.folder,
                    "account": row.account,
                    "rights": rights.names(row.rights),
                    "reviewer": row.reviewer_email,
                    "state": row.state.value,
                    "answer": row.answer.value if row.answer else None,
                    "outcome": row.outcome,
                }
                if as_json:
                    say_json(fact)
                else:
                    click.echo("  ".join(str(value) for value in fact.values()))
            after = page.after


def _say_what_waits(session: Session, found: Campaign) -> None:
    """On standard error, so that `--json` stays one object per line."""
    waiting = approvals.waiting(session, found, clock.now())
    if waiting.count:
        text = f"{waiting.count} changes wait for a second person (campaign release)."
        click.echo(" ".join((text, *waiting.reasons)), err=True)
        rows = approvals.first_waiting(session, found, FIRST_IN_USE, clock.now())
        used = recent_use.last_transfers(session, [row.id for row in rows])
        for row in rows:
            if at := used.get(row.id):
                click.echo(f"In use: {row.account} in {row.folder}, last {at:%Y-%m-%d}.", err=True)
    if batch_number := approvals.halted_after(session, found.id):
        click.echo(f"Halted: too many changes failed in batch {batch_number}.", err=True)


@campaign.command("release")
@click.argument("name")
@click.option("--as", "email", required=True, help="The second person, who has a role.")
@click.option("--reason", required=True, help="Why these changes may go out.")
@shell
def campaign_release(context: Shell, name: str, email: str, reason: str) -> None:
    """Let changes go that wait for a second person, or a halted campaign go on."""
    with context.transaction() as session:
        actor = acting_as(session, context, email)
        found = launch.campaign_by_name(session, name)
        made = approvals.release(Act(session, actor, clock.now()), found, reason)
    click.echo(f"{name}: {made.count} changes are released." if made.count else f"{name} goes on.")


@campaign.command("sign-off")
@click.argument("name")
@click.option("--statement", required=True, help="What management acknowledges.")
@shell
def campaign_sign_off(context: Shell, name: str, statement: str) -> None:
    """Acknowledge the result. Refused while a change is not proved."""
    with context.acting() as act:
        found = launch.campaign_by_name(act.session, name)
        key = secrets.signing_key(context.settings.keys)
        ending.sign_off(act, found, statement, key)
    click.echo(f"{name} is signed off.")


@campaign.command("void")
@click.argument("name")
@click.option("--reason", required=True)
@shell
def campaign_void(context: Shell, name: str, reason: str) -> None:
    """Stop a campaign for good; nothing of it is deleted."""
    with context.acting() as act:
        found = launch.campaign_by_name(act.session, name)
        ending.void(act, found, reason)
    click.echo(f"{name} is void.")


@cli.command()
@click.argument("item", type=int)
@click.argument("answer", type=click.Choice([answer.value for answer in Answer][:4]))
@click.option("--as", "email", required=True, help="Mail address of the reviewer who is asked.")
@click.option("--rights", "remaining", default="", help="With reduce: what remains, list,download.")
@click.option("--reason", default="")
@click.option("--until", metavar="YYYY-MM-DD", help="With keep: the access ends after this day.")
@shell
def decide(
    context: Shell,
    item: int,
    answer: str,
    email: str,
    remaining: str,
    reason: str,
    until: str | None,
) -> None:
    """Answer an ITEM on behalf of its reviewer. The evidence says that an operator typed it."""
    kept = rights.parse(remaining.split(",")) if remaining else None
    with context.transaction() as session:
        person = people.person_by_email(session, email)
        if person is None:
            raise BadInput(f"Nobody has the address {email!r}.")
        actor = Actor(
            f"{person.email} ({context.actor.name})",
            Channel.COMMAND_LINE,
            Assurance.OPERATOR,
            person_id=person.id,
        )
        last = clock.end_of_day(day_of(until), context.settings.zone) if until else None
        reply = Reply(Answer(answer), kept, reason, last)
        decisions.record(Act(session, actor, clock.now()), item, reply)
    click.echo(f"Item {item}: {answer}.")
