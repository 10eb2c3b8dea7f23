"""Scope, exclusions, delegations and what was seen, in the evidence."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.campaigns.reviewing import delegation, reviewer_changes
from recert.campaigns.setup import drafts, exclusions
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.scope import Scope
from recert.connectors.rights import Rights
from recert.evidence import verifier
from recert.foundation import secrets
from recert.foundation.actor import Role
from recert.inventory import service as inventory
from recert.people import queries as people
from recert.trail.act import Act
from tests.support import packages
from tests.support.house import House, staff

INBOX = "/finance/inbox"


@pytest.fixture
def package(house: House) -> Path:
    """Batch is excluded, Charlie stands in for Alice, and Pia's access ends by itself."""
    house.snapshot()
    ends = house.now + timedelta(days=30)
    with house.db.transaction() as session:
        main = inventory.server_by_name(session, "main")
        one = exclusions.ask(
            Act(session, house.officer, house.now), main, "batch", "/", "It moves.", ends
        )
        otto = staff("otto@house.example", Role.OFFICER)
        exclusions.approve(Act(session, otto, house.now), one)
        made = drafts.draft(
            Act(session, house.officer, house.now),
            drafts.CampaignDraft(
                "Downloads",
                [house.server_id],
                "/",
                house.now + timedelta(days=14),
                undo_minutes=60,
                scope=Scope(rights=Rights.LIST | Rights.UPLOAD),
            ),
        )
        campaigns.launch(Act(session, house.officer, house.now), made)
        campaign_id = made.id
        alice, charlie = (
            people.person_by_email(session, f"{name}@house.example")
            for name in ("alice", "charlie")
        )
        assert alice
        assert charlie
        delegation.delegate(
            Act(session, house.officer, house.now), alice, charlie, house.now, ends, "Away."
        )
    with house.db.transaction() as session:
        reviewer_changes.follow_people(session, now=house.now)
    house.decide("pia", INBOX, Reply(Answer.KEEP, until=ends), by="charlie")
    house.close(campaign_id)
    return house.export(campaign_id)


def test_the_verifier_accepts_it_and_everything_is_told(package: Path) -> None:
    assert verifier.check(str(package))
    contents = packages.files(package)
    about = json.loads(contents["campaign.json"])
    assert about["limited_to"] == ["access that can list or upload"]
    (left_out,) = about["excluded"]
    assert (left_out["account"], left_out["grants"]) == ("batch", 1)
    assert left_out["approved_by"] == "otto@house.example"
    (row,) = csv.DictReader(io.StringIO(contents["population.csv"].decode("utf-8-sig")))
    assert row["excluded"] == "1"
    decision = next(csv.DictReader(io.StringIO(contents["decisions.csv"].decode("utf-8-sig"))))
    assert decision["on_behalf_of"] == "alice@house.example"
    assert decision["keep_until"].startswith("2026-12-23")
    assert json.loads(decision["seen"])["account"] == "pia"


def test_a_population_that_hides_the_excluded_is_refused(house: House, package: Path) -> None:
    contents = packages.files(package)
    packages.edit("population.csv", lambda rows: rows[0].update(excluded="0"))(contents)
    key = secrets.signing_key(house.settings.keys)
    assert "add" in packages.refused(packages.forged(package, contents, key))


def test_a_batch_whose_name_looks_like_a_formula_is_found_in_the_trail(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "new_number", lambda: "-1+2")
    campaign_id = house.launched()
    house.decide_all("pia", INBOX, Reply(Answer.KEEP, reason="Known."))
    house.close(campaign_id)
    assert verifier.check(str(house.export(campaign_id)))
