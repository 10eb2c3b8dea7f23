"""Commands for a campaign that runs: remind, give away, extend, close."""

from dataclasses import replace
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.completion import close, early_close, keep_confirmation
from recert.campaigns.decisions import finalisation
from recert.campaigns.mailing import Letterhead
from recert.campaigns.notifications import due_date_extension, reviewer_mails
from recert.campaigns.reviewing import bulk_reassignment, instructions, postponement
from recert.campaigns.reviewing.bulk_reassignment import From
from recert.campaigns.setup import launch
from recert.cli.base import (
    EXIT_FINDINGS,
    Shell,
    acting_as,
    campaign,
    cli,
    day_of,
    listing,
    say_json,
    shell,
    table,
)
from recert.evidence.package import reviewers
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.inventory import service as inventory
from recert.inventory.models import Folder
from recert.people import queries as people
from recert.people.models import Person
from recert.remediation import overdue
from recert.trail.act import Act


def person_of(session: Session, email: str) -> Person:
    """Somebody by their address, or BadInput."""
    found = people.person_by_email(session, email)
    if found is None:
        raise BadInput(f"Nobody has the address {email!r}.")
    return found


@campaign.command("remind")
@click.argument("name")
@click.option("--reviewer", metavar="EMAIL", help="Only this one.")
@shell
def campaign_remind(context: Shell, name: str, reviewer: str | None) -> None:
    """Remind everybody who has open items, or one of them, at most once a day."""
    head, now = Letterhead.of(context.settings), clock.now()
    with context.transaction() as session:
        found, sent = launch.campaign_by_name(session, name), 1
        if reviewer:
            person = person_of(session, reviewer)
            reviewer_mails.remind_one(Act(session, context.actor, now), found, person, head)
        else:
            sent = reviewer_mails.remind_now(Act(session, context.actor, now), found, head)
    click.echo(f"{sent} reminders are in the outbox.")


@campaign.command("reassign")
@click.argument("name")
@click.option("--to", "email", required=True, help="Who shall answer.")
@click.option("--reason", required=True, help="Why; it stands in the trail.")
@click.option("--from", "before", metavar="EMAIL", help="All open items of this reviewer.")
@click.option("--queue", is_flag=True, help="All open items of the compliance queue.")
@click.option("--folder", metavar="SERVER:PATH", help="All open items of this folder.")
@shell
def campaign_reassign(
    context: Shell,
    name: str,
    email: str,
    reason: str,
    before: str | None,
    queue: bool,
    folder: str | None,
) -> None:
    """Give all undecided items of a reviewer, of the queue or of a folder to somebody else."""
    if bool(before) + queue + bool(folder) != 1:
        raise BadInput("Say one of --from, --queue and --folder.")
    with context.acting() as act:
        found = launch.campaign_by_name(act.session, name)
        source = From(
            reviewer_id=person_of(act.session, before).id if before else None,
            folder_id=_folder(act.session, folder) if folder else None,
        )
        result = bulk_reassignment.reassign_all(
            act,
            found,
            source,
            person_of(act.session, email),
            reason,
        )
    click.echo(f"{result.moved} items go to {email}.")
    if result.stayed:
        click.echo(f"{result.stayed} stay where they are: they are about {email}.")


def _folder(session: Session, text: str) -> int:
    name, _, path = text.partition(":")
    server = inventory.server_by_name(session, name)
    found = session.scalar(
        select(Folder.id)
        .where(Folder.server_id == server.id, Folder.path == path)
        .order_by(Folder.id.desc())
    )
    if found is None:
        raise BadInput(f"{name} has no folder {path!r} of its own rights.")
    return found


@campaign.command("finish")
@click.argument("name")
@click.option("--as", "email", required=True, help="Mail address of the reviewer who is done.")
@shell
def campaign_finish(context: Shell, name: str, email: str) -> None:
    """Make all answers of a reviewer final, as they say so. The trail says who typed it."""
    with context.transaction() as session:
        person = person_of(session, email)
        name = f"{person.email} ({context.actor.name})"
        actor = replace(context.actor, name=name, person_id=person.id, roles=frozenset())
        found = launch.campaign_by_name(session, name)
        done = finalisation.finish(Act(session, actor, clock.now()), found)
    click.echo(f"{done} answers of {email} are final.")


@campaign.command("extend")
@click.argument("name")
@click.option("--due", required=True, metavar="YYYY-MM-DD", help="The new last day to answer.")
@click.option("--reason", required=True, help="Why; it stands in the trail.")
@shell
def campaign_extend(context: Shell, name: str, due: str, reason: str) -> None:
    """Give the reviewers more time, and tell those who have open items. Only later, and at most a
    year from now."""
    head, now = Letterhead.of(context.settings), clock.now()
    with context.transaction() as session:
        found, day = launch.campaign_by_name(session, name), day_of(due)
        mails = due_date_extension.extend(
            Act(session, context.actor, now), found, day, reason, head
        )
    click.echo(f"{name} is due at the end of {due}. {mails} mails are in the outbox.")


@campaign.command("quality")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def campaign_quality(context: Shell, name: str, as_json: bool) -> None:
    """Show how reviewers answered: seconds per answer (a pause of more than ten minutes counts as
    ten), how many in bulk, and which version of the instruction they have read."""
    with context.db.reading() as session:
        found = launch.campaign_by_name(session, name)
        rows = list(reviewers.reviewers(session, found.id))
    if as_json:
        for row in rows:
            say_json(row)
    else:
        header = tuple(name.replace("_", " ").upper() for name in reviewers.COLUMNS)
        table(header, [tuple(row.values()) for row in rows])


@campaign.command("late")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def campaign_late(context: Shell, name: str, as_json: bool) -> int:
    """Show the changes that are not verified within the days of their risk class (--days-high and
    its like). Exit 2 when there is one."""
    with context.db.reading() as session:
        found = launch.campaign_by_name(session, name)
        rows = [
            {
                "item": row.id,
                "risk": row.risk,
                "server": row.server,
                "folder": row.folder,
                "account": row.account,
                "answered": row.decided_at.isoformat(),
                "state": row.state.value,
                "order": row.order_id,
                "owner": row.owner,
                "until": row.until.isoformat() if row.until else None,
                "why": row.reason,
            }
            for row in overdue.overdue(session, found, now=clock.now())
        ]
    if as_json:
        for line in rows:
            say_json(line)
    else:
        header = ("ITEM", "RISK", "SERVER", "FOLDER", "ACCOUNT", "ANSWERED", "STATE", "ORDER")
        table((*header, "OWNER", "UNTIL", "WHY"), [tuple(line.values()) for line in rows])
    return EXIT_FINDINGS if rows else 0


@cli.group()
def instruction() -> None:
    """The instruction that reviewers read before they answer."""


@instruction.command("write")
@click.argument("file", type=click.File(encoding="utf-8"))
@shell
def instruction_write(context: Shell, file: TextIO) -> None:
    """Put a new version in force, from a text FILE (- is standard input)."""
    with context.transaction() as session:
        text, now = file.read(), clock.now()
        made = instructions.write(Act(session, context.actor, now), text)
    click.echo(f"Version {made.version} is in force.")


@instruction.command("show")
@shell
def instruction_show(context: Shell) -> None:
    """Show the version in force."""
    with context.db.reading() as session:
        found = instructions.newest(session)
    if found is None:
        raise BadInput("There is no instruction yet. Write one: recert instruction write FILE")
    click.echo(f"Version {found.version}, {found.at:%Y-%m-%d %H:%M} UTC, by {found.by}", err=True)
    click.echo(found.text)


@cli.command()
@click.argument("item", type=int)
@click.option("--as", "email", required=True, help="Mail address of the reviewer who is asked.")
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="The last day to answer it.")
@shell
def postpone(context: Shell, item: int, email: str, until: str) -> None:
    """Put an ITEM off for its reviewer: once, and only where the policy allows it
    (--postpone-days). The close of the campaign does not move."""
    day, zone = day_of(until), context.settings.zone
    with context.transaction() as session:
        person = person_of(session, email)
        name = f"{person.email} ({context.actor.name})"
        actor = replace(context.actor, name=name, person_id=person.id, roles=frozenset())
        postponement.postpone(Act(session, actor, clock.now()), item, day, zone)
    click.echo(f"Item {item} is put off until the end of {until}.")


@campaign.command("close")
@click.argument("name")
@click.option("--reason", default="", help="Before the due date: ask for it, with this reason.")
@click.option("--as", "email", help="The second officer, who closes what another asked for.")
@shell
def campaign_close(context: Shell, name: str, reason: str, email: str | None) -> None:
    """End the asking. Answers become final; for the rest the policy of the campaign counts: kept
    and listed as exceptions, or removed when a second person releases it.

    Before the due date, while questions are open, it takes two: one officer asks with --reason,
    and another one closes it (--as)."""
    now = clock.now()
    with context.transaction() as session:
        found = launch.campaign_by_name(session, name)
        actor = acting_as(session, context, email) if email else context.actor
        if reason and early_close.is_early(session, found, now=now):
            early_close.ask(Act(session, actor, now), found, reason)
            click.echo(f"Written down. Another officer closes {name} (campaign close --as).")
            return
        unanswered = close.close(Act(session, actor, now), found)
    click.echo(
        f"{name} is closed. {unanswered.kept} items without an answer are listed as exceptions."
    )
    if unanswered.taken:
        taken = sum(unanswered.taken.values())
        click.echo(f"{taken} items without an answer are removed by policy when released.")


@campaign.command("to-confirm")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@shell
def campaign_to_confirm(context: Shell, name: str, as_json: bool) -> int:
    """Keeps of high risk whose reviewer could give themselves the same: a second person must
    confirm each. Exit 2 when there is one."""
    with context.db.reading() as session:
        found = launch.campaign_by_name(session, name)
        rows = [
            (row.id, row.server, row.folder, row.account, row.reviewer)
            for row in keep_confirmation.waiting(session, found, now=clock.now())
        ]
    header = ("ITEM", "SERVER", "FOLDER", "ACCOUNT", "REVIEWER")
    listing(header, rows, as_json=as_json)
    return EXIT_FINDINGS if rows else 0


@campaign.command("confirm")
@click.argument("item", type=int)
@click.option("--as", "email", required=True, help="The second person, an officer.")
@click.option("--reason", required=True, help="Why.")
@click.option("--ask-again", is_flag=True, help="Do not confirm: the reviewer is asked again.")
@shell
def campaign_confirm(context: Shell, item: int, email: str, reason: str, ask_again: bool) -> None:
    """Confirm the keep of an ITEM, or ask its reviewer again (see: campaign to-confirm)."""
    with context.transaction() as session:
        keep_confirmation.judge(
            Act(session, acting_as(session, context, email), clock.now()),
            item,
            confirmed=not ask_again,
            reason=reason,
        )
    click.echo(f"Item {item} is {'asked again' if ask_again else 'confirmed'}.")
