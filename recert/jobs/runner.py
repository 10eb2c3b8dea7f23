"""Runs registered jobs inside this process, one after the other."""

import logging
from collections.abc import Callable, Sequence

from recert.foundation.errors import MovedMeanwhile
from recert.foundation.jobs.registration import Job, JobContext
from recert.jobs.registry import all_jobs

log = logging.getLogger(__name__)

RunOne = Callable[[Job, JobContext], int]


def guarded(job: Job, context: JobContext) -> int:
    """Runs one job; an error is written to the log and the next tick tries again."""
    try:
        return job.run(context)
    except MovedMeanwhile:
        log.info("%s: another worker was faster", job.name)
    except Exception:
        log.exception("%s failed; it is tried again", job.name)
    return 0


def run_in_order(jobs: Sequence[Job], context: JobContext, run: RunOne = guarded) -> int:
    """Runs jobs of one lock; how much they did. A job that follows another one waits for its
    turn until that one did something."""
    done: dict[str, int] = {}
    for job in jobs:
        if not job.after or done.get(job.after):
            done[job.name] = run(job, context)
    return sum(done.values())


def run_all(context: JobContext) -> int:
    """Runs every job once, in the order in which work flows, each with what it begins on servers.
    Errors of jobs rise; those of a server stand in the log."""

    def whole(job: Job, context: JobContext) -> int:
        done = job.run(context)
        context.servers.wait()
        return done

    return run_in_order(all_jobs(), context, whole)
