"""The ticker: APScheduler with its memory store. It fires ticks and decides nothing."""

import logging

from apscheduler.schedulers.background import BackgroundScheduler

from recert.foundation.jobs.registration import WORKER, JobContext
from recert.inventory import snapshots
from recert.jobs.registry import jobs_by_lock
from recert.jobs.runner import run_in_order

SECONDS = 5
ENDS_IN = 60.0  # seconds for jobs on servers when the worker ends

log = logging.getLogger(__name__)

# A tick that takes longer than the pause is started again when it is done: nothing to report.
logging.getLogger("apscheduler.executors.default").setLevel(logging.ERROR)
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


class Ticker(BackgroundScheduler):  # type: ignore[misc]  # the library has no types
    """Ticks, and ends what they began."""

    def __init__(self, context: JobContext) -> None:
        super().__init__(timezone="UTC")
        self._context = context

    def shutdown(self, wait: bool = True) -> None:
        """Stops ticking. Jobs on servers get some time to end; what is cut off is done again by
        the next worker."""
        super().shutdown(wait)
        for job, server_id in self._context.servers.end(ENDS_IN):
            log.warning("%s %s did not end in time; it is done again", job, server_id)
            if job == snapshots.READ:
                now = self._context.now()
                snapshots.interrupt(self._context.db, server_id, actor=WORKER, now=now)


def start(context: JobContext, seconds: float = SECONDS) -> BackgroundScheduler:
    """Starts ticking in threads of its own; `shutdown()` stops it."""
    scheduler = Ticker(context)
    for lock, jobs in jobs_by_lock().items():
        scheduler.add_job(
            run_in_order,
            "interval",
            seconds=seconds,
            args=(jobs, context),
            id=lock,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    return scheduler
