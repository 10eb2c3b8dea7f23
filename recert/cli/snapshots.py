"""Commands for snapshots: take one, read it again from its recording, hand the recording over."""

from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from recert.cli.base import EXIT_FINDINGS, Shell, cli, say_json, shell
from recert.evidence.package import recordings
from recert.foundation import clock
from recert.foundation.errors import BadInput
from recert.inventory import queries, replaying, service, snapshots
from recert.inventory.models import Snapshot, SnapshotState
from recert.inventory.recordings import RecordingStore
from recert.inventory.replaying import Replayed
from recert.inventory.snapshots import Outcome


class _TakesByItself(click.Group):
    """`recert snapshot NAME` is `recert snapshot take NAME`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["take", *args]
        return super().parse_args(ctx, args)


@cli.group(cls=_TakesByItself)
def snapshot() -> None:
    """Look at servers; read a look again from its recording.

    `recert snapshot [NAME ...]` takes snapshots."""


@snapshot.command("take")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option(
    "--accept-shrink", is_flag=True, help="Far fewer entries than last time are right. Looks again."
)
@shell
def snapshot_take(
    context: Shell, names: tuple[str, ...], as_json: bool, accept_shrink: bool
) -> int:
    """Read servers (all, or the NAMES) and write down what everybody can do. The raw answers are
    kept as a recording, without passwords and keys."""
    with context.db.reading() as session:
        wanted = [service.server_by_name(session, name) for name in names] or [
            row.Server for row in queries.servers_overview(session)
        ]
    code = 0
    for found in wanted:
        outcome = snapshots.take(
            context.db,
            found.id,
            actor=context.actor,
            now=clock.now,
            accept_shrink=accept_shrink,
            recording_store=RecordingStore(context.settings.recordings),
        )
        _tell(outcome, as_json)
        if outcome.state is not SnapshotState.COMPLETE:
            code = EXIT_FINDINGS
    return code


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        say_json(outcome.__dict__)
        return
    click.echo(
        f"{outcome.server}: {outcome.state.value}, {outcome.grants} grants, "
        f"{outcome.added} new, {outcome.gone} gone. {outcome.reason}".rstrip()
    )
    if outcome.recording_note:
        click.echo(f"  No recording is kept: {outcome.recording_note}")


def _meant(session: Session, named: str) -> Snapshot:
    """A snapshot by its number, or the last complete one of a server."""
    if named.isascii() and named.isdecimal():
        found = session.get(Snapshot, int(named))
        if found is None:
            raise BadInput(f"There is no snapshot {named}.")
        return found
    newest = queries.last_complete(session, service.server_by_name(session, named).id)
    if newest is None:
        raise BadInput(f"{named} has no complete snapshot. Run: recert snapshot {named}")
    return newest


@snapshot.command("replay")
@click.argument("named", metavar="SERVER|ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@shell
def snapshot_replay(context: Shell, named: str, as_json: bool) -> int:
    """Read a snapshot again from its recording, without the server, and compare what comes out.

    Exit code 0: the same accounts, folders, grants and fingerprint; 2: something differs."""
    with context.db.reading() as session:
        number = _meant(session, named).id
    found = replaying.replay(context.db, number, RecordingStore(context.settings.recordings))
    if as_json:
        say_json({**vars(found), "same": found.same})
    else:
        _say(found)
    return 0 if found.same else EXIT_FINDINGS


def _say(found: Replayed) -> None:
    if found.same:
        click.echo(
            f"Snapshot {found.snapshot_id} comes out the same from its recording: "
            f"{found.accounts} accounts, {found.folders} folders, {found.grants} grants, "
            f"fingerprint {found.fingerprint}."
        )
    else:
        differs = "; ".join(found.differs)
        click.echo(f"Snapshot {found.snapshot_id} differs from its recording: {differs}.")
    if found.collector_then != found.collector_now:
        click.echo(f"It was read by {found.collector_then}; this is {found.collector_now}.")
    for remark in found.remarks:
        click.echo(remark)


@snapshot.command("export-raw")
@click.argument("number", type=int, metavar="ID")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@shell
def snapshot_export_raw(context: Shell, number: int, out: Path) -> None:
    """Hand over the recording of a snapshot. Its SHA-256 stands in readings.csv of the evidence."""
    sha256, size = recordings.hand_over(
        context.db,
        number,
        out,
        RecordingStore(context.settings.recordings),
        actor=context.actor,
        now=clock.now(),
    )
    click.echo(f"{out}: {size} bytes, SHA-256 {sha256}")


@snapshot.command("prune")
@click.option("--days", type=click.IntRange(1), help="Default: RECERT_RECORDING_DAYS.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@shell
def snapshot_prune(context: Shell, days: int | None, as_json: bool) -> None:
    """Remove recordings that are older and that no review uses. The newest one of each server
    stays."""
    removed = recordings.prune(
        context.db,
        RecordingStore(context.settings.recordings),
        days or context.settings.recording_days,
        actor=context.actor,
        now=clock.now(),
    )
    result: dict[str, Any] = {"removed": removed}
    if as_json:
        say_json(result)
    else:
        click.echo(f"Removed: {len(removed)} recordings.")
