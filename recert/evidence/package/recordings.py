"""The retention of recordings, and their handover to auditors."""

import shutil
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.models import Item
from recert.campaigns.setup.models import Population
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database
from recert.foundation.errors import BadInput
from recert.foundation.jobs.registration import WORKER, JobContext, Phase, job
from recert.inventory import recordings
from recert.inventory.models import Grant, Snapshot
from recert.inventory.recordings import RecordingStore
from recert.trail.act import Act
from recert.trail.actions import Action


def used(session: Session, among: Collection[int]) -> set[int]:
    """The snapshots among these that campaigns use: those that populations were frozen from, and
    those after which an item asked again. Campaigns are never deleted, so a legal hold has nothing
    to add."""
    frozen = select(Population.snapshot_id).where(Population.snapshot_id.in_(among))
    same_server = (Population.campaign_id == Item.campaign_id) & (
        Population.server_id == Item.server_id
    )
    asked_again = (
        select(Grant.first_snapshot_id)
        .join(Item, Item.grant_id == Grant.id)
        .join(Population, same_server & (Population.snapshot_id < Grant.first_snapshot_id))
        .where(Grant.first_snapshot_id.in_(among))
    )
    return set(session.scalars(frozen.union(asked_again)))


def prune(
    db: Database, recording_store: RecordingStore, days: int, *, actor: Actor, now: datetime
) -> list[int]:
    """Removes recordings older than `days` that no campaign uses, and what killed processes left;
    the numbers of their snapshots. That they go is written down first."""
    removed: list[int] = []
    with db.reading() as session:
        some = bool(recordings.old(session, days, now=now))
    if some:
        with db.transaction() as session:
            old = recordings.old(session, days, now=now)
            kept = used(session, old)
            unused = [number for number in old if number not in kept]
            removed = recordings.give_up(Act(session, actor, now), unused)
    with db.reading() as session:
        recording_store.sweep(session)
    return removed


def hand_over(
    db: Database,
    snapshot_id: int,
    target: Path,
    recording_store: RecordingStore,
    *,
    actor: Actor,
    now: datetime,
) -> tuple[str, int]:
    """Copies the recording of a snapshot to a new file; its SHA-256 and size."""
    actor.require(Role.OFFICER, Role.AUDITOR, Role.ADMINISTRATOR)
    if target.exists():  # before the trail says that it was handed over
        raise BadInput(f"{target} is there already. Choose another name.")
    with db.transaction() as session:
        snapshot = session.get(Snapshot, snapshot_id)
        if snapshot is None:
            raise BadInput(f"There is no snapshot {snapshot_id}.")
        path = recording_store.checked(snapshot)
        sha256, size = snapshot.recording_sha256, snapshot.recording_size
        subject, details = f"snapshot:{snapshot_id}", {"sha256": sha256, "size": size}
        trail.append(session, Action.RECORDING_EXPORTED, subject, details, actor=actor, at=now)
    try:
        with path.open("rb") as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy)
    except FileExistsError as error:
        raise BadInput(f"{target} is there already. Choose another name.") from error
    if recordings.digest(target) != (sha256, size):
        raise BadInput(f"{target} could not be written completely.")
    return sha256, size


@job(Phase.SNAPSHOTS, 2, lock="snapshots", after="take_wanted_snapshots")
def prune_recordings(context: JobContext) -> int:
    """Removes old recordings that no campaign uses, whenever new ones are made."""
    store, days = RecordingStore(context.settings.recordings), context.settings.recording_days
    return len(prune(context.db, store, days, actor=WORKER, now=context.now()))
