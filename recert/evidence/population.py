"""How the accounts of each server add up in a package, and of which sorts they are."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Item, Population
from recert.connectors.contract import AccountKind
from recert.connectors.rights import Rights
from recert.inventory import emergency
from recert.inventory.models import Account, Grant, Server, Snapshot
from recert.people.models import Organisation, OrganisationKind, Person

Record = dict[str, Any]


def is_privileged() -> ColumnElement[bool]:
    """Whether the account could give others access in some folder, in the snapshot that was asked
    about: what the scope "privileged" means, frozen, so that a removal does not change it."""
    held = aliased(Grant)
    seen = and_(
        held.first_snapshot_id <= Population.snapshot_id,
        held.gone_snapshot_id.is_(None) | (held.gone_snapshot_id > Population.snapshot_id),
    )
    shares = held.rights.bitwise_and(int(Rights.SHARE)) != 0
    query = select(held.id).where(held.account_id == Account.id, seen, shares)
    return exists(query.correlate(Account, Population))


# The sorts of accounts that an auditor counts apart.
SORTS: dict[str, ColumnElement[bool]] = {
    "partner": Organisation.kind == OrganisationKind.PARTNER,
    "service": Account.kind == AccountKind.SERVICE,
    "shared": Account.kind == AccountKind.SHARED,
    "anonymous": Account.kind == AccountKind.ANONYMOUS,
    "privileged": is_privileged(),
    "emergency": emergency.is_emergency(),
    "with_keys": Account.key_count > 0,
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
            "snapshot_finished": snapshot.finished_at.isoformat() if snapshot.finished_at else "",
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
    asked = select(Item.account_id).where(Item.campaign_id == campaign_id)
    query = (
        select(
            Account.server_id,
            *(func.sum(case((one, 1), else_=0)).label(name) for name, one in SORTS.items()),
        )
        .join(Population, Population.server_id == Account.server_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .where(Account.id.in_(asked), Population.campaign_id == campaign_id)
        .group_by(Account.server_id)
    )
    return {
        (row.server_id, name): row._mapping[name]
        for row in session.execute(query)
        for name in SORTS
    }
