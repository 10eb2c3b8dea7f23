"""Threads for work that waits for other machines: at most so many, one for each key."""

import logging
import threading
import time
from collections.abc import Callable

from recert.foundation.errors import MovedMeanwhile

MOST = 16
PATIENCE = 600.0

Key = tuple[str, int]
Work = Callable[[], object]

log = logging.getLogger(__name__)


class Threads:
    """Jobs that mostly wait for other machines. A key that is under way is not begun twice: a
    second job for it is refused. A job that runs for longer than `patience` seconds hangs: it
    keeps its key, and another job gets its place, for up to `most` of them."""

    def __init__(self, most: int = MOST, patience: float = PATIENCE) -> None:
        self._most, self._patience = most, patience
        self._changed = threading.Condition()
        self._waiting: dict[Key, Work] = {}
        self._running: dict[Key, float] = {}

    def add(self, key: Key, work: Work) -> bool:
        """Begins a job as soon as there is a place; False when its key is under way already."""
        with self._changed:
            is_new = key not in self._running and key not in self._waiting
            if is_new:
                self._waiting[key] = work
            self._begin()
            return is_new

    def wait(self, seconds: float | None = None) -> bool:
        """Returns when nothing waits or runs; False when that took too long."""
        end = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while self._running or self._waiting:
                if end is not None and time.monotonic() >= end:
                    return False
                self._changed.wait(1 if end is None else min(1, end - time.monotonic()))
                self._begin()
            return True

    def end(self, seconds: float) -> list[Key]:
        """Begins nothing more, and waits for what runs. What still runs then is named: its thread
        ends with the process."""
        with self._changed:
            self._waiting.clear()
            self._most = 0
        self.wait(seconds)
        with self._changed:
            return list(self._running)

    def _begin(self) -> None:
        while self._waiting and self._has_place():
            key = next(iter(self._waiting))
            work = self._waiting.pop(key)
            self._running[key] = time.monotonic()
            threading.Thread(target=self._run, args=(key, work), daemon=True).start()

    def _has_place(self) -> bool:
        late = time.monotonic() - self._patience
        hanging = sum(began < late for began in self._running.values())
        return len(self._running) - min(hanging, self._most) < self._most

    def _run(self, key: Key, work: Work) -> None:
        try:
            work()
        except MovedMeanwhile as error:
            log.info("%s %s: %s", *key, error)
        except Exception:
            log.exception("%s %s failed; it is tried again", *key)
        finally:
            with self._changed:
                del self._running[key]
                self._begin()
                self._changed.notify_all()
