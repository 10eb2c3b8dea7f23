"""Parses delivery reports about mails that did not arrive (RFC 3464)."""

import re
from dataclasses import dataclass
from email.errors import MessageError

from recert.mail.received import Received

LONGEST = 300


@dataclass(frozen=True)
class Failure:
    """An address that could not be reached, for good or for now, and why."""

    address: str
    for_good: bool
    reason: str


def failures_of(mail: Received) -> list[Failure]:
    """The failures in a delivery report; none for other mails and successful deliveries."""
    try:
        parts = [p for p in mail.message.walk() if p.get_content_type() == _STATUS]
        blocks = [block for part in parts for block in part.get_payload()]
        return [failure for block in blocks if (failure := _failure(block))]
    except (MessageError, ValueError, AttributeError, TypeError):
        return []  # no report that can be read


_STATUS = "message/delivery-status"


def _failure(block: object) -> Failure | None:
    fields = {
        str(name).lower(): " ".join(str(value).split())
        for name, value in getattr(block, "items", list)()
    }
    if fields.get("action", "").lower() not in ("failed", "delayed"):
        return None
    final = fields.get("original-recipient") or fields.get("final-recipient", "")
    address = final.rpartition(";")[2].strip().strip("<>").lower()
    status = fields.get("status", "")
    diagnostic = fields.get("diagnostic-code", "").partition(";")[2].strip() or status
    shown = "".join(character for character in diagnostic if character.isprintable())[:LONGEST]
    gone = fields["action"].lower() == "failed" and not re.match(r"4\.", status)
    return Failure(address, gone, shown or "the mail server did not say why")
