"""Questions about campaigns and items. Pages walk along `sort_key`; nothing is counted per page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import bindparam, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing.item_filter import ItemFilter, conditions
from recert.campaigns.setup.models import Population
from recert.foundation.db import AnyRow, AnySelect
from recert.foundation.statements import run
from recert.inventory import emergency_accounts
from recert.inventory.models import Account, Folder, Grant, Server, Snapshot, Source
from recert.people.models import Organisation, Person

PAGE = 50
REVIEWERS = 100


@dataclass(frozen=True)
class Page:
    """Some rows, and where the next ones start (None at the end)."""

    rows: Sequence[AnyRow]
    after: int | None


@cache
def item_rows() -> AnySelect:
    """Made once: putting it together costs as much as a small query."""
    reviewer = aliased(Person)
    return (
        select(
            Item.id,
            Item.campaign_id,
            Item.server_id,
            Item.account_id,
            Item.folder_id,
            Item.reviewer_id,
            Item.route,
            Item.rights,
            Item.content_hash,
            Item.sort_key,
            Item.state,
            Item.answer,
            Item.answer_rights,
            Item.version,
            Item.decided_at,
            Item.keep_until,
            Item.conflict,
            Item.outcome,
            Item.stage,
            Item.group_id,
            Item.folder_owner_id,
            Item.topic,
            Server.name.label("server"),
            func.coalesce(Account.name, "").label("account"),
            Account.display_name,
            Account.kind.label("account_kind"),
            Account.enabled,
            Account.note.label("account_note"),
            Account.expires_at,
            Account.last_login_at,
            Account.person_id.label("holder_id"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
            func.coalesce(Source.text, "").label("via"),
            Grant.widened,
            Grant.first_snapshot_id,
            Account.key_count,
            emergency_accounts.reason_column().label("emergency"),
            Person.name.label("person"),
            Person.department,
            Person.active.label("person_active"),
            Person.left_on,
            Organisation.name.label("organisation"),
            reviewer.name.label("reviewer"),
            reviewer.email.label("reviewer_email"),
        )
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Grant, Grant.id == Item.grant_id)
        .outerjoin(Source, Source.id == Grant.source_id)
        .outerjoin(Person, Person.id == Account.person_id)
        .outerjoin(Organisation, Organisation.id == Person.organisation_id)
        .outerjoin(reviewer, reviewer.id == Item.reviewer_id)
    )


def _page(session: Session, query: AnySelect, after: int, size: int) -> Page:
    rows = session.execute(
        query.where(Item.sort_key > after).order_by(Item.sort_key).limit(size + 1)
    ).all()
    return Page(rows[:size], rows[size - 1].sort_key if len(rows) > size else None)


def reviews_of(session: Session, reviewer_id: int) -> Sequence[AnyRow]:
    """The inbox: each running campaign in which this person is asked, or has finished, soonest
    first."""
    query = (
        select(Campaign, Progress)
        .join(Progress, Progress.campaign_id == Campaign.id)
        .where(
            Progress.reviewer_id == reviewer_id,
            or_(Progress.total > 0, Progress.finished_at.is_not(None)),
            Campaign.state.in_(
                [CampaignState.ACTIVE, CampaignState.CLOSING, CampaignState.SIGNED_OFF]
            ),
        )
        .order_by(Campaign.state, Campaign.due_at, Campaign.id)
    )
    return session.execute(query).all()


def progress_of(session: Session, campaign_id: int, reviewer_id: int) -> Progress | None:
    """The counters of one reviewer."""
    here = (Progress.campaign_id == campaign_id, Progress.reviewer_id == reviewer_id)
    return session.scalar(select(Progress).where(*here))


def folders_to_review(session: Session, campaign_id: int, reviewer_id: int) -> Sequence[AnyRow]:
    """The folders of one reviewer with how many items are open, in the order of the pages."""
    query = (
        select(
            Item.folder_id,
            Folder.path.label("folder"),
            Server.name.label("server"),
            func.count().label("total"),
            func.count(case((Item.state == ItemState.OPEN, 1))).label("open"),
        )
        .join(Folder, Folder.id == Item.folder_id)
        .join(Server, Server.id == Item.server_id)
        .where(Item.campaign_id == campaign_id, Item.reviewer_id == reviewer_id)
        .group_by(Item.folder_id, Folder.path, Server.name)
        .order_by(Server.name, Folder.path)
    )
    return session.execute(query).all()


def items_to_review(
    session: Session,
    campaign_id: int,
    reviewer_id: int,
    folder_id: int | None,
    *,
    after: int = 0,
    size: int = PAGE,
) -> Page:
    """One page of one folder of one reviewer; without a folder of all that they are asked."""
    here = (
        Item.campaign_id == campaign_id,
        Item.reviewer_id == reviewer_id,
        *((Item.folder_id == folder_id,) if folder_id is not None else ()),
    )
    return _page(session, item_rows().where(*here), after, size)


def first_open_items(
    session: Session, campaign_id: int, reviewer_id: int, size: int
) -> Sequence[AnyRow]:
    """The first open items of a reviewer, for their mail."""
    here = (
        Item.campaign_id == campaign_id,
        Item.reviewer_id == reviewer_id,
        Item.state == ItemState.OPEN,
    )
    return session.execute(item_rows().where(*here).order_by(Item.sort_key).limit(size)).all()


def item_row(session: Session, item_id: int) -> AnyRow | None:
    """One item with its names."""
    return run(session, _one_item(), {"item": item_id}).one_or_none()


@cache
def _one_item() -> AnySelect:
    return item_rows().where(Item.id == bindparam("item"))


def since_of(session: Session, item_ids: Sequence[int]) -> dict[int, datetime]:
    """Since when, at the latest, the access of some items is there."""
    query = (
        select(Item.id, Snapshot.finished_at)
        .join(Grant, Grant.id == Item.grant_id)
        .join(Snapshot, Snapshot.id == Grant.first_snapshot_id)
        .where(Item.id.in_(item_ids), Snapshot.finished_at.is_not(None))
    )
    return {row[0]: row[1] for row in session.execute(query) if row[1]}


def items_of(
    session: Session, campaign_id: int, wanted: ItemFilter, *, after: int = 0, size: int = PAGE
) -> Page:
    """One page of all items of a campaign. Which ones is asked of the items alone, and their names
    only then: with the names at once, a planner may walk through all items of a server."""
    fits = conditions(session, campaign_id, wanted, after=after)
    here = select(Item.id).where(Item.campaign_id == campaign_id, Item.sort_key > after, *fits)
    ids = session.scalars(here.order_by(Item.sort_key).limit(size + 1)).all()
    return _page(session, item_rows().where(Item.id.in_(ids)), after, size)


def totals_of(session: Session, campaign_id: int) -> AnyRow:
    """The sums of a campaign's counters."""
    columns = (
        func.coalesce(func.sum(getattr(Progress, name)), 0).label(name)
        for name in ("total", "open", "keep", "reduce", "revoke")
    )
    return session.execute(select(*columns).where(Progress.campaign_id == campaign_id)).one()


def progress_board(
    session: Session, campaign_id: int, *, start: int = 0, size: int = REVIEWERS
) -> tuple[Sequence[AnyRow], bool]:
    """Some reviewers with their counters, most open items first; and whether there are more."""
    query = (
        select(Progress, Person.name, Person.email)
        .outerjoin(Person, Person.id == Progress.reviewer_id)
        .where(Progress.campaign_id == campaign_id, Progress.total > 0)
        .order_by(Progress.open.desc(), Person.name, Progress.id)
        .offset(start)
        .limit(size + 1)
    )
    rows = session.execute(query).all()
    return rows[:size], len(rows) > size


def changes_by_state(session: Session, campaign_id: int) -> dict[ItemState, int]:
    """How far the wanted changes are."""
    states = (
        ItemState.FINAL,
        ItemState.ORDERED,
        ItemState.VERIFIED,
        ItemState.STILL_REACHABLE,
        ItemState.NEEDS_ATTENTION,
        ItemState.GONE,
        ItemState.SUPERSEDED,
    )
    query = (
        select(Item.state, func.count())
        .where(Item.campaign_id == campaign_id, Item.state.in_(states))
        .group_by(Item.state)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def open_in_folder(
    session: Session, campaign_id: int, reviewer_id: int, folder_id: int | None
) -> int:
    """How many items of one folder, or of the whole campaign, are open for one reviewer."""
    here = (
        Item.campaign_id == campaign_id,
        Item.reviewer_id == reviewer_id,
        *((Item.folder_id == folder_id,) if folder_id is not None else ()),
        Item.state == ItemState.OPEN,
    )
    return session.scalar(select(func.count()).where(*here)) or 0


def population_of(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    """How the accounts of each server add up."""
    query = (
        select(Population, Server.name.label("server"), Snapshot.finished_at, Snapshot.source)
        .join(Server, Server.id == Population.server_id)
        .join(Snapshot, Snapshot.id == Population.snapshot_id)
        .where(Population.campaign_id == campaign_id)
    )
    return session.execute(query.order_by(Server.name)).all()


def sign_off_totals(session: Session, campaign_id: int) -> dict[str, int]:
    """The totals that a sign-off confirms. Exceptions are accesses that still exist although no
    person wanted to keep them: nobody answered, or the change was taken back."""
    query = select(Item.state, Item.answer, func.count()).where(Item.campaign_id == campaign_id)
    counts = session.execute(query.group_by(Item.state, Item.answer)).all()

    def amount(*answers: Answer, state: ItemState | None = None) -> int:
        fits = (row for row in counts if not answers or row[1] in answers)
        return sum(row[2] for row in fits if state is None or row[0] is state)

    no_answer = amount(Answer.NO_ANSWER)
    taken_back = amount(Answer.REDUCE, Answer.REVOKE, state=ItemState.CLOSED)
    return {
        "items": amount(),
        "keep": amount(Answer.KEEP),
        "reduce": amount(Answer.REDUCE),
        "revoke": amount(Answer.REVOKE),
        "no_answer": no_answer,
        "gone": amount(state=ItemState.GONE),
        "exceptions": no_answer + taken_back,
        "changes_verified": amount(state=ItemState.VERIFIED),
    }
