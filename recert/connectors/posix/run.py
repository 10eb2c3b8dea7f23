"""Opens the connection to a connector's machine: for each call, or once for a whole run."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from functools import partial
from typing import Self

from recert.connectors.contract import OutcomeUnknown, ServerUnreachable, SettingsInvalid
from recert.connectors.environment import REAL, World
from recert.connectors.hosts import FileMissing, Host
from recert.connectors.hosts.remembering import RememberingHost
from recert.connectors.posix.changes.plan_parts import Part
from recert.connectors.posix.memory import Memory
from recert.connectors.posix.survey import Survey


class OnOneMachine(ABC):
    """Opens the machine of its settings. In a run it keeps one connection and one survey."""

    def __init__(self, settings: Mapping[str, str], world: World = REAL) -> None:
        self._settings, self._world = settings, world
        self._memory: Memory | None = None  # in a run only
        root = settings.get("root", "")
        if root and (not root.startswith("/") or not root.strip("/")):
            raise SettingsInvalid("root must be the full path of a folder, and not / itself.")

    @abstractmethod
    def survey(self, host: Host) -> Survey:
        """Everything that decides about rights. Reads, never writes."""

    @contextmanager
    def for_one_run(self) -> Iterator[Self]:
        mine = copy(self)
        mine._memory = memory = Memory(partial(self._world.host, self._settings))
        try:
            yield mine
        finally:
            memory.close()

    def notice_edits(self, folder: str) -> None:
        """Outside of a run nothing is remembered."""
        if self._memory:
            with self._host():
                self._memory.check(folder)

    @contextmanager
    def _host(self) -> Iterator[Host]:
        """The machine itself. A connection that broke is not used again."""
        if self._memory is None:
            with self._world.host(self._settings) as host:
                yield host
            return
        try:
            yield self._memory.host()
        except FileMissing:
            raise
        except (ServerUnreachable, OutcomeUnknown):
            self._memory.close()
            raise

    def _last_sign_ins(
        self, host: Host, read: Callable[[Host], Mapping[str, datetime]]
    ) -> Mapping[str, datetime]:
        """When accounts came last, from logs that may be long: a run reads them once."""
        return self._memory.last_sign_ins(read) if self._memory else read(host)

    @contextmanager
    def _planning(self) -> Iterator[tuple[Host, Survey]]:
        """A machine to try plans out on, and its survey. What was read for one plan serves it to
        the end, and in a run the plans after it as well."""
        with self._host() as host:
            if self._memory:
                survey = self._memory.survey(self.survey)
                yield self._memory.machine(), survey
            else:
                machine = RememberingHost(host)
                yield machine, self.survey(machine)

    def _surveyed(self, host: Host) -> Survey:
        """The survey that a run shares, or a new one."""
        return self._memory.survey(self.survey) if self._memory else self.survey(host)

    def _surveyed_after(self, host: Host, edits: Sequence[Part]) -> Survey:
        """By a look after an edit that was just made."""
        if self._memory:
            self._memory.note(edits)
        return self._surveyed(host)
