"""Accountability records of a package: ownership disputes, late changes, and mails, as rows."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.reviewing import ownership_disputes
from recert.mail.models import OutboxMessage
from recert.remediation import overdue_owners

REMINDERS = ("reminder", "last_call")
LATE = ("item", "owner", "until", "reason", "by", "at")


def late(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    """Everybody who took on a late change, until when and why it was late, oldest first."""
    for promise in session.scalars(overdue_owners.history(campaign_id)):
        yield {
            "item": promise.item_id,
            "owner": promise.owner,
            "until": promise.until.isoformat(),
            "reason": promise.reason,
            "by": promise.by,
            "at": promise.at.isoformat(),
        }


def mails(session: Session, campaign_id: int) -> Iterator[dict[str, Any]]:
    """Who was written to, when, and whether the mail server took it and it stayed
    there; reminders with their number."""
    reminders: Counter[str] = Counter()
    query = select(OutboxMessage).where(OutboxMessage.topic == f"campaign:{campaign_id}")
    query = query.order_by(OutboxMessage.id).execution_options(yield_per=1000)
    for mail in session.scalars(query):
        reminds = mail.kind in REMINDERS
        reminders[mail.to_address] += reminds
        yield {
            "message_id": mail.message_id,
            "kind": mail.kind,
            "to": mail.to_address,
            "subject": mail.subject,
            "state": mail.state.value,
            "written": mail.created_at.isoformat(),
            "sent": mail.sent_at.isoformat() if mail.sent_at else "",
            "error": mail.error,
            "reminder": reminders[mail.to_address] if reminds else "",
            "bounced": mail.bounced_at.isoformat() if mail.bounced_at else "",
            "bounce": mail.bounce,
        }


def disputes(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """Folders whose owner answered "not mine", and how the dispute ended."""
    return [
        {
            "folder": row.path,
            "server": row.server,
            "said_by": row.email,
            "item": row.OwnershipDispute.item_id,
            "reason": row.OwnershipDispute.reason,
            "at": row.OwnershipDispute.at.isoformat(),
            "settled_by": row.OwnershipDispute.settled_by,
            "outcome": row.OwnershipDispute.outcome,
        }
        for row in ownership_disputes.disputes(session, campaign_id)
    ]
