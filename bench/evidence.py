"""Export and verification of the evidence of a large campaign, beside the same rows as CSV."""

import csv
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.million import DIRECTOR, furnish
from bench.yardstick import seconds
from recert.campaigns.completion import close
from recert.campaigns.models import Campaign
from recert.campaigns.policy import NonResponse, Policy
from recert.campaigns.setup import drafts, launch
from recert.foundation import clock
from recert.foundation.db import Database
from recert.trail.act import Act

# The three files with a line for each item, as one would write them by hand.
NAMES = """
FROM item i JOIN server s ON s.id = i.server_id
LEFT JOIN account a ON a.id = i.account_id LEFT JOIN folder f ON f.id = i.folder_id
LEFT JOIN person p ON p.id = a.person_id LEFT JOIN person r ON r.id = i.reviewer_id
"""
BY_HAND = {
    "items.csv": f"""
SELECT i.id, s.name, f.path, i.topic, a.name, a.kind, a.enabled, p.name, a.key_count, o.name,
       i.rights, c.text, r.email, i.route, i.conflict, i.state, i.answer, i.answer_rights,
       i.outcome, i.content_hash {NAMES}
LEFT JOIN organisation o ON o.id = p.organisation_id
LEFT JOIN access_grant g ON g.id = i.grant_id LEFT JOIN source c ON c.id = g.source_id
WHERE i.campaign_id = :campaign ORDER BY i.sort_key""",
    "decisions.csv": """
SELECT d.item_id, d.version, d.answer, d.rights, d.answer_rights, d.reason, d.actor, d.channel,
       d.assurance, d.address, d.batch, d.at, d.keep_until, d.on_behalf_of, d.seen, d.session,
       d.late FROM item i JOIN decision d ON d.item_id = i.id
WHERE i.campaign_id = :campaign ORDER BY d.id""",
    "annex.csv": f"""
SELECT i.id, s.name, f.path, a.name, p.name, i.rights, r.name, r.email, i.route, d.actor,
       d.channel, d.assurance, i.answer, i.answer_rights, d.reason, n.finished_at, d.at,
       i.outcome {NAMES}
JOIN campaign_population q ON q.campaign_id = i.campaign_id AND q.server_id = i.server_id
JOIN snapshot n ON n.id = q.snapshot_id
LEFT JOIN decision d ON d.item_id = i.id AND d.version = i.version
WHERE i.campaign_id = :campaign ORDER BY i.sort_key""",
}
# Not ru_maxrss: a new process begins with that of its parent.
PEAK = """
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
"""
# In a process of its own, so that its memory is not that of the rest.
EXPORT = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from bench.million import DIRECTOR
from recert.evidence import service
from recert.foundation import clock
from recert.foundation.db import Database
db, target = Database(sys.argv[1]), Path(sys.argv[2])
before = peak()
key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
service.export(db, int(sys.argv[3]), target, key, actor=DIRECTOR, now=clock.now())
print(peak() - before)
"""
VERIFY = """
import sys
from recert.evidence import verifier
before = peak()
lines = verifier.check(sys.argv[1])
print(peak() - before)
"""


def measure(db: Database, items: int, folder: Path) -> dict[str, object]:
    """A campaign in which the policy decided every item: export, verification, the yardstick."""
    folder.mkdir(parents=True, exist_ok=True)
    furnish(db, items)
    campaign_id = _closed(db)
    raw = seconds(lambda: _by_hand(db, campaign_id, folder))
    package = folder / "evidence.zip"
    url = db.url.render_as_string(hide_password=False)
    took, added = _apart(EXPORT, url, str(package), str(campaign_id))
    checked, verifying = _apart(VERIFY, str(package))
    return {
        "items": items,
        "by_hand_seconds": raw,
        "export_seconds": took,
        "export_times_by_hand": took / raw,
        "export_megabytes": added,
        "verify_seconds": checked,
        "verify_times_by_hand": checked / raw,
        "verify_megabytes": verifying,
        "package_megabytes": round(package.stat().st_size / 1_000_000),
    }


def _closed(db: Database) -> int:
    """Launched, and closed after its due date: nobody answered, so the policy decides."""
    policy = Policy(high=NonResponse.REVOKE, medium=NonResponse.REVOKE, low=NonResponse.REVOKE)
    due, now = clock.now() + timedelta(days=1), clock.now()
    with db.transaction() as session:
        made = drafts.draft(
            Act(session, DIRECTOR, now),
            drafts.CampaignDraft("Large", [1], "/", due, undo_minutes=60, policy=policy),
        )
        launch.launch(Act(session, DIRECTOR, now), made)
        campaign_id = made.id
    with db.transaction() as session:
        later = due + timedelta(days=1)
        close.close(Act(session, DIRECTOR, later), session.get_one(Campaign, campaign_id))
    with db.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return campaign_id


def _by_hand(db: Database, campaign_id: int, folder: Path) -> None:
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for name, query in BY_HAND.items():
            sql = query.replace(":campaign", str(campaign_id))
            cursor = driver.cursor() if db.is_sqlite else driver.cursor(name="by_hand")
            cursor.execute(sql)
            with (folder / name).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                while rows := cursor.fetchmany(5000):
                    writer.writerows(rows)
            cursor.close()


def _apart(script: str, *arguments: str) -> tuple[float, int]:
    """The seconds of a script in a process of its own, less those of its imports, and the
    megabytes that it added."""
    imports = script.partition("before = ")[0].replace("db, target", "_, _")
    idle = seconds(lambda: _run(imports, *arguments))
    kilobytes = ""

    def act() -> None:
        nonlocal kilobytes
        kilobytes = _run(script, *arguments)

    return seconds(act) - idle, round(int(kilobytes) / 1024)


def _run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", PEAK + script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
