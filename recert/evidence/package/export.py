"""The use case that exports the evidence package of a campaign."""

import hashlib
import io
import json
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert import trail
from recert.campaigns.local_time import zone_of
from recert.campaigns.models import Campaign, CampaignState
from recert.campaigns.reviewing import instructions
from recert.campaigns.setup import launch_record, routing
from recert.evidence import verifier
from recert.evidence.audit import findings
from recert.evidence.models import Package
from recert.evidence.package import (
    accountability,
    item_annex,
    records,
    reviewers,
    summary,
    warnings,
)
from recert.evidence.package.archive import Sealed
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database
from recert.foundation.errors import BadInput
from recert.foundation.secrets import fingerprint
from recert.remediation import overdue
from recert.trail.actions import Action
from recert.trail.chain import checkpoint_text
from recert.trail.models import TrailCheckpoint, TrailHead

BLOCK = 1 << 20
FORMAT = 3  # of packages: 2 had no digests of what the launch fixed

README = """\
Evidence of the access review "{name}"

To check that nothing in this package was changed and that it is complete:

    python3 verify.py PACKAGE.zip --key "FINGERPRINT"

verify.py lies in this package and needs Python 3.9 or newer and nothing else. Read it: it is one
file. To be independent of this package, take verify.py and the key's fingerprint from elsewhere;
the fingerprint and the SHA-256 of verify.py stand on the sign-off page of the review, and the hash
in Recert's documentation as well.

Read the "warnings" of campaign.json, or the first page of summary.pdf, first.

Notes of the moment, which the trail does not prove: names of reviewers, state, time and error of
the mail server for each mail, also_open, and the counts by risk class. All other fields are
compared with the trail.

summary.pdf      the whole on a few pages, to print and sign
campaign.json    scope, dates, totals, management's statement
population.csv   how the accounts of each server add up, and from which snapshot
readings.csv     how each snapshot was read, by what, and the hash of the raw answers
items.csv        every question: who has which access, who was asked, where it ended
decisions.csv    every answer ever recorded, also the changed ones; "counts" marks the one in force
reviewers.csv    what each reviewer was asked, how they answered, which instruction they read
orders.jsonl     every change of a server: native text before and after, log, second read
late.csv         the owner of each overdue change, the new date, and why it is late
annex/items.*    every question on one line, as CSV and as XLSX, for people
mails.csv        who was written to, and whether the mail server took it
auditor.jsonl    samples with their seeds, remarks and verdicts of auditors
trail.jsonl      the hash-chained log of all acts in the period
checkpoint.json  a signed statement of where that log stood
manifest.json    the hash of each file

In the CSV files a cell that a spreadsheet might run as a formula (it begins with one of = + - @,
also after blanks, a tab or a ') has a ' before it. Take that one ' away to get the text itself.
"""


def export(
    db: Database,
    campaign_id: int,
    target: Path,
    key: Ed25519PrivateKey,
    *,
    zone: tzinfo = UTC,
    actor: Actor,
    now: datetime,
) -> Package:
    """Writes the sealed package of a campaign to `target`. `zone` is where its reviewers live
    when the campaign has no zone of its own.
    Two exports of the same state differ only in their time and the trail entries of the export
    itself."""
    actor.require(Role.OFFICER, Role.AUDITOR)
    with db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        if campaign.state in (CampaignState.DRAFT, CampaignState.VOID):
            raise BadInput(
                f"The campaign {campaign.name!r} is {campaign.state.value}: no evidence."
            )
        if campaign.routing_version not in routing.VERSIONS:
            raise BadInput(
                f"The campaign {campaign.name!r} was routed by version "
                f"{campaign.routing_version} of the rules, which does not exist: somebody changed "
                "the database. Compare it with `recert trail verify`."
            )
        subject = f"campaign:{campaign.id}"
        trail.append(session, Action.EVIDENCE_EXPORTED, subject, {}, actor=actor, at=now)
    with db.reading() as session, target.open("w+b") as file:
        campaign, point = session.get_one(Campaign, campaign_id), _checkpoint(session, key, now)
        zone = zone_of(campaign.zone) if campaign.zone else zone
        with Sealed(file) as sealed:
            _write(session, campaign, point, sealed, zone, now)
        sha256, size = _seal(file, key)
    with db.transaction() as session:
        session.add(point)
        package = Package(
            campaign_id=campaign_id, created_at=now, created_by=actor.name, sha256=sha256, size=size
        )
        session.add(package)
        details = {"sha256": sha256, "size": size}
        trail.append(session, Action.EVIDENCE_SEALED, subject, details, actor=actor, at=now)
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
    session: Session,
    campaign: Campaign,
    point: TrailCheckpoint,
    sealed: Sealed,
    zone: tzinfo,
    now: datetime,
) -> None:
    sealed.text("README.txt", README.format(name=campaign.name))
    sealed.text("verify.py", Path(verifier.__file__).read_text(encoding="utf-8"))
    sealed.text("campaign.json", _json(_about(session, campaign, point, now)))
    sealed.table("population.csv", launch_record.population(session, campaign.id), POPULATION)
    sealed.table("readings.csv", launch_record.readings(session, campaign.id), READINGS)
    sealed.rows("items.csv", records.items(session, campaign), records.ITEMS)
    sealed.rows("decisions.csv", records.decisions(session, campaign.id), records.DECISIONS)
    sealed.table("reviewers.csv", reviewers.reviewers(session, campaign.id), reviewers.COLUMNS)
    sealed.lines("orders.jsonl", records.orders(session, campaign.id))
    sealed.table("late.csv", accountability.late(session, campaign.id), accountability.LATE)
    sealed.table("mails.csv", accountability.mails(session, campaign.id), MAILS)
    sealed.lines("auditor.jsonl", findings.records(session, campaign.id))
    item_annex.write(sealed, session, campaign.id, zone, now=now)
    sealed.lines("trail.jsonl", records.trail_slice(session, campaign, point.seq))
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
    contents = summary.contents_hash(sealed.files)
    key = fingerprint(bytes.fromhex(point.public_key))
    seal = summary.Seal(contents, point.seq, point.hash, key)
    sealed.raw("summary.pdf", summary.pdf(session, campaign, seal, zone, now=now))
    manifest = {
        "campaign": campaign.name,
        "contents_sha256": contents,
        "created_at": now.isoformat(),
        "format": FORMAT,
        "files": dict(sealed.files),
    }
    sealed.text("manifest.json", _json(manifest))


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


def _about(
    session: Session, campaign: Campaign, point: TrailCheckpoint, now: datetime
) -> dict[str, Any]:
    classes = overdue.by_class(session, campaign, now=now)
    times = {
        name: moment.isoformat() if (moment := getattr(campaign, name)) else None
        for name in ("launched_at", "due_at", "closed_at", "signed_off_at")
    }
    return {
        **launch_record.facts(campaign),
        "reference": campaign.ref,
        "warnings": warnings.as_json(warnings.warnings(session, campaign)),
        "state": campaign.state.value,
        "excluded": list(launch_record.exclusions(session, campaign.id)),
        "objections": list(records.objections(session, campaign.id)),
        "changes_by_risk": [_of_class(one) for one in classes],
        "releases_by_a_second_person": list(records.releases(session, campaign.id)),
        "not_mine": accountability.disputes(session, campaign.id),
        "routing": routing.as_json(campaign.routing_version),
        "questions_routed_away_from_oneself": campaign.routed_away,
        "instruction": _instruction(session, campaign),
        "due_date_extended": campaign.extensions,
        "early_close_asked_by": campaign.close_asked_by,
        "early_close_asked_because": campaign.close_reason,
        "launched_by": campaign.launched_by,
        "closed_by": campaign.closed_by,
        "signed_off_by": campaign.signed_off_by,
        "statement": campaign.statement,
        "signed_figures": campaign.signed_totals,
        "key_fingerprint": fingerprint(bytes.fromhex(point.public_key)),
        **times,
    }


def _of_class(one: overdue.OfClass) -> dict[str, Any]:
    took = one.took
    return {
        "risk": one.risk.value,
        "days_allowed": one.days,
        "verified": took.count if took else 0,
        "median_seconds": took.median.total_seconds() if took else None,
        "percentile_95_seconds": took.percentile_95.total_seconds() if took else None,
        "verified_too_late": one.late,
        "overdue": one.overdue,
    }


def _instruction(session: Session, campaign: Campaign) -> dict[str, Any] | None:
    """The instruction for reviewers, as it was when the campaign closed."""
    instruction = instructions.newest(session, until=campaign.closed_at)
    if instruction is None:
        return None
    names = ("version", "text", "by")
    return {name: getattr(instruction, name) for name in names} | {"at": instruction.at.isoformat()}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


POPULATION = (
    *("server", "snapshot", "snapshot_started", "snapshot_finished", "read_from", "raw_sha256"),
    *("accounts", "reviewed", "excluded", "out_of_scope", "without_rights", "items"),
    *launch_record.SORTS,
)
READINGS = (
    *("server", "snapshot", "kind", "collector", "read_started", "read_ended", "commands", "files"),
    *("first_files", "fingerprint", "recording_sha256", "recording_size", "recording"),
)
MAILS = (
    *("message_id", "kind", "to", "subject", "state", "written", "sent", "error"),
    *("reminder", "bounced", "bounce"),
)
