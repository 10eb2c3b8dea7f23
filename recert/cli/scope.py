"""Options by which a campaign asks about less than everything."""

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import click

from recert.campaigns.setup.scope import EVERYTHING, Holder, Scope
from recert.connectors import rights

Command = TypeVar("Command", bound=Callable[..., Any])

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


def scope_of(said: dict[str, Any], prefix: str, usual: Scope = EVERYTHING) -> Scope:
    """Takes the options out of what was said; what is not said is as usual."""
    holders, any_of, classes, unused_days, unknown, only_changes, sample, seed = (
        said.pop(name) for name in NAMES
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
