"""A scope that begins below the last folder with rights of its own: what holds there is what the
folder above says, and that lies outside of the scope."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.inventory.models import Folder, Grant, Snapshot
from recert.inventory.queries import seen_in


def boundary_of(session: Session, snapshot: Snapshot, folder: str) -> str:
    """The nearest folder at or above one in which somebody has rights; "" when there is none."""
    above = [folder[:at] or "/" for at, letter in enumerate(folder) if letter == "/"]
    grants = select(Grant.id).where(
        Grant.folder_id == Folder.id, seen_in(Grant, snapshot.id), Grant.rights != 0
    )
    nearest = (
        select(Folder.path)
        .where(
            Folder.server_id == snapshot.server_id,
            seen_in(Folder, snapshot.id),
            Folder.path.in_([*above, "/", folder]),
            grants.exists(),
        )
        .order_by(func.length(Folder.path).desc())
        .limit(1)
    )
    return session.scalar(nearest) or ""


def outside(
    session: Session, snapshots: Sequence[Snapshot], folder: str, names: dict[int, str]
) -> list[str]:
    """For each server on which a folder has no rights of its own: which folder answers for it."""
    found = []
    for snapshot in snapshots if folder != "/" else ():
        boundary = boundary_of(session, snapshot, folder)
        if boundary and boundary != folder:
            found.append(
                f"{folder} has no rights of its own on {names[snapshot.server_id]}: whoever has "
                f"access to {boundary} has it there. Launch the review for {boundary} to ask "
                "about it."
            )
    return found
