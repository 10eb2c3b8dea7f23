"""The modules that register jobs of the worker. What is not imported here never runs."""

from recert.activity import service as activity
from recert.campaigns.completion import challenges
from recert.campaigns.decisions import finalisation, mail_replies, own_access, stage_outcomes
from recert.campaigns.notifications import (
    removal_mails,
    reviewer_mails,
    stale_mails,
    undeliverable,
    update_mails,
)
from recert.campaigns.reviewing import reviewer_changes, snapshot_refresh
from recert.campaigns.schedule import runner
from recert.campaigns.triggers import micro_campaigns
from recert.changes import execution
from recert.evidence.package import recordings
from recert.foundation.jobs.registration import Job, registered
from recert.inventory import connection_checks, snapshots
from recert.jobs import checkpoints, events
from recert.mail import delivery
from recert.people import service as people
from recert.people.synchronisation import answers as source_answers
from recert.people.synchronisation import runs as people_sources
from recert.remediation import expirations, register_updates
from recert.remediation import service as remediation
from recert.trail import checks

MODULES = (
    activity,
    challenges,
    checkpoints,
    events,
    checks,
    connection_checks,
    delivery,
    execution,
    expirations,
    finalisation,
    mail_replies,
    micro_campaigns,
    own_access,
    people,
    people_sources,
    recordings,
    register_updates,
    remediation,
    removal_mails,
    reviewer_changes,
    reviewer_mails,
    runner,
    snapshot_refresh,
    snapshots,
    source_answers,
    stage_outcomes,
    stale_mails,
    undeliverable,
    update_mails,
)


def all_jobs() -> tuple[Job, ...]:
    """Every job of the product, by phase and place; that is their order within one lock."""
    return registered()


def jobs_by_lock() -> dict[str, list[Job]]:
    """The jobs that must run one after the other, by the name of their lock."""
    found: dict[str, list[Job]] = {}
    for each in all_jobs():
        found.setdefault(each.lock, []).append(each)
    return found
