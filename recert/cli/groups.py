"""The groups whose verbs are loaded one by one: a list does not wait for what a launch needs."""

from recert.cli.base import NounGroup, cli


@cli.group(cls=NounGroup)
def campaign() -> None:
    """Access reviews."""


@cli.group(cls=NounGroup)
def order() -> None:
    """Changes of servers: what is wanted, planned, done and proved."""


@cli.group(cls=NounGroup)
def server() -> None:
    """FTP servers that Recert looks after."""


@cli.group(cls=NounGroup)
def user() -> None:
    """People who can sign in to Recert."""
