"""Puts one mail together, in its reader's language, and into the outbox with its trail entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from recert import trail
from recert.foundation.actor import system
from recert.foundation.settings import Settings
from recert.mail import render
from recert.mail import service as mail
from recert.mail.models import OutboxMessage, Purpose
from recert.mail.render import Reader
from recert.people.models import Person, User
from recert.trail.actions import Action

OPTIONAL = frozenset({"result", "expiry", "summary"})  # nobody must act on them
UNSUBSCRIBE_FOR = timedelta(days=90)
REPLY_FOR = timedelta(days=60)  # at least so long a reply or a bounce is understood


@dataclass(frozen=True)
class Letterhead:
    """What every mail needs to know of the installation."""

    base_url: str
    zone: ZoneInfo
    sender: str
    language: str = "en"
    reply_to: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Letterhead":
        """The letterhead of this installation."""
        return cls(
            settings.base_url,
            settings.zone,
            settings.mail.sender,
            settings.language,
            settings.mail.reply_to if settings.replies else "",
        )

    def reader(self, language: str = "", zone: str = "") -> Reader:
        """A reader with what is known of them, else as the installation has it."""
        return Reader(language or self.language, ZoneInfo(zone) if zone else self.zone)


@dataclass(frozen=True)
class Addressee:
    """Whom a mail goes to. `holder` is how tokens name them."""

    name: str
    email: str
    reader: Reader
    holder: str

    @classmethod
    def person(cls, person: Person, head: Letterhead, zone: str = "") -> "Addressee":
        """A person of the identity system. `zone` counts where their own is not known."""
        reader = head.reader(person.language, person.zone or zone)
        return cls(person.name, person.email, reader, f"person:{person.id}")

    @classmethod
    def user(cls, user: User, head: Letterhead) -> "Addressee":
        """Somebody with a role in Recert."""
        return cls(user.name, user.email, head.reader(), f"user:{user.id}")


@dataclass(frozen=True)
class Envelope:
    """What stands around the text: what it is about, what it follows, what its links are."""

    topic: str
    in_reply_to: str | None = None
    tokens: Iterable[str] = ()
    holds_until: datetime | None = None


def send(
    session: Session,
    kind: str,
    to: Addressee,
    context: Mapping[str, Any],
    envelope: Envelope,
    head: Letterhead,
    *,
    now: datetime,
) -> OutboxMessage | None:
    """One mail into the outbox; None when its reader does not want mails of this kind."""
    unsubscribe = ""
    if kind in OPTIONAL:
        if mail.has_opted_out(session, to.email, kind):
            return None
        unsubscribe = _unsubscribe(session, kind, to, head, now)
    values = {"name": to.name, "unsubscribe": unsubscribe, **context}
    subject, text, html = render.render(kind, to.reader, **values)
    draft = mail.Draft(
        topic=envelope.topic,
        kind=kind,
        to_address=to.email,
        to_name=to.name,
        subject=subject,
        text=text,
        html=html,
        in_reply_to=envelope.in_reply_to,
        unsubscribe=unsubscribe,
        language=to.reader.language,
    )
    message = mail.put(session, draft, sender=head.sender, now=now)
    mail.attach(session, envelope.tokens, message)
    if head.reply_to:
        until = max(envelope.holds_until or now, now + REPLY_FOR)
        mail.give_reply_key(session, message, to.holder, expires_at=until, now=now)
    details = {
        "to": to.email,
        "kind": kind,
        "message_id": message.message_id,
        "subject": message.subject,
    }
    trail.append(
        session, Action.MAIL_QUEUED, envelope.topic, details, actor=system("notices"), at=now
    )
    return message


def _unsubscribe(
    session: Session, kind: str, to: Addressee, head: Letterhead, now: datetime
) -> str:
    until, about = now + UNSUBSCRIBE_FOR, f"{to.email} {kind}"
    made = mail.issue_tokens(
        session, Purpose.UNSUBSCRIBE, [about], to.holder, expires_at=until, now=now
    )
    return f"{head.base_url}/mail/stop/{made[about]}"
