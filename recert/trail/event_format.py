"""Entries of the trail in the forms that security monitoring reads: CEF for ArcSight and Sentinel,
JSON for webhooks. Names in them are hostile: nothing in an entry can begin another one."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recert.trail.actions import Action

LONGEST_DETAILS = 4000  # characters; collectors cut messages of more than 8 KiB
VERSION = "1"

# By the first part of an action or the whole of it: what a monitoring team looks at first.
SEVERITIES = {
    Action.USER_SIGN_IN_REFUSED: 5,
    Action.SEPARATION_ONE_PERSON: 7,
    Action.SEPARATION_RULE_CHANGED: 8,
    Action.EMERGENCY_ACCOUNT_USED: 8,
    Action.TOKEN_ISSUED: 6,
    Action.PROVIDER_ADDED: 6,
    Action.SERVER_WRITES_ENABLED: 6,
    Action.CHECKPOINT_FAILED: 7,
    Action.FULFILMENT_REFUSED: 5,
}
USUAL = 3


@dataclass(frozen=True)
class Event:
    """One entry as the trail has it. `body` is its canonical JSON."""

    seq: int
    at: datetime
    body: str
    hash: str


def as_cef(event: Event) -> str:
    """One line of the Common Event Format, without its line end."""
    body = json.loads(event.body)
    action = str(body["action"])
    details = json.dumps(body["details"], ensure_ascii=False, sort_keys=True)
    fields = {
        "rt": str(int(event.at.timestamp() * 1000)),
        "externalId": str(event.seq),
        "suser": body["actor"],
        "src": body["address"] if _is_address(body["address"]) else "",
        "cat": body["channel"],
        "cs1Label": "object",
        "cs1": body["object"],
        "cs2Label": "hash",
        "cs2": event.hash,
        "cs3Label": "assurance",
        "cs3": body["assurance"],
        "msg": details[:LONGEST_DETAILS],
    }
    extension = " ".join(f"{name}={_value(text)}" for name, text in fields.items() if text)
    known = _action(action)
    severity = SEVERITIES.get(known, USUAL) if known else USUAL
    header = "|".join(
        ("CEF:0", "Recert", "Recert", VERSION, _header(action), _header(_title(action)))
    )
    return f"{header}|{severity}|{extension}"


def as_syslog(event: Event, host: str) -> bytes:
    """The CEF line as a message of RFC 5424, with its length in front (RFC 6587)."""
    priority = 13 * 8 + 6  # log audit, informational
    at = event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = f"<{priority}>1 {at} {host} recert - - - {as_cef(event)}".encode()
    return str(len(message)).encode() + b" " + message


def as_json(event: Event) -> dict[str, Any]:
    """The entry as an object, with the hash that the chain has for it."""
    body: dict[str, Any] = json.loads(event.body)
    return {**body, "hash": event.hash}


def _action(text: str) -> Action | None:
    return Action(text) if text in {action.value for action in Action} else None


def _title(action: str) -> str:
    return action.replace(".", " ").replace("_", " ").capitalize()


def _is_address(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdefABCDEF.:" for c in text)


def _header(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(text: str) -> str:
    """Of an extension: a line end is written as two characters, other controls as blanks."""
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    escaped = escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")
    return _one_line(escaped)


def _one_line(text: str) -> str:
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean.encode("utf-8", "replace").decode()
