"""The options that say what a campaign does by itself."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from recert.campaigns.policy import MailAnswers, Policy, PolicyRejected, Risk

Command = TypeVar("Command", bound=Callable[..., Any])

NUMBERS = {
    "wave_size": "Send out so many changes at a time; 0: all at once.",
    "stop_after_failures": "Halt when so many changes of one wave fail.",
    "postpone_days": "A reviewer may put an item off until so many days after the due date.",
    "days_high": "Changes of high risk must be verified within so many days.",
    "days_medium": "Those of medium risk.",
    "days_low": "Those of low risk.",
    "brake_items": "More changes at once need a second person.",
    "brake_percent": "So much of one server's access needs a second person.",
    "contest_days": "Days in which whoever loses access can object first.",
    "live_feed_days": "A removal of what was used in so many days needs a second person; 0: never.",
    "training_within_days": "Warn of reviewers without a training in so many days; 0: off.",
    "brake_from": "Fewer changes than this are never too many for a small server.",
}


def policy_options(command: Command) -> Command:
    """Adds the options to a command, which takes them as keywords."""
    defaults = Policy().as_json()
    for name, text in reversed(NUMBERS.items()):
        option = click.option(
            f"--{name.replace('_', '-')}",
            name,
            type=int,
            default=defaults[name],
            help=text,
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
    silence = click.option(
        "--silence",
        "silences",
        multiple=True,
        metavar="RISK=WHAT",
        help="What silence means: high, medium or low = keep, revoke or suspend. Default: keep.",
    )
    second = click.option(
        "--second-for-conflict/--no-second-for-conflict",
        "second_for_conflict",
        default=True,
        help="A keep of high risk by who could grant the same needs a second person.",
        show_default=True,
    )
    return silence(by_mail(second(command)))


def policy_of(options: Mapping[str, Any]) -> Policy:
    """The policy that the options describe, or PolicyRejected."""
    stored = {name: options[name] for name in (*NUMBERS, "mail_answers", "second_for_conflict")}
    for text in options["silences"]:
        risk, _, what = text.partition("=")
        if risk not in {each.value for each in Risk}:
            raise PolicyRejected(f"{text!r} is not like high=revoke.")
        stored[risk] = what
    return Policy.of(stored)
