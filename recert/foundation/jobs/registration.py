"""Jobs of the worker: how a use case registers one, and what it gets when it runs."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.db import Database
from recert.foundation.jobs.threads import Threads
from recert.foundation.settings import Settings

WORKER = Actor("worker", Channel.SYSTEM, Assurance.POLICY, roles=frozenset({Role.ADMINISTRATOR}))

Service = TypeVar("Service")


class Phase(IntEnum):
    """The way of work through the product. It orders the jobs of one lock; each does what is due
    when it runs early, late or twice."""

    PEOPLE = 1
    CHECKS = 2
    SNAPSHOTS = 3
    LAUNCHES = 4
    REVIEWERS = 5
    DECISIONS = 6
    ORDERS = 7
    CHANGES = 8
    REPLIES = 9
    MAILS = 10
    DELIVERY = 11


@dataclass(frozen=True)
class JobContext:
    """What every job may use. `services` holds the objects that only the application can make, by
    their classes."""

    db: Database
    settings: Settings
    servers: Threads  # work on servers, several at once
    services: Mapping[type[Any], Any] = field(default_factory=dict)

    def service(self, kind: type[Service]) -> Service:
        """The service of this class. Raises KeyError when the application has none."""
        found: Service = self.services[kind]
        return found

    def now(self) -> datetime:
        """The time, asked anew each time."""
        return clock.now()


Run = Callable[[JobContext], int]


@dataclass(frozen=True)
class Job:
    """One registration. `run` pulls what is due and returns how much it did, so it can run twice,
    late or never without harm."""

    name: str
    summary: str
    run: Run
    phase: Phase
    place: int  # within the phase
    lock: str  # jobs with one lock run one after the other, never at once
    after: str = ""  # a job of the same lock: this one runs only when that one did something


_registered: dict[str, Job] = {}


def job(phase: Phase, place: int, *, lock: str = "", after: str = "") -> Callable[[Run], Run]:
    """Registers a function as a job under its own name; the lock is its name unless stated. Raises
    ValueError when the name is taken."""

    def register(run: Run) -> Run:
        name = run.__name__
        if name in _registered:
            raise ValueError(f"{name} is registered by {_registered[name].run.__module__} already")
        summary = inspect.getdoc(run) or ""
        _registered[name] = Job(name, summary, run, phase, place, lock or name, after)
        return run

    return register


def registered() -> tuple[Job, ...]:
    """The jobs of all modules that were imported, by phase and place."""
    return tuple(sorted(_registered.values(), key=lambda each: (each.phase, each.place)))
