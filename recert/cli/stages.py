"""The options that say how often a question is looked at."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from recert.campaigns.setup.stages import Stage, Stages, Vote

Command = TypeVar("Command", bound=Callable[..., Any])


def stage_options(command: Command) -> Command:
    """Adds the options to a command, which takes them as keywords."""
    command = click.option(
        "--vote",
        type=click.Choice([vote.value for vote in Vote]),
        default=Vote.REMOVAL.value,
        show_default=True,
        help="Whose word counts when stages differ.",
    )(command)
    return click.option(
        "--stage",
        "later",
        multiple=True,
        metavar="WHO:WHAT:DAYS",
        help="A later look, up to two: WHO is manager, server owner or an address; WHAT is all, "
        'kept or removed; like "manager:kept:7".',
    )(command)


def stages_of(said: dict[str, Any]) -> Stages:
    """Takes the options out of what was said."""
    later, vote = said.pop("later"), Vote(said.pop("vote"))
    return Stages(tuple(map(Stage.of, later)), vote)
