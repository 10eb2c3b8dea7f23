"""Decisions of whom it turns out that the access was the decider's own: an account is joined to a
person only after they answered. What is not final is withdrawn and asked of somebody else; what is
final is a finding."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns import once, progress, transitions
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewer_record import Watch
from recert.campaigns.reviewing import reassignment
from recert.campaigns.reviewing.reviewer_changes import CHANGES
from recert.campaigns.setup import conflicts_of_interest
from recert.campaigns.states import RUNNING
from recert.foundation.actor import system
from recert.foundation.db import AnyRow, Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Folder, Server
from recert.people.models import Person
from recert.trail.actions import Action
from recert.trail.queries import newest_about, newest_of

ACTOR = system("nobody decides about themselves")
NOT_FINAL = (ItemState.OPEN, ItemState.DECIDED, ItemState.BETWEEN_STAGES)
ASKED_AGAIN = "It turned out to be the reviewer's own access, so somebody else is asked."
MARK = "own access"
MOST_ENTRIES = 1000


def _own_decision() -> ColumnElement[bool]:
    """The condition that a counting answer about an account was made by its own person. With
    stages the answers before count as well."""
    counts = or_(Decision.version == Item.version, Item.stage > 1)
    return exists(
        select(Decision.id)
        .join(Account, Account.id == Item.account_id)
        .where(
            Decision.item_id == Item.id,
            Decision.person_id == Account.person_id,
            Decision.answer != Answer.NOT_MINE,
            counts,
        )
        .correlate(Item)
    )


def _of_reviewers(campaign_id: int) -> ColumnElement[bool]:
    """The condition that an item is about an account of somebody who reviews in the campaign: few
    are, and indexes find them."""
    reviewers = select(Progress.reviewer_id).where(Progress.campaign_id == campaign_id)
    return Item.account_id.in_(select(Account.id).where(Account.person_id.in_(reviewers)))


def withdraw_due(db: Database, *, now: datetime) -> int:
    """Withdraws such answers where people or accounts changed since this was last looked at; how
    many."""
    with db.reading() as session:
        newest = str(newest_of(session, CHANGES))
        running = select(Campaign.id).where(Campaign.state.in_(RUNNING))
        numbers = session.scalars(running.order_by(Campaign.id)).all()
        due = [one for one in numbers if not once.is_marked(session, one, MARK, newest)]
    withdrawn = 0
    for number in due:
        with db.transaction() as session:
            campaign = transitions.hold(session, number, alone=True)
            once.mark(session, number, MARK, newest, now)
            if campaign.state is CampaignState.ACTIVE:
                withdrawn += _withdraw(session, campaign, now)
            _note_findings(session, campaign, now)
    return withdrawn


def _note_findings(session: Session, campaign: Campaign, now: datetime) -> None:
    """Records final answers about the decider's own access in the trail, once each: the evidence
    names them on its first page."""
    entries = newest_about(session, Action.DECISIONS_OWN_ACCESS_FOUND, campaign.ref, MOST_ENTRIES)
    noted = {number for body in entries for number in body["details"]["items"]}
    new = [one.id for one in findings(session, campaign.id) if one.id not in noted]
    if new:
        trail.append(
            session,
            Action.DECISIONS_OWN_ACCESS_FOUND,
            campaign.ref,
            {"items": new},
            actor=ACTOR,
            at=now,
        )


def _withdraw(session: Session, campaign: Campaign, now: datetime) -> int:
    answered: ColumnElement[bool] = Item.answer.is_not(None)  # as it stands in a partial index
    if campaign.stages:
        answered = or_(answered, Item.carried_answer.is_not(None))
    here = (Item.campaign_id == campaign.id, Item.state.in_(NOT_FINAL), answered)
    own = (_of_reviewers(campaign.id), _own_decision())
    found = session.scalars(select(Item).where(*here, *own).order_by(Item.id)).all()
    if not found:
        return 0
    watch = Watch(session, campaign.id, [item.id for item in found])
    reviewers = {item.reviewer_id for item in found}
    numbers = [item.id for item in found]
    transitions.move_items(
        session,
        Item.id.in_(numbers),
        sources=NOT_FINAL,
        new=ItemState.OPEN,
        **transitions.UNANSWERED,
        **dict.fromkeys(("from_id", "carried_answer", "carried_rights", "carried_until")),
        stage=1,
        carried_conflict=False,
        outcome=ASKED_AGAIN,
    )
    for number in numbers:  # few: a person decides only so much about themselves
        item = session.get_one(Item, number)
        reassignment.pass_on(session, item, afresh=True)
        reviewers.add(item.reviewer_id)
        progress.recount_folders(session, campaign.id, item.folder_id)
    progress.recount_reviewers(session, campaign.id, *reviewers)
    conflicts_of_interest.mark(session, campaign.id)
    again = {"gone": [], "asked_again": numbers, "because": ASKED_AGAIN, "moved": watch.moved()}
    trail.append(session, Action.ITEMS_REFRESHED, campaign.ref, again, actor=ACTOR, at=now)
    return len(numbers)


def findings(session: Session, campaign_id: int, size: int = 200) -> Sequence[AnyRow]:
    """Final answers about the decider's own access: nothing takes them back by itself."""
    final = Item.state.not_in([*NOT_FINAL, ItemState.GONE, ItemState.SUPERSEDED])
    query = (
        select(
            Item.id,
            Item.answer,
            Person.name.label("person"),
            Account.name.label("account"),
            Server.name.label("server"),
            Folder.path.label("folder"),
        )
        .join(Account, Account.id == Item.account_id)
        .join(Person, Person.id == Account.person_id)
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .where(Item.campaign_id == campaign_id, Item.answer.is_not(None), final)
        .where(_of_reviewers(campaign_id), _own_decision())
    )
    return session.execute(query.order_by(Item.id).limit(size)).all()


@job(Phase.REVIEWERS, 2, lock="reviewers")
def withdraw_own_access(context: JobContext) -> int:
    """Withdraws decisions that turned out to be about the reviewer's own access."""
    return withdraw_due(context.db, now=context.now())
