"""Ownership of folders and groups: one question for each, to whoever answers for it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, and_, cast, literal, select, union_all
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, Subject
from recert.campaigns.setup import routing
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.routing import NOBODY
from recert.campaigns.setup.scope import Scope, in_folder
from recert.campaigns.setup.subjects import facts
from recert.campaigns.setup.subjects.contract import (
    Question,
    Selection,
    Wording,
    columns,
    items_of_servers,
)
from recert.campaigns.setup.subjects.facts import Facts
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory.models import FolderOwner, Group, GroupOwner, Server, Snapshot
from recert.inventory.queries import in_snapshot


class OwnershipQuestion(Question):
    subject = Subject.OWNERSHIP
    wording = Wording(
        title="Ownership of folders and groups",
        request="Say whether you still answer for these, or who does.",
        keep="Yes, I do",
        keep_several="Yes, I answer for them",
        forward="Somebody else does",
    )
    nothing_to_ask = "Nobody owns a folder or group in this scope: there is nothing to ask."
    scope_fields = frozenset({"seed", "prefix", "classifications"})
    scoped_by_folder = True
    has_holder = False
    can_remove = False
    can_end = False
    names_successor = True
    ends_in_register = True

    def conditions(
        self, scope: Scope, *, since: int | None, now: datetime
    ) -> list[ColumnElement[bool]]:
        found = [in_folder(scope.prefix, FolderOwner.path)]
        if scope.classifications:
            found.append(FolderOwner.classification.in_(scope.classifications))
        return found

    def routed(self, selection: Selection) -> AnySelect:
        parts = [_folder_owners(selection.snapshot).where(selection.chosen)]
        if selection.groups:
            parts.append(_group_owners(selection.snapshot))
        every = union_all(*parts).subquery()
        return select(*every.c)

    def chains(self) -> list[AnySelect]:
        items = items_of_servers()
        of_folder = items.join(FolderOwner, FolderOwner.id == Item.folder_owner_id)
        of_group = items.join(Group, Group.id == Item.group_id)
        return [_with_folder_owner(of_folder), _with_group_owner(of_group)]

    def count(self, session: Session, selection: Selection) -> Population:
        """What somebody answers for is counted, not accounts."""
        known = self._units(session, self._all(selection.snapshot), "topic")[1]
        items, reviewed = self._units(session, selection, "topic")
        return self._population(selection.snapshot, known, known, reviewed, items)

    def sentence(self, row: AnyRow) -> str:
        return f"Do you answer for {row.topic}?"

    def facts(self, session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
        return {**facts.of_folders(session, rows), **facts.of_groups(session, rows)}


def _with_folder_owner(query: AnySelect) -> AnySelect:
    return routing.chained(query, FolderOwner.person_id, FolderOwner.substitute_id, holder=NOBODY)


def _with_group_owner(query: AnySelect) -> AnySelect:
    same = (GroupOwner.server_id == Group.server_id, GroupOwner.name == Group.name)
    joined = query.outerjoin(GroupOwner, and_(*same))
    return routing.chained(joined, GroupOwner.person_id, GroupOwner.substitute_id, holder=NOBODY)


def _folder_owners(snapshot: Snapshot) -> AnySelect:
    query = (
        select(
            *columns(
                folder_owner_id=FolderOwner.id,
                content_hash=cast(FolderOwner.id, BigInteger),
                topic=literal("folder ") + FolderOwner.path,
            )
        )
        .select_from(FolderOwner)
        .join(Server, Server.id == FolderOwner.server_id)
    )
    return _with_folder_owner(query).where(FolderOwner.server_id == snapshot.server_id)


def _group_owners(snapshot: Snapshot) -> AnySelect:
    """All groups: for one without an owner the owner of the server is asked who it is."""
    query = (
        select(
            *columns(
                group_id=Group.id,
                content_hash=cast(Group.id, BigInteger),
                topic=literal("group ") + Group.name,
            )
        )
        .select_from(Group)
        .join(Server, Server.id == Group.server_id)
    )
    here = (Group.server_id == snapshot.server_id, in_snapshot(Group, snapshot.id))
    return _with_group_owner(query).where(*here)
