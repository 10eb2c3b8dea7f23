"""Memberships in groups: one question for each account and group."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, and_, cast, literal, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, Subject
from recert.campaigns.setup import routing
from recert.campaigns.setup.subjects import facts
from recert.campaigns.setup.subjects.contract import (
    Question,
    Selection,
    Wording,
    columns,
    items_of_servers,
    who,
)
from recert.campaigns.setup.subjects.facts import Facts
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory.models import Account, Group, GroupMember, GroupOwner, Server
from recert.inventory.queries import in_snapshot


class MembershipQuestion(Question):
    subject = Subject.MEMBERSHIP
    wording = Wording(
        title="Memberships in groups",
        request="For each group you answer for, say who may stay in it.",
        removed="leaves the group",
    )
    nothing_to_ask = "No account in this scope is in a group: there is nothing to ask."
    scope_fields = frozenset({"seed", "holders", "unused_days", "unknown_unused", "only_changes"})
    first_snapshot = GroupMember.first_snapshot_id

    def routed(self, selection: Selection) -> AnySelect:
        query = (
            select(
                *columns(
                    account_id=GroupMember.account_id,
                    group_id=GroupMember.group_id,
                    content_hash=cast(GroupMember.id, BigInteger),
                    topic=literal("group ") + Group.name,
                    account=Account.name,
                )
            )
            .select_from(GroupMember)
            .join(Group, Group.id == GroupMember.group_id)
            .join(Account, Account.id == GroupMember.account_id)
            .join(Server, Server.id == Group.server_id)
        )
        snapshot = selection.snapshot
        here = (Group.server_id == snapshot.server_id, in_snapshot(GroupMember, snapshot.id))
        return _with_owner(query).where(*here, selection.chosen)

    def chains(self) -> list[AnySelect]:
        query = items_of_servers().join(Group, Group.id == Item.group_id)
        return [_with_owner(query.join(Account, Account.id == Item.account_id))]

    def sentence(self, row: AnyRow) -> str:
        return f"Shall {who(row)} stay in {row.topic}?"

    def facts(self, session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
        return facts.of_memberships(session, rows)


def _with_owner(query: AnySelect) -> AnySelect:
    same = (GroupOwner.server_id == Group.server_id, GroupOwner.name == Group.name)
    joined = query.outerjoin(GroupOwner, and_(*same))
    return routing.chained(
        joined, GroupOwner.person_id, GroupOwner.substitute_id, holder=Account.person_id
    )
