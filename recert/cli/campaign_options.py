"""Options of campaigns and schedules: scope, policy, stages."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from recert.campaigns.policy import MailAnswers, Policy, PolicyRejected, Risk
from recert.campaigns.policy_rules import NUMBERS
from recert.campaigns.setup.scope import EVERYTHING, Holder, Scope
from recert.campaigns.setup.stages import Stage, Stages, Vote
from recert.connectors import rights

Command = TypeVar("Command", bound=Callable[..., Any])


def stage_options(command: Command) -> Command:
    """Adds the options to a command, which takes them as keywords."""
    command = click.option(
        "--vote",
        type=click.Choice([vote.value for vote in Vote]),
        default=Vote.REMOVAL.value,
        show_default=True,
        help="Whose decision counts when stages differ.",
    )(command)
    return click.option(
        "--stage",
        "later",
        multiple=True,
        metavar="WHO:WHAT:DAYS",
        help="A later stage, up to two: WHO is manager, server owner or an address; WHAT is all, "
        'kept or removed; like "manager:kept:7".',
    )(command)


def stages_of(options: dict[str, Any]) -> Stages:
    """Takes the options of stages out of a command's options."""
    later, vote = options.pop("later"), Vote(options.pop("vote"))
    return Stages(tuple(map(Stage.of, later)), vote)


OPTIONS = (
    click.option(
        "--holder",
        "holders",
        multiple=True,
        type=click.Choice([holder.value for holder in Holder]),
        help="Only accounts of this sort; several are added up.",
    ),
    click.option("--right", "any_of", default="", help="Who can do one of these: delete,share."),
    click.option("--classification", "classes", multiple=True, help="Only folders classified so."),
    click.option("--unused", "unused_days", type=int, default=0, help="Unused for N days."),
    click.option(
        "--unknown-unused",
        "unknown_unused",
        is_flag=True,
        help="With --unused: accounts of which no use is known count as unused.",
    ),
    click.option("--changes", "only_changes", is_flag=True, help="Only what is new or changed."),
    click.option("--sample", type=int, default=0, help="Only a random sample of so many items."),
    click.option("--seed", type=int, default=0, help="The seed of the sample; default: a new one."),
)


NAMES = (
    *("holders", "any_of", "classes", "unused_days", "unknown_unused", "only_changes"),
    *("sample", "seed"),
)


def scope_options(command: Command) -> Command:
    """Adds the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def scope_of(options: dict[str, Any], prefix: str, usual: Scope = EVERYTHING) -> Scope:
    """Takes the options of a scope out of a command's options; those left out are as `usual`."""
    holders, any_of, classes, unused_days, unknown, only_changes, sample, seed = (
        options.pop(name) for name in NAMES
    )
    if sample and not seed:
        seed = secrets.randbelow(1_000_000_000) + 1
    return Scope(
        prefix=prefix,
        classifications=tuple(classes),
        holders=tuple(map(Holder, holders)) or usual.holders,
        rights=rights.parse(any_of.split(",")) if any_of else usual.rights,
        unused_days=unused_days or usual.unused_days,
        unknown_unused=unknown or usual.unknown_unused,
        only_changes=only_changes or usual.only_changes,
        sample=sample,
        seed=seed,
    )


def policy_options(command: Command) -> Command:
    """Adds the options to a command, which takes them as keywords."""
    for rule in reversed(NUMBERS.values()):
        option = click.option(
            *rule.options,
            rule.name,
            type=int,
            default=rule.usual,
            help=rule.help,
            show_default=True,
        )
        command = option(command)
    by_mail = click.option(
        "--mail-answers",
        "mail_answers",
        type=click.Choice([each.value for each in MailAnswers]),
        default=MailAnswers.LOW.value,
        help="Which questions can be answered by mail: none, those of low risk, or all.",
        show_default=True,
    )
    non_response = click.option(
        "--non-response",
        "--silence",
        "non_responses",
        multiple=True,
        metavar="RISK=WHAT",
        help="What happens to items of a risk class (high, medium, low) that nobody decided: keep, "
        "revoke or suspend. Default: keep.",
    )
    second = click.option(
        "--second-for-conflict/--no-second-for-conflict",
        "second_for_conflict",
        default=True,
        help="A keep of high risk by who could grant the same needs a second person.",
        show_default=True,
    )
    return non_response(by_mail(second(command)))


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The policy that the options describe, or PolicyRejected."""
    stored = {rule.stored: options[rule.name] for rule in NUMBERS.values()}
    stored |= {name: options[name] for name in ("mail_answers", "second_for_conflict")}
    for text in options["non_responses"]:
        risk, _, what = text.partition("=")
        if risk not in {each.value for each in Risk}:
            raise PolicyRejected(f"{text!r} is not like high=revoke.")
        stored[risk] = what
    return Policy.of(stored)
