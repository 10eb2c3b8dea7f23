"""The command line: noun, then verb. Parse, allow, call one verb, answer."""

from recert.cli import (
    activity,
    audit,
    campaigns,
    confirming,
    emergency,
    evidence,
    late,
    orders,
    people,
    registers,
    running,
    schedules,
    servers,
    snapshots,
    system,
)
from recert.cli.base import Shell, cli

__all__ = [
    "Shell",
    "activity",
    "audit",
    "campaigns",
    "cli",
    "confirming",
    "emergency",
    "evidence",
    "late",
    "orders",
    "people",
    "registers",
    "running",
    "schedules",
    "servers",
    "snapshots",
    "system",
]
