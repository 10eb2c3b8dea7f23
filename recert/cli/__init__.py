"""The command line: noun, then verb. Parse, allow, call one verb, answer."""

from recert.cli import campaigns, evidence, orders, people, registers, schedules, servers, system
from recert.cli.base import Shell, cli

__all__ = [
    "Shell",
    "campaigns",
    "cli",
    "evidence",
    "orders",
    "people",
    "registers",
    "schedules",
    "servers",
    "system",
]
