"""The contract of a kind of question: scope, routing, wording and allowed decisions. A kind is one
class; no other code compares kinds."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    and_,
    distinct,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from recert.campaigns.models import Campaign, Item, Subject
from recert.campaigns.setup.models import Exclusion, Population
from recert.campaigns.setup.routing import NOBODY
from recert.campaigns.setup.scope import Scope, is_held_by, is_unused
from recert.campaigns.setup.subjects.facts import Facts
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.errors import BadInput
from recert.inventory import emergency_accounts
from recert.inventory.models import Account, Server, Snapshot
from recert.inventory.queries import in_snapshot


@dataclass(frozen=True)
class Selection:
    """What of one snapshot is asked about, as conditions on the tables that the kind joins."""

    about: Subject
    snapshot: Snapshot
    in_scope: ColumnElement[bool]
    chosen: ColumnElement[bool]
    left_out: ColumnElement[bool]
    exclusions: Sequence[Exclusion] = ()
    groups: bool = True  # of ownership: of groups as well, not only of folders


@dataclass(frozen=True)
class Wording:
    """How pages speak of a kind."""

    title: str
    request: str  # what a review asks of its reviewer
    keep: str = "Keep"
    keep_several: str = "Keep them"
    remove: str = "Remove"
    removed: str = "is removed"  # what becomes of whoever is not kept
    reason: str = "Add a reason"
    forward: str = "Not my question"


class Question(ABC):
    """One kind of question."""

    subject: ClassVar[Subject]
    wording: ClassVar[Wording]
    nothing_to_ask: ClassVar[str]
    scope_fields: ClassVar[frozenset[str]]  # the parts of a scope that limit it; others are refused
    is_by_folder: ClassVar[bool] = False  # asked folder by folder; else the reviewer has one list
    scoped_by_folder: ClassVar[bool] = False
    has_holder: ClassVar[bool] = True  # somebody holds the account, and is not asked about it
    can_reduce: ClassVar[bool] = False
    can_remove: ClassVar[bool] = True
    can_end: ClassVar[bool] = True  # a keep may have a last day
    names_successor: ClassVar[bool] = False  # whoever forwards it says who answers
    needs_purpose: ClassVar[bool] = False  # a keep says what the account is for
    ends_in_register: ClassVar[bool] = False  # a keep renews who answers for it

    def check_scope(self, scope: Scope) -> None:
        """Raises BadInput naming what cannot limit such a campaign."""
        plain = Scope(seed=scope.seed)
        for name in Scope.__dataclass_fields__:
            if name not in self.scope_fields and getattr(scope, name) != getattr(plain, name):
                field = name.replace("_", " ")
                raise BadInput(f"A review about {self.subject.value} cannot be limited by {field}.")

    def select(
        self,
        _session: Session,
        _campaign: Campaign,
        snapshot: Snapshot,
        scope: Scope,
        *,
        since: int | None,
        now: datetime,
    ) -> Selection:
        """What a campaign asks about on one server. `since` is the snapshot of the last one."""
        wanted = and_(true(), *self.conditions(scope, since=since, now=now))
        return Selection(
            self.subject, snapshot, wanted, wanted, false(), groups=scope.is_not_about_folders
        )

    def conditions(
        self, scope: Scope, *, since: int | None, now: datetime
    ) -> list[ColumnElement[bool]]:
        """The scope as conditions on the account and on whatever else the kind joins."""
        found: list[ColumnElement[bool]] = []
        if scope.holders:
            found.append(or_(*(is_held_by(holder) for holder in scope.holders)))
        if scope.unused_days:
            found.append(is_unused(scope, now=now))
            found.append(not_(emergency_accounts.is_emergency()))  # nobody should use it
        if scope.only_changes and since is not None:
            found.append(self.first_snapshot > literal(since))
        return found

    first_snapshot: ClassVar[InstrumentedAttribute[int]] = Account.first_snapshot_id

    @abstractmethod
    def routed(self, selection: Selection) -> AnySelect:
        """Everything that is asked about on one server, with its reviewer and the step of the chain
        that named them, in the columns of `columns`."""

    @abstractmethod
    def chains(self) -> list[AnySelect]:
        """Items of such a campaign with the reviewer that the chain names now; none where the
        items' own routes say it."""

    @property
    def place(self) -> SQLColumnExpression[Any]:
        """What the items of a reviewer are counted by beside their number."""
        return Item.folder_id if self.is_by_folder else Item.topic

    @property
    def item_columns(self) -> tuple[str, ...]:
        """Columns of items that only questions outside of folders have."""
        return () if self.is_by_folder else ("group_id", "folder_owner_id", "topic")

    def count(self, session: Session, selection: Selection) -> Population:
        """How the accounts of a snapshot add up. Not yet stored, and without its campaign."""
        known = self._units(session, self._all(selection.snapshot))[1]
        items, reviewed = self._units(session, selection)
        here = (
            Account.server_id == selection.snapshot.server_id,
            in_snapshot(Account, selection.snapshot.id),
        )
        accounts = session.scalar(select(func.count()).select_from(Account).where(*here)) or 0
        return self._population(selection.snapshot, accounts, known, reviewed, items)

    def _all(self, snapshot: Snapshot) -> Selection:
        return Selection(self.subject, snapshot, true(), true(), false())

    def _units(
        self, session: Session, selection: Selection, unit: str = "account_id"
    ) -> tuple[int, int]:
        """How many questions there are, and about how many accounts (or other units)."""
        asked = self.routed(selection).subquery()
        query = select(func.count(), func.count(distinct(asked.c[unit]))).select_from(asked)
        questions, units = session.execute(query).one()
        return questions, units

    @staticmethod
    def _population(
        snapshot: Snapshot, accounts: int, known: int, reviewed: int, items: int
    ) -> Population:
        return Population(
            server_id=snapshot.server_id,
            snapshot_id=snapshot.id,
            accounts=accounts,
            reviewed=reviewed,
            excluded=0,
            out_of_scope=known - reviewed,
            without_rights=accounts - known,
            items=items,
        )

    @abstractmethod
    def sentence(self, row: AnyRow) -> str:
        """What is asked, as a sentence; `row` as `reviewing.queries` returns it."""

    def facts(self, _session: Session, _rows: Sequence[AnyRow]) -> dict[int, Facts]:
        """What stands beside the items of a page, by item number; nothing where it is in the row.
        A fixed number of statements, however many items there are."""
        return {}


def who(row: AnyRow) -> str:
    """The name of whoever holds the account of an item."""
    return str(row.person or row.display_name or row.account)


def columns(**known: Any) -> list[ColumnElement[Any]]:
    """The columns of `Question.routed`; those that a kind does not have are empty."""
    found: dict[str, Any] = {
        **dict.fromkeys(("grant_id", "account_id", "folder_id", "group_id"), NOBODY),
        "folder_owner_id": NOBODY,
        "rights": literal(0),
        "account": literal(""),
        **known,
    }
    found["path"] = found["topic"]
    return [column.label(name) for name, column in sorted(found.items())]


def items_of_servers() -> AnySelect:
    """Items joined to their servers, without the reviewer that they had before."""
    query = select(Item.id, NOBODY.label("from_id")).select_from(Item)
    return query.join(Server, Server.id == Item.server_id)
