"""What a launch fixes, as rows and texts: the trail keeps it, evidence shows it, and the verifier
compares both."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import SQLColumnExpression, case, func, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign
from recert.campaigns.policy import Policy
from recert.campaigns.setup import frozen_facts
from recert.campaigns.setup.models import CampaignAccount, Exclusion, LeftOut, Population
from recert.campaigns.setup.scope import Scope
from recert.campaigns.setup.stages import Stages
from recert.connectors.contract import AccountKind
from recert.inventory.models import Account, Server, Snapshot
from recert.inventory.recordings import recording_status

Record = dict[str, Any]

# The sorts of accounts that an auditor counts apart.
SORTS: dict[str, SQLColumnExpression[bool]] = {
    "partner": CampaignAccount.is_partner,
    "service": CampaignAccount.kind == AccountKind.SERVICE,
    "shared": CampaignAccount.kind == AccountKind.SHARED,
    "anonymous": CampaignAccount.kind == AccountKind.ANONYMOUS,
    "privileged": CampaignAccount.is_privileged,
    "emergency": CampaignAccount.is_emergency,
    "with_keys": CampaignAccount.key_count > 0,
}


def record(session: Session, campaign: Campaign) -> Record:
    """Everything of a campaign that does not change after its launch; items and accounts as
    digests."""
    return {
        "facts": facts(campaign),
        "population": list(population(session, campaign.id)),
        "readings": list(readings(session, campaign.id)),
        "excluded": list(exclusions(session, campaign.id)),
        "item_digests": frozen_facts.item_digests(session, campaign.id),
        "account_digests": frozen_facts.account_digests(session, campaign.id),
    }


def facts(campaign: Campaign) -> Record:
    """What was asked, and under which rules."""
    policy = Policy.of(campaign.policy)
    return {
        "name": campaign.name,
        "kind": campaign.kind.value,
        "about": campaign.about.value,
        "folder_prefix": campaign.folder_prefix,
        "scope": campaign.scope,
        "limited_to": Scope.of(campaign.scope).description,
        "older_snapshots_allowed_by": campaign.freshness_by,
        "older_snapshots_allowed_because": campaign.freshness_reason,
        "minutes_to_change_an_answer": campaign.undo_minutes,
        "without_answer": policy.description(),
        "policy": policy.as_json(),
        "stages": Stages.of(campaign.stages).description,
        "stages_as_set": campaign.stages,
        "zone": campaign.zone,
        "created_by": campaign.created_by,
        "created_at": campaign.created_at.isoformat(),
    }


def population(session: Session, campaign_id: int) -> Iterator[Record]:
    """How the accounts of each server add up, and from which snapshot."""
    query = (
        select(Population, Server.name, Snapshot)
        .join(Server, Server.id == Population.server_id)
        .join(Snapshot, Snapshot.id == Population.snapshot_id)
        .where(Population.campaign_id == campaign_id)
        .order_by(Server.name)
    )
    sorts = _sorts(session, campaign_id)
    for part, server, snapshot in session.execute(query):
        yield {
            "server": server,
            "snapshot": snapshot.id,
            "snapshot_started": snapshot.started_at.isoformat(),
            "snapshot_finished": _iso(snapshot.finished_at),
            "read_from": snapshot.source,
            "raw_sha256": snapshot.fingerprint,
            "accounts": part.accounts,
            "reviewed": part.reviewed,
            "excluded": part.excluded,
            "out_of_scope": part.out_of_scope,
            "without_rights": part.without_rights,
            "items": part.items,
            **{name: sorts.get((part.server_id, name), 0) for name in SORTS},
        }


def _sorts(session: Session, campaign_id: int) -> dict[tuple[int, str], int]:
    """How many of the accounts that were asked about are of each sort, by server."""
    query = (
        select(
            Account.server_id,
            *(func.sum(case((one, 1), else_=0)).label(name) for name, one in SORTS.items()),
        )
        .join(CampaignAccount, CampaignAccount.account_id == Account.id)
        .where(CampaignAccount.campaign_id == campaign_id)
        .group_by(Account.server_id)
    )
    return {
        (row.server_id, name): row._mapping[name]
        for row in session.execute(query)
        for name in SORTS
    }


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
        yield _reading(server, kind, snapshot)


def _reading(server: str, kind: str, snapshot: Snapshot) -> Record:
    asked = snapshot.asked
    commands = asked.get("commands", {}).items()
    return {
        "server": server,
        "snapshot": snapshot.id,
        "kind": kind,
        "collector": snapshot.collector,
        "read_started": _iso(snapshot.read_started_at),
        "read_ended": _iso(snapshot.read_ended_at),
        "commands": "; ".join(f"{number} x {command}" for command, number in commands),
        "files": asked.get("files", 0),
        "first_files": "; ".join(asked.get("first_files", ())),
        "fingerprint": snapshot.fingerprint,
        "recording_sha256": snapshot.recording_sha256,
        "recording_size": snapshot.recording_size,
        "recording": recording_status(snapshot),
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


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
