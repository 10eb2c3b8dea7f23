"""News of a campaign: questions and answers about items, results, what ends soon, summaries.
Each is pulled from what happened, once, by the slot of its campaign."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import String, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from recert.campaigns import once, transitions
from recert.campaigns.mailing import Addressee, Envelope, Letterhead, send
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState, Occurrence
from recert.campaigns.notifications import undeliverable
from recert.campaigns.reviewing import queries
from recert.campaigns.reviewing.models import ItemMessage
from recert.campaigns.setup import routing
from recert.changes.models import Order, OrderState, OrderStep
from recert.foundation.actor import Role
from recert.foundation.db import Database
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.inventory.models import Account, Folder, Server
from recert.mail.models import MailToken
from recert.people.models import Person
from recert.people.queries import holders_of, person_by_email
from recert.trail.actions import Action
from recert.trail.queries import newest_of

RUNNING = (CampaignState.ACTIVE, CampaignState.CLOSING)
ENDS_SOON = timedelta(days=14)
ROWS = 50
WAITS = (ItemState.DECIDED, ItemState.FINAL, ItemState.ORDERED)
REMOVES = (Answer.REDUCE, Answer.REVOKE)
# What is written to the trail when results may have changed.
CHANGES = (Action.ORDER_CHECKED, Action.DECISION_RECORDED, Action.DECISIONS_RECORDED)

# What is due: its slot ("" when it needs none), and what writes it in a transaction of its own.
News = tuple[str, Callable[[Session, Campaign], int]]


def send_due(db: Database, head: Letterhead, *, now: datetime) -> int:
    """Writes all news that nobody wrote yet; how many mails."""
    with db.reading() as session:
        query = select(Campaign.id).where(Campaign.state.in_(RUNNING)).order_by(Campaign.id)
        numbers = session.scalars(query).all()
    return sum(_tell(db, number, head, now) for number in numbers)


def _tell(db: Database, campaign_id: int, head: Letterhead, now: datetime) -> int:
    with db.reading() as session:
        campaign = session.get_one(Campaign, campaign_id)
        found = [
            news
            for due in (_conversations, _results, _endings, _summaries)
            for news in due(session, campaign, head, now)
        ]
        taken = _taken(session, campaign_id, [slot for slot, _ in found if slot])
    written = 0
    for slot, write in found:
        if slot in taken:
            continue
        with db.transaction() as session:
            campaign = transitions.hold(session, campaign_id)
            if not slot or once.take_slot(session, campaign_id, slot, now):
                written += write(session, campaign)
    return written


def _taken(session: Session, campaign_id: int, slots: list[str]) -> set[str]:
    here = (Occurrence.campaign_id == campaign_id, Occurrence.slot.in_(slots))
    return set(session.scalars(select(Occurrence.slot).where(*here))) if slots else set()


class _Looked:
    """Notes up to where something was looked at, and writes no mail."""

    def __init__(self, kind: str, value: str, now: datetime) -> None:
        self._kind, self._value, self._now = kind, value, now

    def __call__(self, session: Session, campaign: Campaign) -> int:
        once.mark(session, campaign.id, self._kind, self._value, self._now)
        return 0


def _conversations(
    session: Session, campaign: Campaign, head: Letterhead, now: datetime
) -> Iterator[News]:
    """Questions go to the officers, answers to whoever is asked."""
    mailed = select(Occurrence.id).where(
        Occurrence.campaign_id == campaign.id,
        Occurrence.slot == literal("message ").concat(cast(ItemMessage.id, String)),
    )
    query = (
        select(ItemMessage.id)
        .join(Item, Item.id == ItemMessage.item_id)
        .where(Item.campaign_id == campaign.id, ~mailed.exists())
        .order_by(ItemMessage.id)
    )
    for number in session.scalars(query).all():
        yield f"message {number}", _Conversation(number, head, now)


class _Conversation:
    """The mails about one message of a conversation."""

    def __init__(self, number: int, head: Letterhead, now: datetime) -> None:
        self._number, self._head, self._now = number, head, now

    def __call__(self, session: Session, campaign: Campaign) -> int:
        message = session.get_one(ItemMessage, self._number)
        row = queries.item_row(session, message.item_id)
        if row is None or campaign.state is not CampaignState.ACTIVE:
            return 0
        author = person_by_email(session, message.author)
        context = {
            "campaign": campaign,
            "author": author.name if author else message.author,
            "account": row.person or row.account,
            "folder": row.folder,
            "server": row.server,
            "text": message.text,
        }
        base = self._head.base_url
        if message.is_question:
            link = f"{base}/campaigns/{campaign.id}/questions"
            to = [Addressee.user(one, self._head) for one in holders_of(session, Role.OFFICER)]
        else:
            place = f"folders/{row.folder_id}" if row.folder_id else "questions"
            link = f"{base}/reviews/{campaign.id}/{place}#item-{row.id}"
            reviewer = session.get(Person, row.reviewer_id) if row.reviewer_id else None
            to = [Addressee.person(reviewer, self._head)] if reviewer and reviewer.active else []
        kind = "question" if message.is_question else "answer"
        envelope = Envelope(campaign.ref)
        for one in to:
            more = {**context, "link": link}
            send(session, kind, one, more, envelope, self._head, now=self._now)
        return len(to)


def _results(
    session: Session, campaign: Campaign, head: Letterhead, now: datetime
) -> Iterator[News]:
    """Mails to reviewers who removed or reduced access, when all of it is done and verified."""
    looked = str(newest_of(session, CHANGES))
    if once.is_marked(session, campaign.id, "results", looked):
        return
    yield "", _Looked("results", looked, now)
    query = (
        select(Item.reviewer_id, Item.state, func.count())
        .where(
            Item.campaign_id == campaign.id,
            Item.answer.in_(REMOVES),
            Item.reviewer_id.is_not(None),
        )
        .group_by(Item.reviewer_id, Item.state)
    )
    counts: dict[int, Counter[ItemState]] = {}
    for person_id, state, count in session.execute(query):
        if person_id is not None:
            counts.setdefault(person_id, Counter())[state] += count
    for person_id, states in counts.items():
        done = states[ItemState.VERIFIED]
        if done and not any(states[state] for state in WAITS):
            yield f"result: {person_id}: {done}", _Result(person_id, head, now)


class _Result:
    """What became of the removals of one reviewer."""

    def __init__(self, person_id: int, head: Letterhead, now: datetime) -> None:
        self._person_id, self._head, self._now = person_id, head, now

    def __call__(self, session: Session, campaign: Campaign) -> int:
        person = session.get_one(Person, self._person_id)
        query = (
            select(Item.id, Item.answer)
            .where(
                Item.campaign_id == campaign.id,
                Item.reviewer_id == person.id,
                Item.answer.in_(REMOVES),
                Item.state == ItemState.VERIFIED,
            )
            .order_by(Item.sort_key)
        )
        done = {row[0]: row[1] for row in session.execute(query)}
        at = _last_check(session, list(done))
        if not person.active or at is None:
            return 0
        answers = Counter(done.values())
        rows = [_row(session, number) for number in list(done)[:ROWS]]
        context = {
            "campaign": campaign,
            "revoked": answers[Answer.REVOKE],
            "reduced": answers[Answer.REDUCE],
            "at": at,
            "rows": rows,
            "link": f"{self._head.base_url}/reviews/{campaign.id}",
        }
        to, envelope = Addressee.person(person, self._head), Envelope(campaign.ref)
        return int(
            send(session, "result", to, context, envelope, self._head, now=self._now) is not None
        )


def _row(session: Session, item_id: int) -> dict[str, object]:
    row = queries.item_row(session, item_id)
    if row is None:
        raise transitions.NoSuchItem
    what = f"{row.person or row.account}, {row.folder}, {row.server}"
    return {"what": what, "answer": row.answer.value if row.answer else "", "at": None}


def _last_check(session: Session, item_ids: list[int]) -> datetime | None:
    """When the last of these changes was verified."""
    newest = (
        select(func.max(OrderStep.at))
        .join(Order, Order.id == OrderStep.order_id)
        .where(
            Order.origin.in_([f"item:{number}" for number in item_ids]),
            OrderStep.state == OrderState.VERIFIED,
        )
    )
    return session.scalar(newest)


def _endings(
    session: Session, campaign: Campaign, head: Letterhead, now: datetime
) -> Iterator[News]:
    """Mails about access that ends soon: to whoever kept it until a day, and to whoever would be
    asked about an account that ends. Where they have left, their manager gets it; nobody gets
    one about their own account. Once a day."""
    looked = f"{now.astimezone(head.zone):%Y-%m-%d}"
    if once.is_marked(session, campaign.id, "endings", looked):
        return
    yield "", _Looked("endings", looked, now)
    soon = (now, now + ENDS_SOON)
    owned = (
        select(Item.id, Account.expires_at)
        .join(Account, Account.id == Item.account_id)
        .join(Folder, Folder.id == Item.folder_id)
        .join(Server, Server.id == Item.server_id)
        .where(Item.campaign_id == campaign.id, Account.expires_at.between(*soon))
    )
    routed = routing.routed(owned).subquery()
    ending = select(routed.c.reviewer_id, routed.c.id, routed.c.expires_at)
    reviewer, manager = aliased(Person), aliased(Person)
    heir = case((reviewer.active, reviewer.id), (manager.active, manager.id))
    kept = (
        select(heir, Item.id, Item.keep_until)
        .join(reviewer, reviewer.id == Item.reviewer_id)
        .outerjoin(manager, manager.id == reviewer.manager_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .where(
            Item.campaign_id == campaign.id,
            Item.answer == Answer.KEEP,
            Item.keep_until.between(*soon),
            or_(Account.person_id.is_(None), Account.person_id != heir),
        )
    )
    ends: dict[int, dict[int, datetime]] = {}
    for query in (ending, kept):
        for person_id, item_id, at in session.execute(query):
            if person_id is not None and at is not None:
                ends.setdefault(person_id, {})[item_id] = at
    for person_id, found in ends.items():
        new = {
            number: at
            for number, at in found.items()
            if not once.is_taken(session, campaign.id, _ending(person_id, number, at))
        }
        if new:
            yield f"endings {now:%Y-%m-%d}: {person_id}", _Ending(person_id, new, head, now)


def _ending(person_id: int, item_id: int, at: datetime) -> str:
    return f"ends {at:%Y-%m-%d}: {item_id}: {person_id}"


class _Ending:
    """The mail to one person about access that ends soon."""

    def __init__(
        self, person_id: int, ends: dict[int, datetime], head: Letterhead, now: datetime
    ) -> None:
        self._person_id, self._ends, self._head, self._now = person_id, ends, head, now

    def __call__(self, session: Session, campaign: Campaign) -> int:
        person = session.get_one(Person, self._person_id)
        for number, at in self._ends.items():
            once.take_slot(session, campaign.id, _ending(person.id, number, at), self._now)
        if not person.active:
            return 0
        named = sorted(self._ends.items(), key=lambda pair: pair[1])[:ROWS]
        # The day on which it ends is one of the review's calendar, wherever its reader lives.
        zone = ZoneInfo(campaign.zone) if campaign.zone else self._head.zone
        rows = [
            {**_row(session, number), "answer": "", "at": at.astimezone(zone).date()}
            for number, at in named
        ]
        context = {"rows": rows, "link": f"{self._head.base_url}/reviews/{campaign.id}"}
        to, envelope = Addressee.person(person, self._head), Envelope(campaign.ref)
        return int(
            send(session, "expiry", to, context, envelope, self._head, now=self._now) is not None
        )


def _summaries(
    session: Session, campaign: Campaign, head: Letterhead, now: datetime
) -> Iterator[News]:
    """Summaries for officers: once a week, at the due date, and after the close."""
    launched = campaign.launched_at or now
    if campaign.state is CampaignState.CLOSING:
        yield "summary: closed", _Summary(head, now)
    elif now >= campaign.due_at:
        yield "summary: due", _Summary(head, now)
    elif weeks := (now - launched).days // 7:
        yield f"summary: week {weeks}", _Summary(head, now)


class _Summary:
    """The summary of a campaign for its officers."""

    def __init__(self, head: Letterhead, now: datetime) -> None:
        self._head, self._now = head, now

    def __call__(self, session: Session, campaign: Campaign) -> int:
        totals = queries.totals_of(session, campaign.id)
        states = queries.changes_by_state(session, campaign.id)
        trouble = (ItemState.STILL_REACHABLE, ItemState.NEEDS_ATTENTION)
        context = {
            "campaign": campaign,
            "state": campaign.state.value,
            "answered": totals.total - totals.open,
            "total": totals.total,
            "keep": totals.keep,
            "reduce": totals.reduce,
            "revoke": totals.revoke,
            "verified": states.get(ItemState.VERIFIED, 0),
            "trouble": sum(states.get(state, 0) for state in trouble),
            "held": held_links(session, campaign.id),
            "unreachable": len(undeliverable.of_campaign(session, campaign.id)),
            "link": f"{self._head.base_url}/campaigns/{campaign.id}",
        }
        envelope, sent = Envelope(campaign.ref), 0
        for user in holders_of(session, Role.OFFICER):
            to = Addressee.user(user, self._head)
            queued = send(session, "summary", to, context, envelope, self._head, now=self._now)
            sent += queued is not None
        return sent


def held_links(session: Session, campaign_id: int) -> int:
    """How many links of a campaign are held because no person used them."""
    held = select(MailToken.subject).where(MailToken.held_at.is_not(None))
    subjects = (one.split("/")[0].partition(":") for one in session.scalars(held))
    numbers = {(kind, int(number)) for kind, _, number in subjects}
    asked = [number for kind, number in numbers if kind == "item"]
    here = (Item.campaign_id == campaign_id, Item.id.in_(asked))
    found = session.scalar(select(func.count()).where(*here)) or 0
    return found + (("campaign", campaign_id) in numbers)


@job(Phase.MAILS, 3, lock="campaign mails")
def write_update_mails(context: JobContext) -> int:
    """Writes news of campaigns into the outbox."""
    return send_due(context.db, Letterhead.of(context.settings), now=context.now())
