"""The printable summary of a campaign: a few pages for people who sign and file paper."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.campaigns.reviewing import queries
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.scope import Scope
from recert.changes.models import Order, OrderState
from recert.evidence import verifier
from recert.evidence.package import warnings
from recert.foundation.db import AnyRow
from recert.foundation.durations import Duration, lasted, summed
from recert.inventory.models import Account, Folder, Server
from recert.remediation import overdue
from recert.remediation.models import Remediation

TEMPLATES = Path(__file__).parents[3] / "templates" / "evidence"
EVERYBODY = 1_000_000
MOST_SERVERS, MOST_REVIEWERS, MOST_EXCEPTIONS = 30, 30, 30  # the annex has them all
MOST_LATE = 30


@dataclass(frozen=True)
class Seal:
    """The hashes and the key that tie the printed summary to its package."""

    contents: str
    trail_seq: int
    trail_hash: str
    fingerprint: str


def contents_hash(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One hash for all files of the manifest: what `sha256sum FILES... | sha256sum` prints when
    the files stand in the order of their names."""
    lines = (f"{entry['sha256']}  {name}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def verifier_sha256() -> str:
    """SHA-256 of the verify.py that this version puts into packages."""
    return hashlib.sha256(Path(verifier.__file__).read_bytes()).hexdigest()


def durations(session: Session, campaign_id: int) -> Duration | None:
    """How long verified changes took since they were decided; None when there are none."""
    query = (
        select(Decision.at, Order.verified_at)
        .select_from(Remediation)
        .join(Item, Item.id == Remediation.item_id)
        .join(Decision, Decision.id == Remediation.decision_id)
        .join(Order, Order.id == Remediation.order_id)
        .where(Item.campaign_id == campaign_id, Order.state == OrderState.VERIFIED)
        .execution_options(yield_per=1000)
    )
    rows = session.execute(query)
    return summed([(end - start).total_seconds() for start, end in rows if end])


def pdf(session: Session, campaign: Campaign, seal: Seal, zone: tzinfo, *, now: datetime) -> bytes:
    """The summary. The same state, seal and time give the same bytes."""
    servers = queries.population_of(session, campaign.id)
    progress, _ = queries.progress_board(session, campaign.id, size=EVERYBODY)
    reviewers = sorted(
        progress,
        key=lambda row: (-row.Progress.total, row.email or ""),
    )
    totals = queries.sign_off_totals(session, campaign.id)
    html = _environment(zone).get_template("summary.html")
    text = html.render(
        campaign=campaign,
        warnings=warnings.warnings(session, campaign),
        verifier_sha256=verifier_sha256(),
        seal=seal,
        limited_to=Scope.of(campaign.scope).description,
        now=now,
        servers=servers[:MOST_SERVERS],
        more_servers=[row.Population for row in servers[MOST_SERVERS:]],
        sums=_sums([row.Population for row in servers]),
        totals=totals,
        undecided=totals["items"]
        - sum(totals[name] for name in ("keep", "reduce", "revoke", "no_answer", "gone")),
        reviewers=reviewers[:MOST_REVIEWERS],
        more_reviewers=[row.Progress for row in reviewers[MOST_REVIEWERS:]],
        exceptions=exceptions(session, campaign.id),
        changes=queries.changes_by_state(session, campaign.id),
        durations=durations(session, campaign.id),
        classes=overdue.by_class(session, campaign, now=now),
        late=overdue.overdue(session, campaign, now=now, most=MOST_LATE),
    )
    return printed(text)


def printed(html: str) -> bytes:
    """HTML as PDF. Nothing is fetched for it, neither from the network nor from the disk."""
    content: bytes = import_module("recert.evidence.package.pdf").pdf(html)
    return content


def exceptions(session: Session, campaign_id: int) -> Sequence[AnyRow]:
    """The first accesses that stay although no person wanted to keep them."""
    taken_back = Item.answer.in_([Answer.REDUCE, Answer.REVOKE]) & (Item.state == ItemState.CLOSED)
    query = (
        select(
            Server.name,
            func.coalesce(Folder.path, Item.topic).label("path"),
            func.coalesce(Account.name, "").label("account"),
            Item.outcome,
        )
        .join(Server, Server.id == Item.server_id)
        .outerjoin(Folder, Folder.id == Item.folder_id)
        .outerjoin(Account, Account.id == Item.account_id)
        .where(Item.campaign_id == campaign_id, (Item.answer == Answer.NO_ANSWER) | taken_back)
        .order_by(Item.sort_key)
        .limit(MOST_EXCEPTIONS)
    )
    return session.execute(query).all()


def _sums(populations: Sequence[Population]) -> dict[str, int]:
    names = ("accounts", "reviewed", "excluded", "out_of_scope", "without_rights", "items")
    return {name: sum(getattr(part, name) for part in populations) for name in names}


def _environment(zone: tzinfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )

    def moment(at: datetime | None) -> str:
        return at.astimezone(zone).strftime("%-d %b %Y, %H:%M %Z") if at else ""

    environment.filters["moment"] = moment
    environment.filters["lasted"] = lasted
    return environment
