"""Finds the owner of each folder: that of the nearest folder above with an owner.

Folders are routed, never grants: there are a hundred times fewer of them. One walk with memory
over the paths; a prefix join would be a thousand times slower. Paths are compared in NFC: a person
who types "/büro" means the folder that a Mac wrote in another form.
"""

from unicodedata import normalize

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recert.foundation import bulk
from recert.inventory.models import Folder, FolderOwner, FolderRoute, Server


def recompute(session: Session, server_id: int) -> None:
    """Writes the routes of one server anew, one caller after the other."""
    session.execute(select(Server.id).where(Server.id == server_id).with_for_update())
    owners = {
        normalize("NFC", row.path): row.id
        for row in session.execute(
            select(FolderOwner.path, FolderOwner.id).where(FolderOwner.server_id == server_id)
        )
    }
    live = (Folder.server_id == server_id, Folder.gone_snapshot_id.is_(None))
    folders = session.execute(select(Folder.id, Folder.path).where(*live)).all()
    folders_of_server = select(Folder.id).where(Folder.server_id == server_id)
    session.execute(delete(FolderRoute).where(FolderRoute.folder_id.in_(folders_of_server)))
    memory: dict[str, int | None] = {}
    routed = (
        (folder.id, nearest(normalize("NFC", folder.path), owners, memory)) for folder in folders
    )
    rows = (route for route in routed if route[1] is not None)
    bulk.insert(session.connection(), "folder_route", ("folder_id", "folder_owner_id"), rows)


def nearest(path: str, owners: dict[str, int], memory: dict[str, int | None]) -> int | None:
    """The owner row of the nearest folder at or above `path`."""
    asked = []
    owner: int | None = None
    while True:
        if path in memory:
            owner = memory[path]
            break
        asked.append(path)
        if path in owners or path == "/":
            owner = owners.get(path)
            break
        path = path.rpartition("/")[0] or "/"
    memory.update(dict.fromkeys(asked, owner))
    return owner
