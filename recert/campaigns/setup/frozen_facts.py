"""The facts about accounts as they were at the launch: evidence shows these, not today's."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    SQLColumnExpression,
    String,
    Subquery,
    case,
    cast,
    false,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Campaign, CampaignGrant, Item
from recert.campaigns.setup.models import CampaignAccount, Population
from recert.campaigns.setup.subjects.registry import kind_of
from recert.connectors.rights import Rights
from recert.foundation import bulk
from recert.foundation.db import AnySelect
from recert.inventory import emergency_accounts
from recert.inventory.models import Account, Folder, Grant, Server, Source
from recert.people.models import Organisation, OrganisationKind, Person
from recert.people.synchronisation.history import email_at

REVIEWER = aliased(Person)
# A directory may have changed it since: the digests are about the address of the launch.
REVIEWER_EMAIL = email_at(
    select(Campaign.launched_at)
    .where(Campaign.id == Item.campaign_id)
    .correlate(Item)
    .scalar_subquery(),
    REVIEWER,
)
SOME = 500  # of many items, that one statement names
BLOCK = 2000  # rows whose cells fit into the cache of a processor
MOST_NAMES = 200_000  # that are kept while items are hashed
_Turned = Callable[[Sequence[Any]], Iterable[str]]


def freeze_accounts(session: Session, campaign_id: int) -> None:
    """Writes down every account that the items of a campaign are about: one statement."""
    asked = (
        select(Item.account_id)
        .where(Item.campaign_id == campaign_id, Item.account_id.is_not(None))
        .distinct()
        .subquery()
    )
    sharing = _sharing(campaign_id)
    rows = (
        select(
            literal(campaign_id),
            Account.id,
            Account.kind,
            Account.enabled,
            Account.key_count,
            _text(Person.name),
            _text(Organisation.name),
            _flag(Organisation.kind == OrganisationKind.PARTNER),
            sharing.c.account_id.is_not(None),
            emergency_accounts.is_emergency(),
        )
        .join(asked, asked.c.account_id == Account.id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .outerjoin(sharing, sharing.c.account_id == Account.id)
        .order_by(Account.id)
    )
    columns = [column.key for column in CampaignAccount.__table__.columns]
    session.execute(insert(CampaignAccount).from_select(columns, rows, include_defaults=False))


def _sharing(campaign_id: int) -> Subquery:
    """The accounts that could give others access in some folder, in the snapshots that are asked
    about: what the scope "privileged" means, frozen, so that a removal does not change it."""
    return (
        select(Grant.account_id)
        .join(
            Population,
            (Population.server_id == Grant.server_id) & (Population.campaign_id == campaign_id),
        )
        .where(
            Grant.rights.bitwise_and(int(Rights.SHARE)) != 0,
            Grant.first_snapshot_id <= Population.snapshot_id,
            or_(Grant.gone_snapshot_id.is_(None), Grant.gone_snapshot_id > Population.snapshot_id),
        )
        .distinct()
        .subquery()
    )


def _text(column: Any) -> SQLColumnExpression[str]:
    return func.coalesce(column, "")


def _flag(condition: SQLColumnExpression[bool]) -> SQLColumnExpression[bool]:
    """False where nothing is known."""
    return func.coalesce(condition, false())


# The columns of items.csv that are frozen at the launch, in the order of `item_facts`, and those
# of the accounts.
ITEM_FACTS = (
    *("item", "server", "folder", "topic", "account", "rights", "via"),
    *("reviewer", "route", "reviewer_could_grant", "asked_because", "content_hash"),
)
ACCOUNT_FACTS = (
    *("server", "account", "account_kind", "account_enabled", "account_keys"),
    *("account_privileged", "account_emergency", "person", "organisation"),
)


def item_columns() -> list[SQLColumnExpression[Any]]:
    """ITEM_FACTS as texts, for `of_items`."""
    return [
        _number(Item.id),
        Server.name,
        _text(Folder.path),
        Item.topic,
        _text(Account.name),
        _number(Item.rights),
        _text(Source.text),
        _text(REVIEWER_EMAIL),
        Item.route,
        _yes_no(Item.conflict),
        _text(CampaignGrant.reason),
        _number(Item.content_hash),
    ]


def account_columns() -> list[SQLColumnExpression[Any]]:
    """ACCOUNT_FACTS without the names, as texts."""
    return [
        _text(CampaignAccount.kind),
        case((CampaignAccount.enabled, "yes"), (CampaignAccount.enabled.is_(None), ""), else_="no"),
        func.coalesce(_number(CampaignAccount.key_count), ""),
        _yes_no(CampaignAccount.is_privileged),
        _yes_no(CampaignAccount.is_emergency),
        _text(CampaignAccount.person),
        _text(CampaignAccount.organisation),
    ]


def of_items(campaign_id: int, columns: Sequence[SQLColumnExpression[Any]]) -> AnySelect:
    """Columns of the items of a campaign with everything that they name; to be ordered."""
    mine = CampaignAccount.account_id == Item.account_id
    asked = CampaignGrant.grant_id == Item.grant_id
    return (
        select(*columns)
        .select_from(Item)
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(CampaignAccount, mine & (CampaignAccount.campaign_id == campaign_id))
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Grant, Grant.id == Item.grant_id)
        .outerjoin(Source, Source.id == Grant.source_id)
        .outerjoin(REVIEWER, REVIEWER.id == Item.reviewer_id)
        .outerjoin(CampaignGrant, asked & (CampaignGrant.campaign_id == campaign_id))
        .where(Item.campaign_id == campaign_id)
    )


def _number(column: Any) -> SQLColumnExpression[str]:
    return cast(column, String)


def _yes_no(condition: Any) -> SQLColumnExpression[str]:
    return case((condition, "yes"), else_="no")


def item_digests(session: Session, campaign_id: int) -> dict[str, str]:
    """One SHA-256 for each of ITEM_FACTS: over the texts of all items in the order of their
    numbers, each with a NUL behind it. The texts are those of `item_columns`; here they are put
    together from numbers, because joins and casts of a million rows cost several times as much."""
    same = _same_in_all(session, campaign_id)
    ways: dict[str, tuple[Any, _Turned]] = {
        "item": (Item.id, _numbers),
        "server": (Item.server_id, _Names(session, Server.id, Server.name).of),
        "folder": (_text(Folder.path), _texts),
        "topic": (Item.topic, _texts),
        "account": (Item.account_id, _Names(session, Account.id, Account.name).of),
        "rights": (Item.rights, _numbers),
        "via": (Grant.source_id, _Names(session, Source.id, Source.text).of),
        "reviewer": (Item.reviewer_id, _Names(session, Person.id, Person.email).of),
        "route": (Item.route, _texts),
        "reviewer_could_grant": (_yes_no(Item.conflict), _texts),
        "asked_because": (_text(CampaignGrant.reason), _texts),
        "content_hash": (Item.content_hash, _numbers),
    }
    asked = [name for name in ITEM_FACTS if name not in same]
    query = (
        select(*(ways[name][0] for name in asked))
        .select_from(Item)
        .outerjoin(Grant, Grant.id == Item.grant_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
    )
    if "asked_because" in asked:
        mine = CampaignGrant.campaign_id == campaign_id
        query = query.outerjoin(CampaignGrant, (CampaignGrant.grant_id == Item.grant_id) & mine)
    hashes = {name: hashlib.sha256() for name in ITEM_FACTS}
    for part in bulk.select(session, _in_order(session, query, campaign_id), BLOCK):
        for name, column in zip(asked, zip(*part, strict=True), strict=True):
            hashes[name].update(("\0".join(ways[name][1](column)) + "\0").encode())
        for name, text in same.items():
            hashes[name].update(f"{text}\0".encode() * len(part))
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def _same_in_all(session: Session, campaign_id: int) -> dict[str, str]:
    """Those of ITEM_FACTS that all items of a campaign share, so that nobody reads them."""
    found = {}
    servers = select(Server.name).join(Population, Population.server_id == Server.id)
    names = session.scalars(servers.where(Population.campaign_id == campaign_id)).all()
    if len(names) == 1:
        found["server"] = names[0]
    if kind_of(session.get_one(Campaign, campaign_id).about).is_by_folder:
        found["topic"] = ""
    mine = (Item.campaign_id == campaign_id, Item.conflict)
    if session.scalar(select(Item.id).where(*mine).limit(1)) is None:
        found["reviewer_could_grant"] = "no"
    some = select(CampaignGrant.grant_id).where(CampaignGrant.campaign_id == campaign_id)
    if session.scalar(some.limit(1)) is None:
        found["asked_because"] = ""
    return found


def _numbers(column: Sequence[int]) -> Iterable[str]:
    return map(str, column)


def _texts(column: Sequence[str]) -> Iterable[str]:
    return column


class _Names:
    """The texts of numbered rows. They are fetched for the block that needs them first and kept,
    but never more than MOST_NAMES."""

    def __init__(self, session: Session, number: Any, text: Any) -> None:
        self._session, self._number = session, number
        self._query = select(number, text)
        self._known: dict[int | None, str] = {None: ""}

    def of(self, numbers: Sequence[int | None]) -> Iterable[str]:
        """Their texts, one for each; "" where there is no row."""
        missing = set(numbers).difference(self._known)
        if len(self._known) + len(missing) > MOST_NAMES:
            self._known = {None: ""}
            missing = set(numbers) - {None}
        if missing:
            self._known |= dict.fromkeys(missing, "")
            here = self._number.in_(sorted(number for number in missing if number is not None))
            for rows in bulk.select(self._session, self._query.where(here)):
                self._known.update(rows)
        return map(self._known.__getitem__, numbers)


def _in_order(session: Session, query: AnySelect, campaign_id: int) -> AnySelect:
    """The items of a campaign by their numbers. They lie together; SQLite would take an index of
    the campaign instead and sort a million rows."""
    mine = Item.campaign_id == campaign_id
    if session.get_bind().dialect.name == "sqlite":
        ends = select(func.min(Item.id), func.max(Item.id)).where(mine)
        first, last = session.execute(ends).one()
        mine = ((Item.campaign_id + 0) == campaign_id) & Item.id.between(first or 0, last or 0)
    return query.where(mine).order_by(Item.id)


def facts_of_access(
    session: Session, campaign_id: int, item_ids: Iterable[int]
) -> dict[int, list[str]]:
    """Rights, what they come from and the hash of some items, as ITEM_FACTS has them."""
    columns = [Item.id, _number(Item.rights), _text(Source.text), _number(Item.content_hash)]
    query, numbers, found = of_items(campaign_id, columns), sorted(item_ids), {}
    for at in range(0, len(numbers), SOME):
        for number, *facts in session.execute(query.where(Item.id.in_(numbers[at : at + SOME]))):
            found[number] = facts
    return found


OUTCOME = ("item", "state", "answer", "rights_after", "outcome")


def outcome_digests(session: Session, campaign_id: int) -> dict[str, str]:
    """One SHA-256 for each of OUTCOME: how every item ended, for the sign-off."""
    columns = [
        *(_number(Item.id), Item.state, _text(Item.answer)),
        *(_number(func.coalesce(Item.answer_rights, 0)), Item.outcome),
    ]
    query = _in_order(session, select(*columns), campaign_id)
    return digests(OUTCOME, bulk.select(session, query))


def account_digests(session: Session, campaign_id: int) -> dict[str, str]:
    """The same for each of ACCOUNT_FACTS, in the order of server and account."""
    columns = [Server.name, Account.name]
    query = (
        select(*columns, *account_columns())
        .select_from(CampaignAccount)
        .join(Account, Account.id == CampaignAccount.account_id)
        .join(Server, Server.id == Account.server_id)
        .where(CampaignAccount.campaign_id == campaign_id)
        .order_by(Server.name, Account.name)
    )
    return digests(ACCOUNT_FACTS, bulk.select(session, query))


def digests(names: Sequence[str], parts: Iterable[Sequence[bulk.Row]]) -> dict[str, str]:
    """One SHA-256 for each column of rows of texts."""
    hashes = [hashlib.sha256() for _ in names]
    for part in parts:
        for digest, column in zip(hashes, zip(*part, strict=True), strict=True):
            digest.update(("\0".join(column) + "\0").encode())
    return {name: digest.hexdigest() for name, digest in zip(names, hashes, strict=True)}
