"""Decisions by mail reply. One mail is one transaction: its decisions, its answer, and the note
that it was read. An unclear reply changes nothing and gets one answer with a link."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.decisions import service
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.mailing import Addressee, Envelope, Letterhead, send
from recert.campaigns.models import Answer, Item, ItemState
from recert.campaigns.reviewing import queries
from recert.foundation import secrets
from recert.foundation.actor import Actor, Assurance, Channel, system
from recert.foundation.db import Database
from recert.foundation.errors import BadInput, RecertError
from recert.foundation.jobs.registration import JobContext, Phase, job
from recert.foundation.settings import ReplySettings
from recert.mail import bounces, reply_parser, sender_authentication, unreachable
from recert.mail import service as mail
from recert.mail.mailbox import Mailbox
from recert.mail.models import InboundKind, InboundMail, MailToken, Purpose
from recert.mail.received import Received
from recert.people.models import Person
from recert.people.queries import person_by_email
from recert.trail.act import Act
from recert.trail.actions import Action

log = logging.getLogger(__name__)
ANSWERS_A_DAY = 3  # to one address
PAUSE = timedelta(seconds=30)
READER = system("replies")
LOST = (
    "Your mail program sent the reply to another address than the one in our mail, so it is not "
    "known which question it answers."
)
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")
READ_ACTIONS = {
    InboundKind.REPLY: Action.MAIL_REPLY_READ,
    InboundKind.BOUNCE: Action.MAIL_BOUNCE_READ,
    InboundKind.AUTOMATIC: Action.MAIL_AUTOMATIC_READ,
}
ANSWER_OF = {reply_parser.KEEP: Answer.KEEP, reply_parser.REVOKE: Answer.REVOKE}


class ReplyUnclear(BadInput):
    """This reply was not understood."""

    @property
    def message(self) -> str:
        """The detail says it all."""
        return self.detail


@dataclass
class ReplyHandling:
    """Reads the mailbox at intervals. `until` is the time of the next read."""

    settings: ReplySettings
    head: Letterhead
    until: datetime | None = None

    def read(self, db: Database, *, now: datetime) -> int:
        """Reads every waiting mail; how many. Raises MailboxUnreachable."""
        if self.until is not None and now < self.until:
            return 0
        self.until = now + PAUSE

        def act(raw: bytes) -> bool:
            try:
                with db.transaction() as session:
                    take(session, raw, self, now=now)
            except (SQLAlchemyError, OSError):
                raise  # no fault of this mail: it is tried again
            except Exception:
                log.exception("A mail in the mailbox for replies could not be read")
                return False  # it must not hold up the others
            return True

        with Mailbox(self.settings) as box:
            return box.each(act)


@dataclass(frozen=True)
class _Outcome:
    """The outcome of a mail: a summary, and the template and recipient of the answer, if any."""

    kind: InboundKind
    summary: str
    topic: str = "mail"
    to: Person | None = None
    template: str = ""
    context: Mapping[str, object] | None = None


def take(session: Session, raw: bytes, handling: ReplyHandling, *, now: datetime) -> str:
    """Reads one mail and carries it out. Returns the outcome, "" when it was read before."""
    received = Received.of(raw)
    if (
        session.scalar(select(InboundMail.id).where(InboundMail.digest == received.digest))
        is not None
    ):
        return ""
    outcome = _read(session, received, handling, now)
    answered = outcome.to is not None and _may_answer(session, outcome, now)
    session.add(
        InboundMail(
            digest=received.digest,
            message_id=received.message_id,
            from_address=received.sender,
            kind=outcome.kind,
            outcome=outcome.summary,
            answered=answered,
            at=now,
        )
    )
    session.flush()  # another worker that took it as well fails here, before anything is sent
    if answered:
        _answer(session, received, outcome, handling.head, now)
    details = {
        "message_id": received.message_id,
        "from": received.sender,
        "outcome": outcome.summary,
    }
    action = READ_ACTIONS[outcome.kind]
    trail.append(session, action, outcome.topic, details, actor=READER, at=now)
    return outcome.summary


def _read(session: Session, received: Received, handling: ReplyHandling, now: datetime) -> _Outcome:
    if received.is_report:
        return _bounce(session, received, handling, now)
    automatic = received.why_automatic([handling.head.sender, handling.head.reply_to])
    if automatic:
        return _Outcome(InboundKind.AUTOMATIC, f"Automatic: {automatic}.")
    token = _token(session, received, handling, bounce=False)
    if token is None:
        return _lost(session, received, handling)
    person = _holder(session, token)
    if person is None or not person.active or received.sender != person.email:
        summary = "It is not from the person whom our mail was for."
        return _Outcome(InboundKind.REPLY, summary, token.subject)
    try:
        with session.begin_nested():
            rows = _decide(session, received, token, person, handling, now)
    except RecertError as error:
        why = {"why": str(error), "link": f"{handling.head.base_url}/reviews"}
        return _Outcome(InboundKind.REPLY, str(error), token.subject, person, "unclear", why)
    unreachable.reached(session, person.email, now=now)
    receipt = {"rows": rows, "link": f"{handling.head.base_url}/reviews"}
    summary = f"Recorded: {len(rows)}."
    return _Outcome(InboundKind.REPLY, summary, token.subject, person, "receipt", receipt)


def _lost(session: Session, received: Received, handling: ReplyHandling) -> _Outcome:
    """Some mail programs drop what follows the plus of an address. The sender hears of it only when
    it is certain who they are."""
    summary = "It did not come to the address of one of our mails."
    has_key = bool(received.keys(handling.head.reply_to))  # a wrong one: nothing was lost
    person = person_by_email(session, received.sender) if received.sender and not has_key else None
    results = received.headers("Authentication-Results")
    unproved = sender_authentication.why_not(
        results, handling.settings.authserv_id, received.sender
    )
    if person is None or not person.active or unproved:
        return _Outcome(InboundKind.REPLY, summary)
    why = {"why": LOST, "link": f"{handling.head.base_url}/reviews"}
    return _Outcome(InboundKind.REPLY, summary, "mail", person, "unclear", why)


def _token(
    session: Session, received: Received, handling: ReplyHandling, *, bounce: bool
) -> MailToken | None:
    """The mail of ours that this one is about, by the key in its address."""
    keys = {key for is_bounce, key in received.keys(handling.head.reply_to) if is_bounce is bounce}
    hashes = [secrets.digest(key) for key in keys]
    here = (MailToken.token_hash.in_(hashes), MailToken.purpose == Purpose.REPLY)
    found = session.scalars(select(MailToken).where(*here)).all()
    return found[0] if len(found) == 1 else None


def _holder(session: Session, token: MailToken) -> Person | None:
    kind, _, number = token.holder.partition(":")
    return session.get(Person, int(number)) if kind == "person" else None


def _decide(
    session: Session,
    received: Received,
    token: MailToken,
    person: Person,
    handling: ReplyHandling,
    now: datetime,
) -> list[dict[str, object]]:
    """Records every answer of the reply, or raises and changes nothing."""
    results = received.headers("Authentication-Results")
    unproved = sender_authentication.why_not(
        results, handling.settings.authserv_id, received.sender
    )
    if unproved:
        raise ReplyUnclear(f"The sender is not certain: {unproved}.")
    if token.expires_at <= now:
        raise ReplyUnclear("It is too late: this mail is too old to be replied to.")
    parsed = reply_parser.understand(received.message)
    if parsed.why:
        raise ReplyUnclear(parsed.why)
    lines = mail.lines_of(session, token.message_id or 0)
    if not lines:
        raise ReplyUnclear("The mail has no question that can be answered by a reply.")
    if parsed.whole and len(lines) > 1:
        raise ReplyUnclear("The mail has several questions: write the number before the word.")
    answers = {next(iter(lines)): parsed.whole} if parsed.whole else dict(parsed.lines)
    unknown = sorted(set(answers) - set(lines))
    if unknown:
        raise ReplyUnclear(f"The mail has no question {unknown[0]}.")
    return [
        _record(session, number, lines[number], ANSWER_OF[answer_key], person, now)
        for number, answer_key in sorted(answers.items())
    ]


def _record(
    session: Session, number: int, line: MailToken, answer: Answer, person: Person, now: datetime
) -> dict[str, object]:
    item = session.get_one(Item, int(line.subject.partition(":")[2]))
    if item.state is not ItemState.OPEN or item.reviewer_id != person.id:
        raise ReplyUnclear(f"Question {number} was answered already, or it is not yours any more.")
    if line.held_at is not None:
        raise ReplyUnclear(f"Question {number} is held: {line.held_why}. Sign in to answer it.")
    if line.state != str(item.content_hash):
        raise mail.LinkStale
    actor = Actor(
        person.email,
        Channel.MAIL_REPLY,
        Assurance.MAIL_REPLY,
        person_id=person.id,
        session=f"link {line.id}",
    )
    reply = Reply(answer, content_hash=item.content_hash)
    service.record(Act(session, actor, now), item.id, reply)
    mail.mark_used(session, line, now=now)
    row = queries.item_row(session, item.id)
    if row is None:
        raise mail.LinkOver
    what = f"{row.person or row.account}, {row.folder}, {row.server}"
    return {"what": what, "answer": answer.value, "at": None}


def _bounce(
    session: Session, received: Received, handling: ReplyHandling, now: datetime
) -> _Outcome:
    """A report about one of our mails. Without its key anybody could have written it."""
    token = _token(session, received, handling, bounce=True)
    address = mail.address_of(session, token.message_id) if token else ""
    failures = bounces.failures_of(received)
    if token is None or not address:
        return _Outcome(InboundKind.BOUNCE, "A report that is not about a mail of ours.")
    final = next((found for found in failures if found.for_good), None)
    if final is None:
        return _Outcome(InboundKind.BOUNCE, "A report of a delay.", token.subject)
    ours = mail.message_id_of(session, token.message_id)
    unreachable.bounced(session, ours, final.reason, now=now)
    unreachable.note(session, address, final.reason, ours, now=now)
    return _Outcome(InboundKind.BOUNCE, f"{address}: {final.reason}", token.subject)


def _may_answer(session: Session, outcome: _Outcome, now: datetime) -> bool:
    """Receipts are always sent; "unclear" only a few times a day, so that two programs do not
    write to each other for ever."""
    if outcome.template != "unclear" or outcome.to is None:
        return True
    recent = select(func.count()).where(
        InboundMail.from_address == outcome.to.email,
        InboundMail.answered,
        InboundMail.outcome.not_like("Recorded:%"),
        InboundMail.at > now - timedelta(days=1),
    )
    return (session.scalar(recent) or 0) < ANSWERS_A_DAY


def _answer(
    session: Session, received: Received, outcome: _Outcome, head: Letterhead, now: datetime
) -> None:
    if outcome.to is None:
        return
    follows = received.message_id if _MESSAGE_ID.fullmatch(received.message_id) else None
    quiet = replace(head, reply_to="")  # nobody replies to an answer, and its bounce does not count
    send(
        session,
        outcome.template,
        Addressee.person(outcome.to, head),
        outcome.context or {},
        Envelope(outcome.topic, follows),
        quiet,
        now=now,
    )


@job(Phase.REPLIES, 1)
def read_replies(context: JobContext) -> int:
    """Reads replies and bounces, when there is a mailbox for them."""
    if context.settings.replies is None:
        return 0
    return context.service(ReplyHandling).read(context.db, now=context.now())
