"""Use cases of the trail: append in the caller's transaction, checkpoint, verify."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from sqlalchemy import Table, insert, select, update
from sqlalchemy.orm import Session

from recert.foundation.actor import Actor
from recert.foundation.db import AnyRow
from recert.foundation.errors import RecertError
from recert.foundation.statements import run
from recert.trail import chain
from recert.trail.actions import Action
from recert.trail.models import TrailCheckpoint, TrailEntry, TrailHead

MOST_ROWS = 500  # of a list in one entry
HEAD_IS_GONE = "the row that says where the trail ends is missing: somebody deleted it"


# Built once: every use case appends.
_HELD_HEAD = select(TrailHead.seq, TrailHead.hash).with_for_update()
_NEW_ENTRY = insert(cast(Table, TrailEntry.__table__))
_NEW_HEAD = update(cast(Table, TrailHead.__table__))


class HeadIsGone(RecertError):
    """The row that says where the trail ends is missing, so nothing can be added. Somebody changed
    the database: run `recert trail verify` and restore it from a backup."""


def _head(session: Session) -> AnyRow:
    found = session.execute(select(TrailHead.seq, TrailHead.hash)).one_or_none()
    if found is None:
        raise HeadIsGone
    return found


def append(
    session: Session,
    action: Action,
    subject: str,
    details: dict[str, Any] | None = None,
    *,
    actor: Actor,
    at: datetime,
) -> int:
    """Adds one entry about `subject` ("item:12") and returns its number. The caller commits: no
    entry, no act."""
    at = at.astimezone(UTC)
    head = run(session, _HELD_HEAD).one_or_none()
    if head is None:
        raise HeadIsGone
    seq = head.seq + 1
    body = chain.canonical(
        {
            "seq": seq,
            "at": at.isoformat(),
            "actor": actor.name,
            "channel": actor.channel.value,
            "assurance": actor.assurance.value,
            "address": actor.address,
            "action": action,
            "object": subject,
            "details": details or {},
        }
    )
    new_hash = chain.link(head.hash, body)
    entry = {
        "seq": seq,
        "at": at,
        "actor": actor.name,
        "action": action,
        "object": subject,
        "body": body,
        "previous": head.hash,
        "hash": new_hash,
    }
    run(session, _NEW_ENTRY, entry)
    run(session, _NEW_HEAD, {"seq": seq, "hash": new_hash})
    return int(seq)


def append_parts(
    session: Session,
    action: Action,
    subject: str,
    details: dict[str, Any],
    name: str,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    """One entry, or several when the list `details[name]` is long: an entry must stay readable.
    Each says which part it is of how many."""
    rows = details[name]
    parts = [rows[start : start + MOST_ROWS] for start in range(0, len(rows), MOST_ROWS)] or [[]]
    for number, part in enumerate(parts, start=1):
        which = {"part": number, "parts": len(parts)} if len(parts) > 1 else {}
        append(session, action, subject, {**details, **which, name: part}, actor=actor, at=at)


def checkpoint(session: Session, key: Ed25519PrivateKey, *, at: datetime) -> TrailCheckpoint:
    """Signs where the trail stands. Send it away: it proves the past to somebody outside."""
    head, at = _head(session), at.astimezone(UTC)
    text = chain.checkpoint_text(head.seq, head.hash, at.isoformat())
    signed = TrailCheckpoint(
        seq=head.seq,
        hash=head.hash,
        at=at,
        public_key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign(text).hex(),
    )
    session.add(signed)
    session.flush()
    return signed


def verify(session: Session, ours: Ed25519PublicKey | None = None) -> chain.Break | None:
    """Walks the whole chain and every checkpoint; None when all of it holds. With our public key
    a checkpoint that somebody else signed is a break as well."""
    table = TrailEntry.__table__.c
    columns = [table[field.name] for field in fields(chain.Link)]
    rows = session.execute(
        select(*columns).order_by(TrailEntry.seq).execution_options(yield_per=5000)
    )
    broken = chain.first_break(chain.Link(*row) for row in rows)
    return broken or _broken_end(session) or _broken_checkpoint(session, ours)


def _broken_end(session: Session) -> chain.Break | None:
    heads = session.execute(select(TrailHead.seq, TrailHead.hash)).all()
    last = session.execute(
        select(TrailEntry.seq, TrailEntry.hash).order_by(TrailEntry.seq.desc()).limit(1)
    ).one_or_none()
    if len(heads) != 1:
        return chain.Break(last.seq if last else 0, HEAD_IS_GONE)
    head = heads[0]
    if (head.seq, head.hash) == ((last.seq, last.hash) if last else (0, chain.START)):
        return None
    return chain.Break(head.seq, "the last entries are missing")


def _broken_checkpoint(session: Session, ours: Ed25519PublicKey | None) -> chain.Break | None:
    query = select(TrailCheckpoint, TrailEntry.hash).outerjoin(
        TrailEntry, TrailEntry.seq == TrailCheckpoint.seq
    )
    for point, entry_hash in session.execute(query.order_by(TrailCheckpoint.seq)):
        if point.seq and entry_hash != point.hash:
            return chain.Break(point.seq, "a signed checkpoint says otherwise")
        text = chain.checkpoint_text(point.seq, point.hash, point.at.isoformat())
        if ours and point.public_key != ours.public_bytes_raw().hex():
            return chain.Break(point.seq, "its checkpoint was signed with another key")
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(point.public_key))
            key.verify(bytes.fromhex(point.signature), text)
        except (InvalidSignature, ValueError):
            return chain.Break(point.seq, "the signature of its checkpoint is wrong")
    return None
