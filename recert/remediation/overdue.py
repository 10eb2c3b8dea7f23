"""Changes that are late: the policy says for each risk class within how many days after the
decision a change must be verified. Time spent waiting for a second person counts as well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import CHANGES_UNDER_WAY, Campaign, Item
from recert.campaigns.policy import Policy, Risk
from recert.campaigns.risk import risk_column
from recert.changes.models import Order, OrderState
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.durations import Duration, summed
from recert.inventory.models import Account, Folder, Server
from recert.people.models import Organisation, Person
from recert.remediation.models import OverdueChange, Remediation

MOST = 1000  # counted no further
# Literals, because SQLite uses the partial index of changes under way for nothing else.
UNDER_WAY = Item.state.in_([literal_column(f"'{state.value}'") for state in CHANGES_UNDER_WAY])


@dataclass(frozen=True)
class OfClass:
    """The changes of one risk class. `took` is None while none is verified; `late` were verified
    too late, `overdue` are not verified and should be."""

    risk: Risk
    days: int
    took: Duration | None
    late: int
    overdue: int


def count_overdue(session: Session, campaign: Campaign, *, now: datetime) -> int:
    """How many changes are not verified and should be, at most MOST."""
    some = _overdue(select(Item.id), campaign, now).limit(MOST).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def overdue(
    session: Session, campaign: Campaign, *, now: datetime, most: int = MOST
) -> Sequence[AnyRow]:
    """The changes that are not verified and should be, the oldest decisions first, each with who
    sees to it until when (None: nobody)."""
    query = (
        select(
            Item.id,
            Item.state,
            Item.outcome,
            Item.decided_at,
            risk_column(now).label("risk"),
            Server.name.label("server"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
            Account.name.label("account"),
            Remediation.order_id,
            OverdueChange.owner,
            OverdueChange.until,
            OverdueChange.reason,
        )
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Remediation, Remediation.item_id == Item.id)
        .outerjoin(
            OverdueChange, (OverdueChange.item_id == Item.id) & OverdueChange.id.in_(_newest())
        )
        .order_by(Item.decided_at, Item.id)
        .limit(most)
    )
    return session.execute(_overdue(query, campaign, now)).all()


def is_overdue(session: Session, campaign: Campaign, item_id: int, *, now: datetime) -> bool:
    """Whether the change of one item is not verified and should be."""
    query = select(Item.id).where(Item.id == item_id)
    return session.scalar(_overdue(query, campaign, now)) is not None


def _newest() -> AnySelect:
    """The row that counts, of each late change that somebody took on."""
    return select(func.max(OverdueChange.id)).group_by(OverdueChange.item_id)


def _overdue(query: AnySelect, campaign: Campaign, now: datetime) -> AnySelect:
    policy = Policy.of(campaign.policy)
    shortest = timedelta(days=min(policy.days(risk) for risk in Risk))
    here = (Item.campaign_id == campaign.id, UNDER_WAY, Item.decided_at < now - shortest)
    return _with_risk(query).where(*here, _too_old(campaign, now))


def _with_risk(query: AnySelect) -> AnySelect:
    return (
        query.join(Account, Account.id == Item.account_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
    )


def _too_old(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    policy, risk = Policy.of(campaign.policy), risk_column(now)
    return or_(
        *(
            and_(risk == each.value, Item.decided_at < now - timedelta(days=policy.days(each)))
            for each in Risk
        )
    )


def by_class(session: Session, campaign: Campaign, *, now: datetime) -> list[OfClass]:
    """How long the changes of each class took, and how many are late. The class of an account is
    the one it has now."""
    policy, seconds = Policy.of(campaign.policy), _seconds(session, campaign.id, now)
    counts = dict.fromkeys(Risk, 0)
    # A subquery, because PostgreSQL takes the same expression with other parameters for another.
    some = _overdue(
        select(risk_column(now).label("risk")).select_from(Item), campaign, now
    ).subquery()
    query = select(some.c.risk, func.count()).group_by(some.c.risk)
    for risk, count in session.execute(query):
        counts[Risk(risk)] = count
    return [
        OfClass(
            risk,
            policy.days(risk),
            summed(seconds[risk]),
            sum(1 for each in seconds[risk] if each > policy.days(risk) * 86_400),
            counts[risk],
        )
        for risk in Risk
    ]


def _seconds(session: Session, campaign_id: int, now: datetime) -> dict[Risk, list[float]]:
    """Seconds from the decision to the verification, for each verified change."""
    query = _with_risk(
        select(risk_column(now), Decision.at, Order.verified_at)
        .select_from(Remediation)
        .join(Item, Item.id == Remediation.item_id)
        .join(Decision, Decision.id == Remediation.decision_id)
        .join(Order, Order.id == Remediation.order_id)
    ).where(Item.campaign_id == campaign_id, Order.state == OrderState.VERIFIED)
    found: dict[Risk, list[float]] = {risk: [] for risk in Risk}
    for risk, start, end in session.execute(query.execution_options(yield_per=1000)):
        if end:
            found[Risk(risk)].append((end - start).total_seconds())
    return found
