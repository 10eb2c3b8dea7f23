"""Service accounts: one question for each, to whoever answers for it."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, and_, cast, literal, or_, select
from sqlalchemy.orm import Session

from recert.campaigns.models import Item, Subject
from recert.campaigns.setup import routing
from recert.campaigns.setup.routing import NOBODY
from recert.campaigns.setup.subjects import facts
from recert.campaigns.setup.subjects.contract import (
    Question,
    Selection,
    Wording,
    columns,
    items_of_servers,
)
from recert.campaigns.setup.subjects.facts import Facts
from recert.connectors.contract import AccountKind
from recert.foundation.db import AnyRow, AnySelect
from recert.inventory.models import Account, Server, ServiceAccount
from recert.inventory.queries import in_snapshot


class ServiceAccountQuestion(Question):
    subject = Subject.SERVICE
    wording = Wording(
        title="Service accounts",
        request="For each service account, say whether it is still needed and what for.",
        keep="Still needed",
        remove="Close it",
        removed="is closed",
        reason="Say what it is for",
    )
    nothing_to_ask = "No service account is in this scope: there is nothing to ask."
    scope_fields = frozenset({"seed", "unused_days", "unknown_unused", "only_changes"})
    names_successor = True
    needs_purpose = True
    ends_in_register = True

    def routed(self, selection: Selection) -> AnySelect:
        query = (
            select(
                *columns(
                    account_id=Account.id,
                    content_hash=cast(Account.id, BigInteger),
                    topic=literal("service account ") + Account.name,
                    account=Account.name,
                )
            )
            .select_from(Account)
            .join(Server, Server.id == Account.server_id)
        )
        snapshot = selection.snapshot
        is_service = or_(Account.kind == AccountKind.SERVICE, ServiceAccount.id.is_not(None))
        here = (
            Account.server_id == snapshot.server_id,
            in_snapshot(Account, snapshot.id),
            is_service,
        )
        return _with_owner(query).where(*here, selection.chosen)

    def chains(self) -> list[AnySelect]:
        return [_with_owner(items_of_servers().join(Account, Account.id == Item.account_id))]

    def sentence(self, row: AnyRow) -> str:
        return f"Is the {row.topic} still needed?"

    def facts(self, session: Session, rows: Sequence[AnyRow]) -> dict[int, Facts]:
        return facts.of_service_accounts(session, rows)


def _with_owner(query: AnySelect) -> AnySelect:
    same = (ServiceAccount.server_id == Account.server_id, ServiceAccount.name == Account.name)
    joined = query.outerjoin(ServiceAccount, and_(*same))
    return routing.chained(joined, ServiceAccount.person_id, NOBODY, holder=Account.person_id)
