"""Mails of a campaign: invitations and reminders, pulled by the worker's ticks.

A slot with a unique key makes each of them happen once, whatever the number of workers.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from recert.campaigns import once, progress, states, transitions
from recert.campaigns.mailing import Addressee, Envelope, Letterhead, send
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState, Route
from recert.campaigns.policy import MailAnswers, Policy
from recert.campaigns.progress_models import Progress
from recert.campaigns.reviewing import queries
from recert.connectors import rights
from recert.foundation.actor import Actor, Role
from recert.foundation.db import AnyRow, Database
from recert.foundation.errors import BadInput
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.mail import service as mail
from recert.mail.models import OutboxMessage, Purpose
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action
from recert.trail.queries import newest_about

MOVED = ("escalation", "reassignment")
PASSED_ON = frozenset({Route.REASSIGNED, Route.DELEGATED})
LOOK_BACK = 20  # entries of the trail
ITEMS_IN_A_MAIL = 50
AT_ONCE = 10  # mails in one transaction: who wants to write meanwhile does not wait long
SECONDS_PER_ITEM = 20


def send_due(db: Database, head: Letterhead, *, now: datetime) -> int:
    """Puts every mail that is due into the outbox; how many. A few are one transaction."""
    sent = 0
    with db.reading() as session:
        active = session.scalars(
            select(Campaign.id).where(Campaign.state == CampaignState.ACTIVE)
        ).all()
    for campaign_id in active:
        with db.reading() as session:
            due = _due(session, session.get_one(Campaign, campaign_id), now=now)
        for at in range(0, len(due), AT_ONCE):
            with db.transaction() as session:
                # Alone: an answer changes counters before it enters the trail, and several mails
                # do both by turns, which would be a deadlock.
                campaign = transitions.hold(session, campaign_id, alone=True)
                sent += sum(
                    _send_one(session, campaign, one, head, now) for one in due[at : at + AT_ONCE]
                )
    return sent


def _send_one(
    session: Session, campaign: Campaign, due: tuple[str, str, int], head: Letterhead, now: datetime
) -> bool:
    kind, slot, person_id = due
    if not still_wanted(session, campaign, person_id):
        return False
    if not once.take_slot(session, campaign.id, f"{slot}: {person_id}", now):
        return False
    _skip_past_reminders(session, campaign, person_id, now)
    return write(session, campaign, person_id, kind, head, now=now) is not None


def still_wanted(session: Session, campaign: Campaign, person_id: int) -> bool:
    """Nobody is asked about what is answered or closed, and nobody who has left."""
    progress = queries.progress_of(session, campaign.id, person_id)
    running = campaign.state is CampaignState.ACTIVE
    return bool(
        running and progress and progress.open and session.get_one(Person, person_id).active
    )


def _skip_past_reminders(
    session: Session, campaign: Campaign, person_id: int, now: datetime
) -> None:
    """Who gets a mail now does not also get the reminders of the days before."""
    launched = campaign.launched_at or now
    for slot in _reminders(campaign, launched, now):
        once.take_slot(session, campaign.id, f"{slot}: {person_id}", now)


def _reminders(campaign: Campaign, launched: datetime, now: datetime) -> Iterable[str]:
    times = campaign.extensions
    return states.reminder_slots(launched, campaign.due_at, now=now, extensions=times)


def _due(session: Session, campaign: Campaign, *, now: datetime) -> list[tuple[str, str, int]]:
    """(kind, slot, person) of each mail whose time has come and that was not written yet."""
    if campaign.launched_at is None:
        return []
    reminders = list(_reminders(campaign, campaign.launched_at, now))
    newest = reminders[-1] if reminders else ""
    moved = f"moved {now:%Y-%m-%dT%H}"  # many that move one by one are one mail
    asked = [f"{slot}: " for slot in ("invitation", moved, newest) if slot]
    taken = once.taken_slots(session, campaign.id, *asked)
    due = []
    for person, counts in progress.reviewers_of(session, campaign.id):
        if f"invitation: {person.id}" not in taken:
            kind = _first_kind(session, campaign.id, person.id)
            due.append((kind, "invitation", person.id))
        elif counts.total > counts.notified and f"{moved}: {person.id}" not in taken:
            kind = (
                "escalation" if Route.ESCALATED in _routes(session, campaign.id, person.id) else ""
            )
            due.append((kind or "reassignment", moved, person.id))
        elif newest and f"{newest}: {person.id}" not in taken:
            kind = "last_call" if newest.startswith(states.LAST_REMINDER) else "reminder"
            due.append((kind, newest, person.id))
    return due


def _first_kind(session: Session, campaign_id: int, person_id: int) -> str:
    """The first mail of a campaign to somebody: usually they answer for the folders themselves."""
    routes = _routes(session, campaign_id, person_id)
    if Route.ESCALATED in routes:
        return "escalation"
    return "reassignment" if routes and routes <= PASSED_ON else "invitation"


def _routes(session: Session, campaign_id: int, person_id: int) -> set[Route]:
    here = (Item.campaign_id == campaign_id, Item.reviewer_id == person_id)
    still = select(Item.route).where(*here, Item.state == ItemState.OPEN).distinct()
    return set(session.scalars(still))


def remind_now(act: Act, campaign: Campaign, head: Letterhead) -> int:
    """An officer reminds everybody who has open items, at most once a day; how many. Who was
    reminded alone today is left out."""
    campaign = transitions.hold(act.session, campaign.id, alone=True)
    slot = _by_hand(campaign, head, act.actor, act.now)
    if not once.take_slot(act.session, campaign.id, slot, act.now):
        raise BadInput("Everybody was reminded today already. Try again tomorrow.")
    people = [
        person.id
        for person, _ in progress.reviewers_of(act.session, campaign.id)
        if once.take_slot(act.session, campaign.id, f"{slot}: {person.id}", act.now)
    ]
    written = [write(act.session, campaign, one, "reminder", head, now=act.now) for one in people]
    sent = sum(one is not None for one in written)
    details = {"mails": sent}
    act.record(Action.CAMPAIGN_REMINDED, campaign.ref, details)
    return sent


def remind_one(act: Act, campaign: Campaign, person: Person, head: Letterhead) -> None:
    """An officer reminds one reviewer, at most once a day."""
    slot = f"{_by_hand(campaign, head, act.actor, act.now)}: {person.id}"
    if not still_wanted(act.session, campaign, person.id):
        raise BadInput(f"{person.name} has no open questions in this review.")
    if not once.take_slot(act.session, campaign.id, slot, act.now):
        raise BadInput(f"{person.name} was reminded today already. Try again tomorrow.")
    write(act.session, campaign, person.id, "reminder", head, now=act.now)
    details = {"mails": 1, "to": person.email}
    act.record(Action.CAMPAIGN_REMINDED, campaign.ref, details)


def _by_hand(campaign: Campaign, head: Letterhead, actor: Actor, now: datetime) -> str:
    actor.require(Role.OFFICER)
    if campaign.state is not CampaignState.ACTIVE:
        raise BadInput("Only a running campaign can remind its reviewers.")
    return f"reminded by hand {now.astimezone(head.zone).date().isoformat()}"


def tell_everybody(
    session: Session, campaign: Campaign, kind: str, head: Letterhead, *, now: datetime
) -> int:
    """One mail to everybody who has open items; how many."""
    people = [person.id for person, _ in progress.reviewers_of(session, campaign.id)]
    written = [write(session, campaign, one, kind, head, now=now) for one in people]
    return sum(one is not None for one in written)


def write(
    session: Session,
    campaign: Campaign,
    person_id: int,
    kind: str,
    head: Letterhead,
    *,
    now: datetime,
) -> OutboxMessage | None:
    """Writes one mail from what is true now; nobody is reminded of what is already answered."""
    progress = queries.progress_of(session, campaign.id, person_id)
    person = session.get_one(Person, person_id)
    if progress is None or not still_wanted(session, campaign, person_id):
        return None
    to = Addressee.person(person, head, campaign.zone)
    rows = queries.first_open_items(session, campaign.id, person.id, ITEMS_IN_A_MAIL)
    until = max(campaign.due_at, now) + states.LINK_GRACE
    links = _Links(session, campaign, to.holder, rows, head, until, now)
    context = {
        "person": person,
        "campaign": campaign,
        "progress": progress,
        "minutes": minutes_for(progress),
        "new": max(progress.total - progress.notified, 1),
        "before": _who_had_them(session, campaign, person.id) if kind in MOVED else [],
        "items": links.items(),
        "folders": links.folders(),
        "by_link": links.wanted,
        "by_reply": links.wanted and bool(head.reply_to),
        "review_link": f"{head.base_url}/reviews/{campaign.id}",
    }
    topic = campaign.ref
    first = None if kind == "invitation" else _first_mail(session, topic, person.email)
    envelope = Envelope(topic, first, links.tokens, until)
    session.execute(
        update(Progress).where(Progress.id == progress.id).values(notified=progress.total)
    )
    return send(session, kind, to, context, envelope, head, now=now)


class _Links:
    """The questions of one mail with a link each, and one for each folder with several of them.
    Where the campaign wants a sign-in there are none."""

    def __init__(
        self,
        session: Session,
        campaign: Campaign,
        holder: str,
        rows: Sequence[AnyRow],
        head: Letterhead,
        until: datetime,
        now: datetime,
    ) -> None:
        self.wanted = Policy.of(campaign.policy).mail_answers is not MailAnswers.OFF
        self.rows, self._base = rows, f"{head.base_url}/d/"
        self._since = queries.since_of(session, [row.id for row in rows])
        states = {f"item:{row.id}": str(row.content_hash) for row in rows}
        counted = Counter(row.folder_id for row in rows if row.folder_id is not None)
        self._several = {one: count for one, count in counted.items() if count > 1}
        about = [f"{campaign.ref}/folder:{folder_id}" for folder_id in self._several]
        self._tokens: dict[str, str] = {}
        if self.wanted:
            issue = partial(mail.issue_tokens, session, expires_at=until, now=now)
            self._tokens |= issue(Purpose.DECIDE_ITEM, list(states), holder, states=states)
            self._tokens |= issue(Purpose.DECIDE_FOLDER, about, holder)
        self._campaign = campaign

    @property
    def tokens(self) -> list[str]:
        """All of them, to be noted with their mail."""
        return list(self._tokens.values())

    def _link(self, subject: str) -> str:
        return self._base + self._tokens[subject] if self.wanted else ""

    def items(self) -> list[dict[str, object]]:
        """The facts of each question, in the order of their numbers."""
        return [
            facts_of(row, self._link(f"item:{row.id}"), self._since.get(row.id))
            for row in self.rows
        ]

    def folders(self) -> list[dict[str, object]]:
        """The folders with several questions."""
        names = {row.folder_id: (row.folder, row.server) for row in self.rows}
        return [
            {
                "folder": names[one][0],
                "server": names[one][1],
                "count": count,
                "link": self._link(f"{self._campaign.ref}/folder:{one}"),
            }
            for one, count in self._several.items()
            if self.wanted
        ]


def _who_had_them(session: Session, campaign: Campaign, person_id: int) -> list[str]:
    """The names of the previous reviewers of somebody's items, from the trail."""
    entries = newest_about(session, Action.ITEMS_REROUTED, campaign.ref, LOOK_BACK)
    moves = (move for one in entries for move in one["details"]["from_to_count"])
    ids = {move[0] for move in moves if move[1] == person_id and move[0] is not None}
    return list(
        session.scalars(select(Person.name).where(Person.id.in_(ids)).order_by(Person.name))
    )


def _first_mail(session: Session, topic: str, address: str) -> str | None:
    here = (OutboxMessage.topic == topic, OutboxMessage.to_address == address)
    query = select(OutboxMessage.message_id).where(*here).order_by(OutboxMessage.id).limit(1)
    return session.scalar(query)


def minutes_for(progress: Progress) -> int:
    """An honest guess of how long the open items take."""
    return max(1, round(progress.open * SECONDS_PER_ITEM / 60))


def facts_of(row: AnyRow, link: str, since: datetime | None = None) -> dict[str, object]:
    """What a mail says about one question."""
    names = {
        name: getattr(row, name)
        for name in ("account", "person", "organisation", "folder", "server")
    }
    dated = (("since", since), ("last sign-in", row.last_login_at), ("until", row.expires_at))
    facts = [(label, at) for label, at in dated if at]
    return {**names, "link": link, "words": rights.phrases(row.rights), "facts": facts}


@job(Phase.MAILS, 1, lock="campaign mails")
def write_reviewer_mails(context: JobContext) -> int:
    """Writes invitations, reminders and escalations into the outbox."""
    return send_due(context.db, Letterhead.of(context.settings), now=context.now())
