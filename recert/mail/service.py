"""Use cases of mail: put into the outbox, claim, mark, and one-click tokens."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import make_msgid

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.orm import Session

from recert import trail
from recert.foundation import backoff, secrets
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.errors import NotFound
from recert.mail.models import (
    PREFIXES,
    MailToken,
    MessageState,
    OptOut,
    OutboxMessage,
    Purpose,
)
from recert.trail.actions import Action

LEASE = timedelta(minutes=5)
MAX_TRIES = backoff.QUICK_TRIES + 48  # then a day has passed
MAX_TOKEN = 200
BATCH = 500  # mails over one connection
_SECRET = re.compile(r"(?<=/)(?:rc[a-z]_)?[\w-]{43}(?![\w-])")  # a token at the end of a link


class LinkUnknown(NotFound):
    """This link is not known. It may be cut off: copy the whole link, or sign in to see your
    reviews."""


class LinkOver(NotFound):
    """This link is no longer valid, because its review ended or the question went to somebody
    else. Sign in to see your reviews."""


class LinkStale(LinkOver):
    """The access that this link asks about has changed since its mail was written. Sign in to see
    the question as it is now."""


class LinkUnopened(NotFound):
    """This page belongs to a link in a mail. Open the link in your mail again, with cookies
    allowed, or sign in to see your reviews."""


@dataclass(frozen=True)
class Draft:
    """A mail to be sent."""

    topic: str
    kind: str
    to_address: str
    to_name: str
    subject: str
    text: str
    html: str
    in_reply_to: str | None = None
    unsubscribe: str = ""
    language: str = ""


def new_message_id(sender: str) -> str:
    """A Message-ID that does not show the machine's name."""
    return make_msgid(domain=sender.rsplit("@", 1)[-1] or "recert")


def put(session: Session, draft: Draft, *, sender: str, now: datetime) -> OutboxMessage:
    """Into the outbox, in the caller's transaction: no commit, no mail."""
    message = OutboxMessage(
        message_id=new_message_id(sender),
        in_reply_to=draft.in_reply_to,
        topic=draft.topic,
        kind=draft.kind,
        to_address=draft.to_address,
        to_name=draft.to_name,
        subject=draft.subject,
        text=draft.text,
        html=draft.html,
        state=MessageState.QUEUED,
        attempts=0,
        next_at=now,
        created_at=now,
        error="",
        unsubscribe=draft.unsubscribe,
        language=draft.language,
        reply_key="",
    )
    session.add(message)
    session.flush()
    return message


def claim(session: Session, *, now: datetime, limit: int = BATCH) -> Sequence[OutboxMessage]:
    """Takes due mails for sending. A worker that dies keeps them only for the lease."""
    query = (
        select(OutboxMessage)
        .where(
            OutboxMessage.state.in_([MessageState.QUEUED, MessageState.SENDING]),
            OutboxMessage.next_at <= now,
        )
        .order_by(OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    due = session.scalars(query).all()
    for message in due:
        message.state, message.next_at = MessageState.SENDING, now + LEASE
        message.attempts += 1
    session.flush()
    session.expunge_all()
    return due


def mark_sent(session: Session, message: OutboxMessage, *, now: datetime) -> None:
    """The mail server took it."""
    done = _without_secrets(message)
    _mark(session, message, state=MessageState.SENT, sent_at=now, error="", **done)


def mark_retry(session: Session, message: OutboxMessage, error: str, *, now: datetime) -> None:
    """It may work later; after a day it has failed and the board shows it."""
    if message.attempts >= MAX_TRIES:
        mark_failed(session, message, error)
        return
    later = now + backoff.wait(message.attempts)
    _mark(session, message, state=MessageState.QUEUED, next_at=later, error=error)


def mark_failed(session: Session, message: OutboxMessage, error: str) -> None:
    """The mail server refused it for good."""
    _mark(session, message, state=MessageState.FAILED, error=error, **_without_secrets(message))


def _without_secrets(message: OutboxMessage) -> dict[str, str]:
    """What is kept of a mail that needs no other try: who reads the database later must not be
    able to use its links."""
    kept = {name: _SECRET.sub("...", getattr(message, name)) for name in ("text", "html")}
    return {**kept, "reply_key": "", "unsubscribe": ""}


def release(session: Session, message: OutboxMessage, *, now: datetime) -> None:
    """It was claimed and not tried."""
    tried = message.attempts - 1
    _mark(session, message, state=MessageState.QUEUED, next_at=now, attempts=tried)


def _mark(session: Session, message: OutboxMessage, **values: object) -> None:
    """Only while the claim is ours: a worker that stood still past its lease says nothing."""
    is_being_sent = (
        OutboxMessage.id == message.id,
        OutboxMessage.state == MessageState.SENDING,
        OutboxMessage.attempts == message.attempts,
    )
    session.execute(update(OutboxMessage).where(*is_being_sent).values(**values))


def issue_tokens(
    session: Session,
    purpose: Purpose,
    subjects: Iterable[str],
    holder: str,
    *,
    expires_at: datetime,
    now: datetime,
    states: Mapping[str, str] = {},
) -> dict[str, str]:
    """One token for each subject, held by one reviewer: {"item:12": "token"}. They are numbered
    as they come, and each is bound to the state that its subject has now."""
    prefix = PREFIXES.get(purpose, "")
    tokens = {subject: prefix + secrets.new_token() for subject in subjects}
    rows = [
        {
            "token_hash": secrets.digest(token),
            "purpose": purpose,
            "subject": subject,
            "holder": holder,
            "number": number,
            "state": states.get(subject, ""),
            "created_at": now,
            "expires_at": expires_at,
        }
        for number, (subject, token) in enumerate(tokens.items(), start=1)
    ]
    if rows:
        session.execute(insert(MailToken), rows)
    return tokens


def give_reply_key(
    session: Session, message: OutboxMessage, holder: str, *, expires_at: datetime, now: datetime
) -> None:
    """Lets replies to a mail, and its bounces, be known by the address they go to: 128 random
    bits in characters that survive a server that folds case."""
    message.reply_key = secrets.new_reply_key()
    session.add(
        MailToken(
            token_hash=secrets.digest(message.reply_key),
            purpose=Purpose.REPLY,
            subject=message.topic,
            holder=holder,
            message_id=message.id,
            number=0,
            state="",
            created_at=now,
            expires_at=expires_at,
            held_why="",
        )
    )
    session.flush()


def address_of(session: Session, number: int | None) -> str:
    """Where a mail went."""
    return session.scalar(select(OutboxMessage.to_address).where(OutboxMessage.id == number)) or ""


def message_id_of(session: Session, number: int | None) -> str:
    """The Message-ID of a mail."""
    return session.scalar(select(OutboxMessage.message_id).where(OutboxMessage.id == number)) or ""


def lines_of(session: Session, message_id: int) -> dict[int, MailToken]:
    """The questions that stand in a mail, by their numbers."""
    of_that_mail = (MailToken.message_id == message_id, MailToken.purpose == Purpose.DECIDE_ITEM)
    return {row.number: row for row in session.scalars(select(MailToken).where(*of_that_mail))}


def has_opted_out(session: Session, address: str, kind: str) -> bool:
    """Whether somebody does not want notices of this kind."""
    return session.get(OptOut, (address, kind)) is not None


def opt_out(session: Session, token: str, *, now: datetime) -> OptOut:
    """Ends notices of one kind; LinkUnknown or LinkOver. Twice is as good as once."""
    row = open_token(session, token, Purpose.UNSUBSCRIBE, now=now)
    address, _, kind = row.subject.rpartition(" ")
    choice = session.get(OptOut, (address, kind))
    if choice is None:
        choice = OptOut(address=address, kind=kind, at=now)
        session.add(choice)
        details = {"address": address, "kind": kind}
        who = Actor(address, Channel.MAIL_LINK, Assurance.MAIL_LINK)
        trail.append(session, Action.MAIL_STOPPED, row.holder, details, actor=who, at=now)
    return choice


def attach(session: Session, tokens: Iterable[str], message: OutboxMessage) -> None:
    """Notes in which mail some tokens stand."""
    is_one_of_them = MailToken.token_hash.in_([secrets.digest(token) for token in tokens])
    session.execute(update(MailToken).where(is_one_of_them).values(message_id=message.id))


def hold_token(session: Session, token: MailToken, why: str, *, now: datetime) -> None:
    """The link decides nothing any more; whoever holds it signs in."""
    is_not_held = (MailToken.id == token.id, MailToken.held_at.is_(None))
    session.execute(update(MailToken).where(*is_not_held).values(held_at=now, held_why=why))


def open_token(session: Session, token: str, purpose: Purpose, *, now: datetime) -> MailToken:
    """The token's row, or LinkUnknown / LinkOver. Reads only: whoever uses it must still check
    that the holder answers for the subject."""
    row = known_token(session, token, MailToken.purpose == purpose)
    if row.expires_at <= now:
        raise LinkOver
    return row


def known_token(session: Session, token: str, *wanted: ColumnElement[bool]) -> MailToken:
    """The token's row, or LinkUnknown."""
    if not token or len(token) > MAX_TOKEN or not token.isascii():
        raise LinkUnknown
    has_that_hash = MailToken.token_hash == secrets.digest(token)
    row = session.scalar(select(MailToken).where(has_that_hash, *wanted))
    if row is None:
        raise LinkUnknown
    return row


def mark_used(session: Session, token: MailToken, *, now: datetime) -> None:
    """Notes the first use; a second shows what was recorded."""
    is_unused = (MailToken.id == token.id, MailToken.used_at.is_(None))
    session.execute(update(MailToken).where(*is_unused).values(used_at=now))
