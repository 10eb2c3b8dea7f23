"""Verbs of evidence: export a package."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.models import Campaign, CampaignState
from recert.campaigns.policy import Policy
from recert.evidence import queries, verifier
from recert.evidence.models import Package
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database
from recert.foundation.errors import BadInput
from recert.foundation.secrets import fingerprint
from recert.trail.chain import checkpoint_text
from recert.trail.models import TrailCheckpoint, TrailHead

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")  # and the mark itself, to be undone
BLOCK = 1 << 20

README = """\
Evidence of the access review "{name}"

To check that nothing in this package was changed and that it is complete:

    python3 verify.py PACKAGE.zip --key "FINGERPRINT"

verify.py lies in this package and needs Python 3.9 or newer and nothing else. Read it: it is one
file. To be independent of this package, take verify.py and the key's fingerprint from elsewhere;
the fingerprint stands on the sign-off page of the review.

campaign.json    scope, dates, figures, management's statement
population.csv   how the accounts of each server add up, and from which snapshot
items.csv        every question: who has which access, who was asked, where it ended
decisions.csv    every answer ever given, also the changed ones
orders.jsonl     every change of a server: native text before and after, log, second look
mails.csv        who was written to, and whether the mail server took it
trail.jsonl      the hash-chained log of all acts in the period
checkpoint.json  a signed statement of where that log stood
manifest.json    the hash of each file

In the CSV files a cell that begins with one of = + - @ or ' has a ' before it, so that no
spreadsheet runs it as a formula. Take that one ' away to get the text itself.
"""


class Sealed:
    """A zip file whose files are hashed while they are written."""

    def __init__(self, target: IO[bytes]) -> None:
        self.zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED)
        self.files: dict[str, dict[str, Any]] = {}

    @contextmanager
    def open(self, name: str) -> Iterator[IO[str]]:
        """One text file of the package."""
        hasher = _Hashing(self.zip.open(name, "w", force_zip64=True))
        with io.TextIOWrapper(io.BufferedWriter(hasher), encoding="utf-8", newline="") as text:
            yield text
        self.files[name] = {"sha256": hasher.digest.hexdigest(), "size": hasher.size}

    def text(self, name: str, content: str) -> None:
        """A whole file at once."""
        with self.open(name) as file:
            file.write(content)

    def table(self, name: str, rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> None:
        """A CSV file, row by row."""
        with self.open(name) as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in rows:
                writer.writerow({key: _cell(value) for key, value in row.items()})

    def lines(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """A file with one JSON object per line."""
        with self.open(name) as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")


class _Hashing(io.RawIOBase):
    def __init__(self, target: IO[bytes]) -> None:
        self.target, self.digest, self.size = target, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self.digest.update(block)
        self.size += len(block)
        return self.target.write(block)

    def close(self) -> None:
        if not self.closed:
            self.target.close()
        super().close()


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet runs; one leading ' less gives the value back."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def export(
    db: Database,
    campaign_id: int,
    target: Path,
    key: Ed25519PrivateKey,
    *,
    actor: Actor,
    now: datetime,
) -> Package:
    """Writes the sealed package of a campaign to `target`. Two exports of the same state differ
    only in their time and the trail entries of the export itself."""
    actor.require(Role.OFFICER, Role.AUDITOR)
    with db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        if campaign.state in (CampaignState.DRAFT, CampaignState.VOID):
            raise BadInput(
                f"The campaign {campaign.name!r} is {campaign.state.value}: no evidence."
            )
        subject = f"campaign:{campaign.id}"
        trail.append(session, "evidence.exported", subject, {}, actor=actor, at=now)
    with db.reading() as session, target.open("w+b") as file:
        campaign, point = session.get_one(Campaign, campaign_id), _checkpoint(session, key, now)
        _write(session, campaign, point, file, now)
        sha256, size = _seal(file, key)
    with db.transaction() as session:
        session.add(point)
        package = Package(
            campaign_id=campaign_id, created_at=now, created_by=actor.name, sha256=sha256, size=size
        )
        session.add(package)
        details = {"sha256": sha256, "size": size}
        trail.append(session, "evidence.sealed", subject, details, actor=actor, at=now)
        session.flush()
        session.expunge(package)
    return package


def _checkpoint(session: Session, key: Ed25519PrivateKey, at: datetime) -> TrailCheckpoint:
    """Signs where the trail stands in the very state that the package is written from, so that
    what happens meanwhile is neither in its lists nor in its trail. Not stored yet."""
    head, at = session.execute(select(TrailHead.seq, TrailHead.hash)).one(), at.astimezone(UTC)
    return TrailCheckpoint(
        seq=head.seq,
        hash=head.hash,
        at=at,
        public_key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign(checkpoint_text(head.seq, head.hash, at.isoformat())).hex(),
    )


def _write(
    session: Session, campaign: Campaign, point: TrailCheckpoint, file: IO[bytes], now: datetime
) -> None:
    sealed = Sealed(file)
    sealed.text("README.txt", README.format(name=campaign.name))
    sealed.text("verify.py", Path(verifier.__file__).read_text(encoding="utf-8"))
    sealed.text("campaign.json", _json(_about(session, campaign, point)))
    sealed.table("population.csv", queries.population(session, campaign.id), POPULATION)
    sealed.table("items.csv", queries.items(session, campaign.id), ITEMS)
    sealed.table("decisions.csv", queries.decisions(session, campaign.id), DECISIONS)
    sealed.lines("orders.jsonl", queries.orders(session, campaign.id))
    sealed.table("mails.csv", queries.mails(session, campaign.id), MAILS)
    sealed.lines("trail.jsonl", queries.trail_slice(session, campaign, point.seq))
    sealed.text(
        "checkpoint.json",
        _json(
            {
                "seq": point.seq,
                "hash": point.hash,
                "at": point.at.isoformat(),
                "public_key": point.public_key,
                "signature": point.signature,
            }
        ),
    )
    manifest = {
        "campaign": campaign.name,
        "created_at": now.isoformat(),
        "format": 1,
        "files": dict(sealed.files),
    }
    sealed.text("manifest.json", _json(manifest))
    sealed.zip.close()


def _seal(file: IO[bytes], key: Ed25519PrivateKey) -> tuple[str, int]:
    """Signs every byte of the zip and puts the signature into its comment, which stands last."""
    public = key.public_key().public_bytes_raw()
    length = len(verifier.MARK) + 64 + 1 + 128
    file.seek(-2, io.SEEK_END)
    file.write(length.to_bytes(2, "little"))
    digest = _digest(file)
    signature = key.sign(b"recert-evidence-1\n" + digest)
    file.seek(0, io.SEEK_END)
    file.write(verifier.MARK + public.hex().encode() + b" " + signature.hex().encode())
    file.flush()
    return _digest(file).hex(), file.tell()


def _digest(file: IO[bytes]) -> bytes:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.digest()


def _about(session: Session, campaign: Campaign, point: TrailCheckpoint) -> dict[str, Any]:
    policy = Policy.of(campaign.policy)
    times = {
        name: moment.isoformat() if (moment := getattr(campaign, name)) else None
        for name in ("created_at", "launched_at", "due_at", "closed_at", "signed_off_at")
    }
    return {
        "name": campaign.name,
        "kind": campaign.kind.value,
        "state": campaign.state.value,
        "folder_prefix": campaign.folder_prefix,
        "minutes_to_change_an_answer": campaign.undo_minutes,
        "without_answer": policy.in_words(),
        "policy": policy.as_json(),
        "releases_by_a_second_person": list(queries.releases(session, campaign.id)),
        "created_by": campaign.created_by,
        "launched_by": campaign.launched_by,
        "closed_by": campaign.closed_by,
        "signed_off_by": campaign.signed_off_by,
        "statement": campaign.statement,
        "key_fingerprint": fingerprint(bytes.fromhex(point.public_key)),
        **times,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


POPULATION = (
    *("server", "snapshot", "snapshot_started", "snapshot_finished", "read_from", "raw_sha256"),
    *("accounts", "reviewed", "out_of_scope", "without_rights", "items"),
)
ITEMS = (
    *("item", "server", "folder", "account", "account_kind", "account_enabled", "person"),
    *("organisation", "rights", "via", "reviewer", "route", "state", "answer", "rights_after"),
    *("outcome", "asked_because", "content_hash"),
)
DECISIONS = (
    *("item", "version", "answer", "rights_seen", "rights_after", "reason", "actor", "channel"),
    *("assurance", "address", "batch", "at"),
)
MAILS = ("message_id", "kind", "to", "subject", "state", "written", "sent", "error")
