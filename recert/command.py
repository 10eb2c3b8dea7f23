"""The `recert` command. What it needs is loaded when it is used."""

import gc
from importlib import import_module
from typing import Any

import click

import config
from recert.cli import Shell, cli
from recert.foundation.settings import Settings


def create_app(settings: Settings) -> Any:
    """The web application."""
    return import_module("recert.app").create_app(settings)


def start_worker(app: Any) -> Any:
    """The worker of an application."""
    return import_module("recert.app").start_worker(app)


def demo() -> click.Command:
    """The command `recert demo`."""
    found: click.Command = import_module("recert.demo").command
    return found


DEMO = "A whole fictitious company on this machine, loopback..."

# Loading modules makes thousands of objects and no garbage: at Python's 700 the search for cycles
# takes a seventh of the time of a small command.
OBJECTS_BETWEEN_SEARCHES = 20_000


def main() -> None:
    """Runs the command that was typed."""
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)
    cli.add_other("demo", DEMO, demo)
    cli(obj=Shell(config.load(), create_app, start_worker))
