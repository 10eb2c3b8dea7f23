"""The ticker: APScheduler with its memory store. It fires ticks and decides nothing."""

import logging

from apscheduler.schedulers.background import BackgroundScheduler

from recert.jobs.ticks import TICKS, Works, guarded

SECONDS = 5


# A tick that takes longer than the pause is started again when it is done: nothing to report.
logging.getLogger("apscheduler.executors.default").setLevel(logging.ERROR)
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


def start(works: Works, seconds: float = SECONDS) -> BackgroundScheduler:
    """Starts ticking in threads of its own; `shutdown()` stops it."""
    scheduler = BackgroundScheduler(timezone="UTC")
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
