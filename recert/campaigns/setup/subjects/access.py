"""Access to folders: one question for each account and folder."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, distinct, func, not_, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign, CampaignGrant, CampaignKind, Subject
from recert.campaigns.setup import exclusions, routing
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.scope import Scope, conditions
from recert.campaigns.setup.subjects.contract import Question, Selection, Wording, who
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot
from recert.inventory.queries import in_snapshot


class AccessQuestion(Question):
    subject = Subject.ACCESS
    wording = Wording(
        title="Access to folders",
        request="For each folder you answer for, say who may keep access.",
    )
    nothing_to_ask = "Nobody has access in this scope: there is nothing to ask."
    scope_fields = frozenset(Scope.__dataclass_fields__)
    is_by_folder = True
    scoped_by_folder = True
    can_reduce = True

    def select(
        self,
        session: Session,
        campaign: Campaign,
        snapshot: Snapshot,
        scope: Scope,
        *,
        since: int | None,
        now: datetime,
    ) -> Selection:
        known = exclusions.in_force(session, snapshot.server_id, now=now)
        inside = and_(*conditions(scope, since=since, now=now), *_named(campaign))
        left_out = exclusions.covered(known)
        chosen = and_(inside, not_(left_out))
        return Selection(self.subject, snapshot, inside, chosen, left_out, known)

    def routed(self, selection: Selection) -> AnySelect:
        query = select(
            Grant.id.label("grant_id"),
            Grant.account_id,
            Grant.folder_id,
            Grant.rights,
            Grant.content_hash,
            Folder.path,
            Account.name.label("account"),
        )
        with_server = joined(query).join(Server, Server.id == Grant.server_id)
        return routing.routed(with_server).where(*held(selection), selection.chosen)

    def chains(self) -> list[AnySelect]:
        return []

    def count(self, session: Session, selection: Selection) -> Population:
        snapshot, every = selection.snapshot, held(selection)
        accounts = func.count(distinct(Grant.account_id))
        asked = joined(select(func.count(), accounts).select_from(Grant))
        items, reviewed = session.execute(asked.where(*every, selection.chosen)).one()
        excluded = _only_excluded(session, selection)
        there = (Account.server_id == snapshot.server_id, in_snapshot(Account, snapshot.id))
        holders = session.scalar(select(accounts).where(*every))
        # A join, because PostgreSQL walks through a NOT IN of a million rows again and again.
        with_rights = select(Grant.account_id).where(*every).distinct().subquery()
        without = (
            select(func.count())
            .select_from(Account)
            .outerjoin(with_rights, with_rights.c.account_id == Account.id)
            .where(*there, with_rights.c.account_id.is_(None))
        )
        return Population(
            server_id=snapshot.server_id,
            snapshot_id=snapshot.id,
            accounts=session.scalar(select(func.count()).where(*there)) or 0,
            reviewed=reviewed,
            excluded=excluded,
            out_of_scope=(holders or 0) - reviewed - excluded,
            without_rights=session.scalar(without) or 0,
            items=items,
        )

    def sentence(self, row: AnyRow) -> str:
        return f"May {who(row)} keep access to {row.folder}?"


def held(selection: Selection) -> tuple[ColumnElement[bool], ...]:
    """Every grant that the snapshot saw."""
    snapshot = selection.snapshot
    here = Grant.server_id == snapshot.server_id
    return (here, in_snapshot(Grant, snapshot.id), Grant.rights != 0)


def joined(query: AnySelect) -> AnySelect:
    """Joins what conditions about grants speak of."""
    return query.join(Folder, Folder.id == Grant.folder_id).join(
        Account, Account.id == Grant.account_id
    )


def _named(campaign: Campaign) -> list[ColumnElement[bool]]:
    """A micro-campaign asks about the grants that it names, and no others."""
    if campaign.kind is not CampaignKind.MICRO:
        return []
    named = select(CampaignGrant.grant_id).where(CampaignGrant.campaign_id == campaign.id)
    return [Grant.id.in_(named)]


def _only_excluded(session: Session, selection: Selection) -> int:
    """How many accounts are asked about nowhere because an exclusion left them out."""
    if not selection.exclusions:
        return 0
    every = held(selection)
    asked = joined(select(Grant.account_id)).where(*every, selection.chosen)
    query = joined(select(func.count(distinct(Grant.account_id)))).where(
        *every, selection.in_scope, selection.left_out, Grant.account_id.not_in(asked)
    )
    return session.scalar(query) or 0
