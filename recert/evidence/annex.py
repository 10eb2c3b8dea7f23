"""The item annex: one row per item for people who work with spreadsheets, as CSV and as XLSX."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import xlsxwriter
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Answer, Item, Population
from recert.changes.models import Order
from recert.connectors import rights
from recert.decisions.models import Decision
from recert.evidence.sealed import Sealed
from recert.foundation.actor import Assurance, Channel
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot
from recert.people.models import Person
from recert.remediation.models import Remediation

COLUMNS = (
    *("item", "server", "folder", "account", "person", "rights", "reviewer", "why_this_reviewer"),
    *("decided_by", "channel", "assurance", "answer", "rights_remaining", "reason"),
    *("access_seen_utc", "access_seen_local", "decided_utc", "decided_local"),
    *("outcome", "order", "verified_utc", "verified_local"),
)
WIDE = {"folder": 40, "rights": 40, "reason": 40, "outcome": 40, "reviewer": 30}
SHEET_ROWS = 1_048_575  # what a sheet can take below its header
NO_ANSWER = "policy: kept without an answer"
GIVEN = (Answer.KEEP, Answer.REDUCE, Answer.REVOKE)

Record = dict[str, Any]


def write(
    sealed: Sealed, session: Session, campaign_id: int, zone: tzinfo, *, now: datetime
) -> None:
    """Both files of the annex into a package, in one walk over the items."""
    with tempfile.TemporaryDirectory(prefix="recert-annex-") as folder:
        path = Path(folder) / "items.xlsx"
        with Workbook(path, now=now) as book:
            sealed.table("annex/items.csv", book.also(rows(session, campaign_id, zone)), COLUMNS)
        sealed.copy("annex/items.xlsx", path)


def rows(session: Session, campaign_id: int, zone: tzinfo) -> Iterator[Record]:
    """One row per item, in the order of the campaign's pages."""
    for row in session.execute(_query(campaign_id).execution_options(yield_per=1000)):
        yield {
            "item": row.id,
            "server": row.server,
            "folder": row.folder,
            "account": row.account,
            "person": row.person or "",
            "rights": ", ".join(rights.words(row.rights)),
            "reviewer": f"{row.reviewer} <{row.reviewer_email}>" if row.reviewer else "",
            "why_this_reviewer": row.route.value,
            **_decision(row, zone),
            **_times("access_seen", row.seen_at, zone),
            "outcome": row.outcome,
            "order": row.order_id or "",
            **_times("verified", row.verified_at, zone),
        }


def _decision(row: AnyRow, zone: tzinfo) -> Record:
    """Who answered what and how; silence is told as the policy that it is."""
    by_policy = row.answer is Answer.NO_ANSWER
    channel = row.channel or (Channel.SYSTEM if by_policy else None)
    assurance = row.assurance or (Assurance.POLICY if by_policy else None)
    return {
        "decided_by": row.actor or (NO_ANSWER if by_policy else ""),
        "channel": channel.value if channel else "",
        "assurance": assurance.value if assurance else "",
        "answer": row.answer.value if row.answer else "",
        "rights_remaining": ""
        if row.answer_rights is None
        else ", ".join(rights.words(row.answer_rights)) or "no access",
        "reason": row.reason or "",
        **_times("decided", row.at, zone),
    }


def _times(name: str, at: datetime | None, zone: tzinfo) -> Record:
    return {
        f"{name}_utc": at.isoformat() if at else "",
        f"{name}_local": at.astimezone(zone).isoformat() if at else "",
    }


def _query(campaign_id: int) -> AnySelect:
    reviewer = aliased(Person)
    later = Grant.first_snapshot_id > Population.snapshot_id  # asked again after it changed
    seen = case((later, Grant.first_snapshot_id), else_=Population.snapshot_id)
    given = (Decision.item_id == Item.id) & (Decision.version == Item.version)
    return (
        select(
            Item.id,
            Server.name.label("server"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
            func.coalesce(Account.name, "").label("account"),
            Person.name.label("person"),
            Item.rights,
            reviewer.name.label("reviewer"),
            reviewer.email.label("reviewer_email"),
            Item.route,
            Item.answer,
            Item.answer_rights,
            Item.outcome,
            Decision.actor,
            Decision.channel,
            Decision.assurance,
            Decision.reason,
            Decision.at,
            Snapshot.finished_at.label("seen_at"),
            Order.id.label("order_id"),
            Order.verified_at,
        )
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Grant, Grant.id == Item.grant_id)
        .join(
            Population,
            (Population.campaign_id == Item.campaign_id) & (Population.server_id == Item.server_id),
        )
        .join(Snapshot, Snapshot.id == seen)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(reviewer, reviewer.id == Item.reviewer_id)
        .outerjoin(Decision, given & (Decision.answer == Item.answer))
        .outerjoin(Remediation, Remediation.item_id == Item.id)
        .outerjoin(Order, Order.id == Remediation.order_id)
        .where(Item.campaign_id == campaign_id)
        .order_by(Item.sort_key)
    )


class Workbook:
    """An XLSX file that grows on the disk while rows pass by; memory does not. Every text is
    written as a text: nothing in it is a formula or a link."""

    def __init__(self, path: Path, *, now: datetime, sheet_rows: int = SHEET_ROWS) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(path.parent),
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.set_properties({"created": now.replace(tzinfo=None), "author": "Recert"})
        self._bold = self._book.add_format({"bold": True})
        self._sheet_rows, self._left, self._line = sheet_rows, 0, 0
        self._start_sheet()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._book.close()

    def also(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same rows, each written down while it passes."""
        for record in records:
            if not self._left:
                self._start_sheet()
            self._write([record[name] for name in COLUMNS])
            self._left -= 1
            yield record

    def _start_sheet(self) -> None:
        number = len(self._book.worksheets()) + 1
        self._sheet = self._book.add_worksheet("Items" if number == 1 else f"Items {number}")
        self._sheet.freeze_panes(1, 0)
        for at, name in enumerate(COLUMNS):
            self._sheet.set_column(at, at, WIDE.get(name, 18))
        self._line, self._left = 0, self._sheet_rows
        self._write(list(COLUMNS), self._bold)

    def _write(self, values: list[Any], form: Any = None) -> None:
        for at, value in enumerate(values):
            if isinstance(value, int):
                self._sheet.write_number(self._line, at, value, form)
            elif value:
                self._sheet.write_string(self._line, at, plain_text(value), form)
        self._line += 1


def plain_text(text: str) -> str:
    """XlsxWriter takes "<r>...</r>" for XML of its own and writes it as it is. A mark before it
    makes it a text."""
    return f"'{text}" if text.startswith("<r>") else text
