"""What an order asks of its server, and its plan as JSON and as a task for a person."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.changes.models import Order, OrderKind, OrderState
from recert.connectors.changes import (
    Change,
    CloseAccount,
    LeaveGroup,
    SetRights,
    from_json,
    opposite,
    to_json,
)
from recert.connectors.contract import Cell, Plan
from recert.connectors.csv_export import is_row, row_of
from recert.connectors.rights import Rights
from recert.inventory.models import Grant, Source


def change_of(order: Order) -> Change:
    """What the server is asked for. The undo of an order asks for its opposite."""
    if order.wanted:
        return from_json(order.wanted)
    if order.folder:
        return SetRights(order.account, order.folder, Rights(order.rights_wanted))
    change = LeaveGroup(order.account, order.group) if order.group else CloseAccount(order.account)
    return opposite(change) if order.kind is OrderKind.UNDO else change


def stored(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    kept = {
        "change": to_json(plan.change),
        "before": plan.before,
        "after": plan.after,
        "diff": plan.diff,
        "fingerprint": plan.fingerprint,
        "side_effects": [asdict(cell) for cell in plan.side_effects],
        "note": plan.note,
        "gains": [asdict(cell) for cell in plan.gains],
    }
    as_read_back: dict[str, Any] = json.loads(json.dumps(kept))
    return as_read_back


def by_hand(session: Session, orders: Sequence[Order]) -> list[Plan]:
    """What a person shall do by hand, with the entries that give the rights."""
    sources = _granted_by(session, {order.id for order in orders})
    return [for_a_person(order, sources.get(order.id, "")) for order in orders]


def _granted_by(session: Session, numbers: set[int]) -> dict[int, str]:
    query = (
        select(Order.id, Source.text)
        .join(Grant, (Grant.account_id == Order.account_id) & (Grant.folder_id == Order.folder_id))
        .join(Source, Source.id == Grant.source_id)
        .where(Order.state == OrderState.MANUAL, Grant.gone_snapshot_id.is_(None))
    )
    return {row[0]: row[1] for row in session.execute(query) if row[0] in numbers}


def for_a_person(order: Order, granted_by: str = "") -> Plan:
    """What a person shall do by hand. Only a change list has a plan that says it; where Recert
    found no native edit, the row is made from the order itself."""
    change = change_of(order)
    if order.plan is not None and order.plan["before"] != order.plan["after"]:
        plan = loaded(order.plan)
        if is_row(plan.after):
            return plan
    row = row_of(change, Rights(order.rights_before), "", granted_by)
    return Plan(change=change, before="", after=row, diff=row, fingerprint="")


def loaded(kept: dict[str, Any]) -> Plan:
    """The plan back from JSON."""
    return Plan(
        change=from_json(kept["change"]),
        before=kept["before"],
        after=kept["after"],
        diff=kept["diff"],
        fingerprint=kept["fingerprint"],
        side_effects=_cells(kept["side_effects"]),
        note=kept["note"],
        gains=_cells(kept.get("gains", [])),
    )


def _cells(kept: Sequence[dict[str, Any]]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            cell["account"],
            cell["folder"],
            Rights(cell["before"]),
            Rights(cell["after"]),
            cell.get("protocol", ""),
        )
        for cell in kept
    )
