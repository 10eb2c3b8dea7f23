"""What goes into a package, each as a stream of plain rows."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from recert.campaigns import route_rules
from recert.campaigns.event_models import CampaignGrant
from recert.campaigns.models import (
    Campaign,
    CampaignRelease,
    Contest,
    Exclusion,
    Item,
    LeftOut,
    Population,
)
from recert.changes.models import Order, OrderStep
from recert.connectors import rights
from recert.decisions.models import Decision
from recert.evidence.population import SORTS, population
from recert.foundation.db import AnySelect
from recert.inventory import same_folder
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot, Source
from recert.inventory.recordings import said_of
from recert.inventory.same_folder import Way
from recert.people.models import Organisation, Person
from recert.remediation.models import Remediation
from recert.trail.models import TrailEntry

Record = dict[str, Any]


def _stream(session: Session, query: AnySelect) -> Iterator[Any]:
    return iter(session.execute(query.execution_options(yield_per=1000)))


def readings(session: Session, campaign_id: int) -> Iterator[Record]:
    """How each snapshot of the population was read, and what stands for its raw answers."""
    query = (
        select(Server.name, Server.kind, Snapshot)
        .join(Snapshot, Snapshot.server_id == Server.id)
        .join(Population, Population.snapshot_id == Snapshot.id)
        .where(Population.campaign_id == campaign_id)
        .order_by(Server.name)
    )
    for server, kind, snapshot in session.execute(query):
        asked = snapshot.asked
        yield {
            "server": server,
            "snapshot": snapshot.id,
            "kind": kind,
            "collector": snapshot.collector,
            "read_started": _iso(snapshot.read_started_at),
            "read_ended": _iso(snapshot.read_ended_at),
            "commands": "; ".join(
                f"{number} x {command}" for command, number in asked.get("commands", {}).items()
            ),
            "files": asked.get("files", 0),
            "first_files": "; ".join(asked.get("first_files", ())),
            "fingerprint": snapshot.fingerprint,
            "recording_sha256": snapshot.recording_sha256,
            "recording_size": snapshot.recording_size,
            "recording": said_of(snapshot),
        }


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def items(session: Session, campaign_id: int) -> Iterator[Record]:
    """Every item with what was asked, of whom, and where it ended."""
    reviewer = aliased(Person)
    query = (
        select(
            Item,
            Server.name.label("server"),
            Account.name.label("account"),
            Account.kind.label("kind"),
            Account.enabled,
            Account.key_count,
            SORTS["privileged"].label("privileged"),
            SORTS["emergency"].label("emergency"),
            Folder.path.label("folder"),
            Source.text.label("via"),
            Person.name.label("person"),
            Organisation.name.label("organisation"),
            reviewer.email.label("reviewer"),
            CampaignGrant.reason.label("asked_because"),
            Campaign.routing_version,
        )
        .join(Campaign, Campaign.id == Item.campaign_id)
        .join(Server, Server.id == Item.server_id)
        .outerjoin(
            Population,
            (Population.campaign_id == Item.campaign_id) & (Population.server_id == Item.server_id),
        )
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Grant, Grant.id == Item.grant_id)
        .outerjoin(Source, Source.id == Grant.source_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .outerjoin(reviewer, reviewer.id == Item.reviewer_id)
        .outerjoin(
            CampaignGrant,
            (CampaignGrant.campaign_id == Item.campaign_id)
            & (CampaignGrant.grant_id == Item.grant_id),
        )
        .where(Item.campaign_id == campaign_id)
        .order_by(Item.sort_key)
    )
    for part in session.execute(query.execution_options(yield_per=1000)).partitions():
        pairs = {(row.Item.account_id, row.Item.folder_id) for row in part if row.Item.folder_id}
        ways = same_folder.ways(session, pairs)
        for row in part:
            yield _item(row, ways.get((row.Item.account_id, row.Item.folder_id), ()))


def _item(row: Any, ways: Iterable[Way]) -> Record:
    item = row.Item
    return {
        "item": item.id,
        "server": row.server,
        "folder": row.folder or "",
        "topic": item.topic,
        "account": row.account or "",
        "account_kind": row.kind.value if row.kind else "",
        "account_enabled": "" if row.enabled is None else "yes" if row.enabled else "no",
        "account_privileged": "yes" if row.privileged else "no",
        "account_emergency": "yes" if row.emergency else "no",
        "account_keys": "" if row.key_count is None else row.key_count,
        "person": row.person or "",
        "organisation": row.organisation or "",
        "rights": " ".join(rights.names(item.rights)),
        "via": row.via or "",
        "also_open": "; ".join(way.text for way in ways),
        "reviewer": row.reviewer or "",
        "route": item.route.value,
        "route_rule": route_rules.rule_of(item.route, row.routing_version),
        "reviewer_could_grant": "yes" if item.conflict else "no",
        "state": item.state.value,
        "answer": item.answer.value if item.answer else "",
        "rights_after": ""
        if item.answer_rights is None
        else " ".join(rights.names(item.answer_rights)),
        "outcome": item.outcome,
        "asked_because": row.asked_because or "",
        "content_hash": item.content_hash,
    }


def decisions(session: Session, campaign_id: int) -> Iterator[Record]:
    """Every version of every decision."""
    query = (
        select(Decision, Person.email)
        .join(Item, Item.id == Decision.item_id)
        .outerjoin(Person, Person.id == Decision.on_behalf_of)
        .where(Item.campaign_id == campaign_id)
        .order_by(Decision.id)
    )
    for made, principal in _stream(session, query):
        yield {
            "item": made.item_id,
            "version": made.version,
            "answer": made.answer.value,
            "rights_seen": " ".join(rights.names(made.rights)),
            "rights_after": ""
            if made.answer_rights is None
            else " ".join(rights.names(made.answer_rights)),
            "reason": made.reason,
            "actor": made.actor,
            "channel": made.channel.value,
            "assurance": made.assurance.value,
            "address": made.address,
            "batch": made.batch or "",
            "at": made.at.isoformat(),
            "keep_until": made.keep_until.isoformat() if made.keep_until else "",
            "on_behalf_of": principal or "",
            "seen": made.seen,
            "session": made.session,
            "late": "late" if made.late else "",
        }


def exclusions(session: Session, campaign_id: int) -> Iterator[Record]:
    """What was left out of the campaign, why, until when, and who agreed."""
    query = (
        select(LeftOut.grants, Exclusion, Server.name)
        .join(Exclusion, Exclusion.id == LeftOut.exclusion_id)
        .join(Server, Server.id == Exclusion.server_id)
        .where(LeftOut.campaign_id == campaign_id)
        .order_by(Exclusion.id)
    )
    for grants, one, server in session.execute(query):
        yield {
            "exclusion": one.id,
            "server": server,
            "account": one.account or "everybody",
            "folder": one.folder,
            "grants": grants,
            "reason": one.reason,
            "asked_by": one.asked_by,
            "approved_by": one.approved_by,
            "ends": one.ends_at.isoformat(),
        }


def releases(session: Session, campaign_id: int) -> Iterator[Record]:
    """What a second person let go, and why."""
    query = select(CampaignRelease).where(CampaignRelease.campaign_id == campaign_id)
    for made in session.scalars(query.order_by(CampaignRelease.id)):
        yield {
            "by": made.released_by,
            "at": made.at.isoformat(),
            "reason": made.reason,
            "count": made.count,
            "digest": made.digest,
            "halted_after_wave": made.wave,
        }


def objections(session: Session, campaign_id: int) -> Iterator[Record]:
    """Who objected to a removal, why, and what came of it."""
    query = (
        select(Contest, Person.email)
        .join(Item, Item.id == Contest.item_id)
        .outerjoin(Person, Person.id == Contest.person_id)
        .where(Item.campaign_id == campaign_id, Contest.objected_at.is_not(None))
        .order_by(Contest.item_id)
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
        here = OrderStep.order_id.in_(numbers)
        for step in session.scalars(select(OrderStep).where(here).order_by(OrderStep.id)):
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
        "log": [
            {"at": step.at.isoformat(), "state": step.state.value, "detail": step.detail}
            for step in steps
        ],
    }


def trail_slice(session: Session, campaign: Campaign, last_seq: int) -> Iterator[Record]:
    """The trail without gaps, from the draft of the campaign (or the first snapshot it stands on)
    up to the checkpoint."""
    subjects = [f"campaign:{campaign.id}"]
    subjects += [f"snapshot:{part['snapshot']}" for part in population(session, campaign.id)]
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
