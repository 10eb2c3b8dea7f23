"""The records of a package, each as a stream of plain rows."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import SQLColumnExpression, case, func, select
from sqlalchemy.orm import Session

from recert.campaigns.completion.models import CampaignRelease, Challenge
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Campaign, Item, Route
from recert.campaigns.setup import frozen_facts, routing
from recert.campaigns.setup.models import Population
from recert.changes.models import Order, OrderStep
from recert.changes.service import log_line
from recert.connectors import rights
from recert.evidence.package.time_formats import iso
from recert.foundation import bulk
from recert.foundation.db import AnySelect
from recert.inventory import shared_storage
from recert.inventory.models import Server
from recert.people.models import Person
from recert.people.synchronisation.history import email_at
from recert.remediation.models import Remediation
from recert.trail.models import TrailEntry

Record = dict[str, Any]
Rows = list[tuple[Any, ...]]

ITEMS = (
    *("item", "server", "folder", "topic", "account", "account_kind", "account_enabled"),
    *("person", "account_keys", "account_privileged", "account_emergency", "organisation"),
    *("rights", "via", "also_open", "reviewer", "route", "route_rule", "reviewer_could_grant"),
    *("state", "answer", "rights_after", "outcome", "asked_because", "content_hash"),
)
DECISIONS = (
    *("item", "version", "answer", "rights_seen", "rights_after", "reason", "actor", "channel"),
    *("assurance", "address", "batch", "at", "keep_until", "on_behalf_of", "seen"),
    *("session", "late", "counts"),
)


def _stream(session: Session, query: AnySelect) -> Iterator[Any]:
    return iter(session.execute(query.execution_options(yield_per=1000)))


@cache
def rights_text(mask: int | None) -> str:
    """The names of rights in one cell; "" for none and for what is not known."""
    return " ".join(rights.names(mask or 0))


def items(session: Session, campaign: Campaign) -> Iterator[Rows]:
    """Every item with what was asked, of whom, and where it ended, as ITEMS, in the order of the
    campaign's pages."""
    rules = {route.value: routing.rule_of(route, campaign.routing_version) for route in Route}
    columns = [
        *frozen_facts.item_columns(),
        *frozen_facts.account_columns(),
        *(Item.state, Item.answer, Item.answer_rights, Item.outcome),
        *(Item.account_id, Item.folder_id),
    ]
    query = frozen_facts.of_items(campaign.id, columns).order_by(Item.sort_key)
    shared = session.scalar(select(Server.id).where(Server.storage != "").limit(1)) is not None
    for part in bulk.select(session, query):
        also = _also_open(session, part) if shared else {}
        yield [_item(row, rules, also) for row in part]


def _also_open(session: Session, part: Sequence[bulk.Row]) -> dict[tuple[int, int], str]:
    pairs = {(row[-2], row[-1]) for row in part if row[-1]}
    ways = shared_storage.ways(session, pairs)
    return {pair: "; ".join(way.text for way in found) for pair, found in ways.items()}


def _item(row: bulk.Row, rules: dict[str, str], also: dict[tuple[int, int], str]) -> bulk.Row:
    number, server, folder, topic, account, mask, via, reviewer, route, grants, why, seal = row[:12]
    kind, enabled, keys, privileged, emergency, person, organisation = row[12:19]
    state, answer, after, outcome, account_id, folder_id = row[19:]
    return (
        *(number, server, folder, topic, account, kind, enabled),
        *(person, keys, privileged, emergency, organisation),
        *(rights_text(int(mask)), via, also.get((account_id, folder_id), "")),
        *(reviewer, route, rules[route], grants, state, answer or ""),
        *(rights_text(after), outcome, why, int(seal)),
    )


def _counts() -> SQLColumnExpression[str]:
    """Whether a decision is the one that its item goes by: not one that was changed later, passed
    on, asked again or overtaken by access that vanished."""
    is_it = (Item.version == Decision.version) & (Item.answer == Decision.answer)
    return case((is_it, "yes"), else_="no")


def decisions(session: Session, campaign_id: int) -> Iterator[Rows]:
    """Every version of every decision, as DECISIONS."""
    query = (
        select(
            *(Decision.item_id, Decision.version, Decision.answer, Decision.rights),
            *(Decision.answer_rights, Decision.reason, Decision.actor, Decision.channel),
            *(Decision.assurance, Decision.address, func.coalesce(Decision.batch, "")),
            *(Decision.at, Decision.keep_until),
            *(func.coalesce(email_at(Decision.at), ""), Decision.context),
            *(Decision.session, Decision.late, _counts()),
        )
        .join(Item, Item.id == Decision.item_id)
        .outerjoin(Person, Person.id == Decision.on_behalf_of)
        .where(Item.campaign_id == campaign_id)
        .order_by(Decision.id)
    )
    for part in bulk.select(session, query):
        yield [
            (
                *row[:3],
                rights_text(row[3]),
                rights_text(row[4]),
                *row[5:11],
                iso(row[11]),
                iso(row[12]),
                *row[13:16],
                "late" if row[16] else "",
                row[17],
            )
            for row in part
        ]


def releases(session: Session, campaign_id: int) -> Iterator[Record]:
    """What a second person let go, and why."""
    query = select(CampaignRelease).where(CampaignRelease.campaign_id == campaign_id)
    for release in session.scalars(query.order_by(CampaignRelease.id)):
        yield {
            "by": release.released_by,
            "at": release.at.isoformat(),
            "reason": release.reason,
            "count": release.count,
            "digest": release.digest,
            "halted_after_wave": release.batch_number,
        }


def objections(session: Session, campaign_id: int) -> Iterator[Record]:
    """Who objected to a removal, why, and what came of it."""
    query = (
        select(Challenge, email_at(Challenge.objected_at).label("email"))
        .join(Item, Item.id == Challenge.item_id)
        .outerjoin(Person, Person.id == Challenge.person_id)
        .where(Item.campaign_id == campaign_id, Challenge.objected_at.is_not(None))
        .order_by(Challenge.item_id)
    )
    for made, email in session.execute(query):
        yield {
            "item": made.item_id,
            "by": email,
            "at": made.objected_at.isoformat() if made.objected_at else None,
            "reason": made.reason,
            "settled_by": made.settled_by,
            "settled_at": made.settled_at.isoformat() if made.settled_at else None,
        }


def orders(session: Session, campaign_id: int) -> Iterator[Record]:
    """The orders of a campaign and their undos, with plan, before and after, and their log."""
    ordered = (
        select(Remediation.order_id.label("id"))
        .join(Item, Item.id == Remediation.item_id)
        .where(Item.campaign_id == campaign_id)
        .cte(recursive=True)
    )
    undone = select(Order.id).join(ordered, Order.undoes_id == ordered.c.id)
    ours = select(ordered.union_all(undone).c.id)  # an undo can be undone as well
    query = (
        select(Order, Server.name, Remediation.item_id)
        .join(Server, Server.id == Order.server_id)
        .outerjoin(Remediation, Remediation.order_id == Order.id)
        .where(Order.id.in_(ours))
        .order_by(Order.id)
        .execution_options(yield_per=500)
    )
    for part in session.execute(query).partitions():
        numbers = [order.id for order, _, _ in part]
        steps: dict[int, list[OrderStep]] = {number: [] for number in numbers}
        of_these_orders = OrderStep.order_id.in_(numbers)
        for step in session.scalars(
            select(OrderStep).where(of_these_orders).order_by(OrderStep.id)
        ):
            steps[step.order_id].append(step)
        for order, server, item_id in part:
            yield _order(order, server, item_id, steps[order.id])


def _order(order: Order, server: str, item_id: int | None, steps: list[OrderStep]) -> Record:
    return {
        "order": order.id,
        "item": item_id,
        "undoes": order.undoes_id,
        "server": server,
        "account": order.account,
        "folder": order.folder,
        "group": order.group,
        "kind": order.kind.value,
        "state": order.state.value,
        "rights_before": rights.names(order.rights_before),
        "rights_wanted": rights.names(order.rights_wanted),
        "rights_found": None if order.rights_found is None else rights.names(order.rights_found),
        "plan": order.plan,
        "ticket": order.ticket,
        "reason": order.reason,
        "asked_by": order.created_by,
        "approved_by": order.approved_by,
        "applied_at": order.applied_at.isoformat() if order.applied_at else None,
        "verified_at": order.verified_at.isoformat() if order.verified_at else None,
        "left_over": order.left_over,
        "log": [log_line(step) for step in steps],
    }


def trail_slice(session: Session, campaign: Campaign, last_seq: int) -> Iterator[Record]:
    """The trail without gaps, from the draft of the campaign (or the first snapshot it stands on)
    up to the checkpoint."""
    subjects = [f"campaign:{campaign.id}"]
    used = select(Population.snapshot_id).where(Population.campaign_id == campaign.id)
    subjects += [f"snapshot:{number}" for number in session.scalars(used)]
    first = session.scalar(
        select(TrailEntry.seq)
        .where(TrailEntry.object.in_(subjects))
        .order_by(TrailEntry.seq)
        .limit(1)
    )
    query = select(TrailEntry.seq, TrailEntry.body, TrailEntry.previous, TrailEntry.hash).where(
        TrailEntry.seq >= (first or 1), TrailEntry.seq <= last_seq
    )
    for row in _stream(session, query.order_by(TrailEntry.seq)):
        yield dict(row._mapping)
