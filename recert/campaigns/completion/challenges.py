"""The challenge period: the time before a removal in which whoever loses the access can object.

An objection while the review runs asks the reviewer again, who sees it; after the close an officer
settles it. Without an objection the access is removed when the period is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, insert, literal, or_, select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import progress, states, transitions
from recert.campaigns.completion import approvals
from recert.campaigns.completion.models import Challenge
from recert.campaigns.decisions.mail_tokens import Invitation
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState
from recert.campaigns.policy import Policy
from recert.campaigns.progress import recount_reviewers
from recert.campaigns.transitions import NoSuchItem, hold
from recert.foundation.actor import system
from recert.foundation.db import AnyRow, AnySelect, Database
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Folder, Server, ServiceAccount
from recert.mail import service as mail
from recert.mail.models import Purpose
from recert.people.models import Person
from recert.people.queries import is_active
from recert.trail.act import Act
from recert.trail.actions import Action

ACTOR = system("time to object")
LONGEST = 1000


class TooLateToObject(RefusedByPolicy):
    """It is too late to object, or you have objected already. Ask the compliance officer."""


def open_due(db: Database, *, now: datetime) -> int:
    """Opens the challenge period of each removal that became final; how many. Where nobody is
    known who loses something it is over at once."""
    with db.reading() as session:
        numbers = approvals.with_final_items(session)
        found = [session.get_one(Campaign, number) for number in numbers]
        waiting = [
            one.id
            for one in found
            if Policy.of(one.policy).challenge_days and _is_new(session, one.id)
        ]
    return sum(_open(db, number, now) for number in waiting)


def _is_new(session: Session, campaign_id: int) -> bool:
    known = select(Challenge.item_id)
    some = select(Item.id).where(Item.campaign_id == campaign_id, approvals.FINAL)
    return session.scalar(some.where(Item.id.not_in(known)).limit(1)) is not None


def _open(db: Database, campaign_id: int, now: datetime) -> int:
    with db.transaction() as session:
        campaign = hold(session, campaign_id, alone=True)
        if campaign.state not in states.RUNNING:
            return 0
        days = Policy.of(campaign.policy).challenge_days
        known = select(Challenge.item_id)
        service = and_(
            ServiceAccount.server_id == Account.server_id, ServiceAccount.name == Account.name
        )
        holder = func.coalesce(Account.person_id, ServiceAccount.person_id)
        rows = (
            select(Item.id, Person.id.label("person_id"))
            .join(Account, Account.id == Item.account_id)
            .outerjoin(ServiceAccount, service)
            .outerjoin(
                Person,
                and_(
                    Person.id == holder, Person.active, Person.id.is_distinct_from(Item.reviewer_id)
                ),
            )
            .where(Item.campaign_id == campaign_id, approvals.FINAL, Item.id.not_in(known))
        )
        found = session.execute(rows.order_by(Item.id)).all()
        if not found:
            return 0
        until = now + timedelta(days=days)
        values = [
            {
                "item_id": row.id,
                "person_id": row.person_id,
                "until": until if row.person_id else now,
                "opened_at": now,
                "reason": "",
            }
            for row in found
        ]
        session.execute(insert(Challenge), values)
        announced = [row.id for row in found if row.person_id]
        details = {
            "items": announced,
            "until": until.isoformat(),
            "nobody_to_ask": len(found) - len(announced),
        }
        trail.append(session, Action.REMOVALS_ANNOUNCED, campaign.ref, details, actor=ACTOR, at=now)
        return len(found)


def is_over(campaign: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition that no challenge keeps a final item from being carried out."""
    if not Policy.of(campaign.policy).challenge_days:
        return literal(True)
    not_objected = and_(Challenge.until <= now, Challenge.objected_at.is_(None))
    mine = (Challenge.item_id == Item.id, or_(not_objected, Challenge.settled_at.is_not(None)))
    return select(Challenge.item_id).where(*mine).correlate(Item).exists()


def object_to(act: Act, item_id: int, reason: str) -> Challenge:
    """Records the objection of whoever loses the access, with their reason."""
    text = reason.strip()
    if not 0 < len(text) <= LONGEST:
        raise BadInput(f"Say in 1 to {LONGEST} characters why the access is still needed.")
    if not all(character.isprintable() or character in "\r\n\t\xa0" for character in text):
        raise BadInput("The text contains control characters.")
    campaign_id = act.session.scalar(select(Item.campaign_id).where(Item.id == item_id))
    challenge = act.session.get(Challenge, item_id)
    if campaign_id is None or challenge is None or act.actor.person_id != challenge.person_id:
        raise NoSuchItem
    campaign = hold(act.session, campaign_id, alone=True)
    act.session.refresh(challenge, with_for_update=True)
    item = act.session.get_one(Item, item_id, populate_existing=True)
    if challenge.until <= act.now or challenge.objected_at or item.state is not ItemState.FINAL:
        raise TooLateToObject
    challenge.objected_at, challenge.reason = act.now, text
    asks_again = campaign.state is CampaignState.ACTIVE
    if asks_again:
        challenge.settled_at, challenge.settled_by = act.now, "asked again"
        _ask_again(act.session, item, act.actor.name, text)
    details = {"reason": text, "asked_again": asks_again}
    act.record(Action.ITEM_OBJECTED, item.ref, details)
    return challenge


def _ask_again(session: Session, item: Item, who: str, text: str) -> None:
    """The reviewer sees the objection. Their next answer is carried out without another one."""
    transitions.take_step(
        session,
        item,
        ItemState.OPEN,
        **transitions.UNANSWERED,
        release_id=None,  # it was for another answer
        outcome=f"{who} objects: {text}",
    )
    recount_reviewers(session, item.campaign_id, item.reviewer_id)
    progress.recount_folders(session, item.campaign_id, item.folder_id)


def of_person(session: Session, person_id: int, *, now: datetime) -> Sequence[AnyRow]:
    """What somebody will lose and may still object to, or has objected to and waits."""
    waits = and_(
        Challenge.objected_at.is_(None), Challenge.until > now, Item.state == ItemState.FINAL
    )
    query = _rows().where(
        Challenge.person_id == person_id,
        or_(waits, and_(Challenge.objected_at.is_not(None), Challenge.settled_at.is_(None))),
    )
    return session.execute(query.order_by(Challenge.until, Item.id).limit(200)).all()


def one(session: Session, item_id: int) -> AnyRow | None:
    """What one item takes away, from whom, and until when they can object."""
    return session.execute(_rows().where(Item.id == item_id)).one_or_none()


def is_open(row: AnyRow, now: datetime) -> bool:
    """Whether there is still time to object."""
    waits = row.Challenge.objected_at is None and row.state is ItemState.FINAL
    return bool(waits and row.Challenge.until > now)


def to_settle(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    """Objections that wait for an officer."""
    query = _rows().where(
        Item.campaign_id == campaign_id,
        Challenge.objected_at.is_not(None),
        Challenge.settled_at.is_(None),
    )
    return session.execute(query.order_by(Challenge.objected_at).limit(200)).all()


def _rows() -> AnySelect:
    return (
        select(
            Challenge,
            Item.id.label("item_id"),
            Item.campaign_id,
            Item.state,
            Item.rights,
            Item.answer,
            Item.answer_rights,
            Item.topic,
            Campaign.name.label("campaign"),
            Campaign.about,
            Server.name.label("server"),
            Account.name.label("account"),
            func.coalesce(Folder.path, Item.topic).label("folder"),
            Person.name.label("person"),
        )
        .join(Item, Item.id == Challenge.item_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .join(Server, Server.id == Item.server_id)
        .join(Account, Account.id == Item.account_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Person, Person.id == Challenge.person_id)
    )


def announcement(session: Session, token: str, *, now: datetime) -> Invitation:
    """What a link by which somebody objects stands for. It dies when they have left."""
    row = mail.open_token(session, token, Purpose.OBJECT, now=now)
    item_id, person_id = (int(ref.partition(":")[2]) for ref in (row.subject, row.holder))
    challenge = session.get(Challenge, item_id)
    if challenge is None or challenge.person_id != person_id or not is_active(session, person_id):
        raise mail.LinkOver
    return Invitation(item_id, person_id, row)


@job(Phase.ORDERS, 1, lock="orders")
def open_challenges(context: JobContext) -> int:
    """Opens the challenge period of removals that became final."""
    return open_due(context.db, now=context.now())
