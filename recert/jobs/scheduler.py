"""The ticker: APScheduler with its memory store. It fires ticks and decides nothing."""

import logging

from apscheduler.schedulers.background import BackgroundScheduler

from recert.foundation import clock
from recert.inventory import snapshots
from recert.jobs.ticks import READ, TICKS, WORKER, Works, guarded

SECONDS = 5
ENDS_IN = 60.0  # seconds for jobs on servers when the worker ends

log = logging.getLogger(__name__)

# A tick that takes longer than the pause is started again when it is done: nothing to report.
logging.getLogger("apscheduler.executors.default").setLevel(logging.ERROR)
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


class Ticker(BackgroundScheduler):  # type: ignore[misc]  # the library has no types
    """Ticks, and ends what they began."""

    def __init__(self, works: Works) -> None:
        super().__init__(timezone="UTC")
        self._works = works

    def shutdown(self, wait: bool = True) -> None:
        """Stops ticking. Jobs on servers get some time to end; what is cut off is done again by
        the next worker."""
        super().shutdown(wait)
        for job, server_id in self._works.servers.end(ENDS_IN):
            log.warning("%s %s did not end in time; it is done again", job, server_id)
            if job == READ:
                snapshots.interrupt(self._works.db, server_id, actor=WORKER, now=clock.now())


def start(works: Works, seconds: float = SECONDS) -> BackgroundScheduler:
    """Starts ticking in threads of its own; `shutdown()` stops it."""
    scheduler = Ticker(works)
    for tick in TICKS:
        scheduler.add_job(
            guarded,
            "interval",
            seconds=seconds,
            args=(tick, works),
            id=tick.__name__,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    return scheduler
