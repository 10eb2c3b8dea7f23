"""The lines of docs/audit-criteria.md that Recert answers, each with a test of its number."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from recert import trail
from recert.campaigns.completion import close, sign_off
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.reviewer_quality import quality
from recert.campaigns.decisions.rules import OwnAccess, Reply
from recert.campaigns.models import Answer, Campaign, ItemState, Route
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import NonResponse, Policy, Risk
from recert.campaigns.schedule import calendar
from recert.campaigns.schedule.calendar import Standing
from recert.campaigns.setup import exclusions, population
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.scope import Holder, Scope
from recert.campaigns.states import LaunchRefused, StepRefused
from recert.connectors.rights import Rights
from recert.evidence import verifier
from recert.evidence.audit import findings, retention
from recert.evidence.models import Judgement
from recert.foundation import failpoints
from recert.foundation.errors import BadInput, NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from recert.inventory import emergency_accounts, replaying, snapshots
from recert.inventory.models import Account, Grant, Server, Snapshot, SnapshotState
from recert.inventory.recordings import RecordingChanged, RecordingStore
from recert.mail import unreachable
from recert.people import trainings
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.campaigns.reviewing.test_conduct import OTTO
from tests.campaigns.reviewing.test_instructions import read, write
from tests.campaigns.reviewing.test_reviewer_changes import (
    asked_about,
    delegate,
    follow,
    launch,
    lets_share,
)
from tests.campaigns.schedule.test_runner import add
from tests.campaigns.setup.test_scope import ANOTHER, adds_up, asked, launched
from tests.campaigns.setup.test_scope import population as counted
from tests.campaigns.test_course import reassign
from tests.campaigns.triggers.test_micro_campaigns import asked as asked_between
from tests.campaigns.triggers.test_micro_campaigns import look, moved, started
from tests.cases.test_edge_cases_access import end_a_session_by_a_revoke
from tests.evidence.conftest import finished, key, package, played
from tests.evidence.test_auditor import act
from tests.evidence.test_uncertified import ALL, missing
from tests.remediation.test_overdue import classes, missed, overdue, takes_on
from tests.support import packages
from tests.support.browser import Visitor, visible
from tests.support.house import ACCOUNTS, House

__all__ = ["finished", "key", "package"]

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def newest_decision(house: House) -> Decision:
    with house.db.reading() as session:
        return session.scalars(select(Decision).order_by(Decision.id.desc()).limit(1)).one()


def preview(house: House, campaign: int) -> campaigns.Preview:
    with house.db.reading() as session:
        return campaigns.preview(session, session.get_one(Campaign, campaign), now=house.now)


def excluded(house: House, days: int = 30) -> None:
    with house.db.transaction() as session:
        ends, who = house.now + timedelta(days=days), {"actor": house.officer, "now": house.now}
        found = exclusions.ask(Act(session, **who), house.server(), "batch", "/", "It moves.", ends)
        with pytest.raises(SecondPersonNeeded):
            exclusions.approve(Act(session, **who), found)
        exclusions.approve(Act(session, ANOTHER, house.now), found)


def test_a01_what_was_read_is_stored_per_server(package: Path) -> None:
    (row,) = packages.rows(packages.files(package)["population.csv"])
    assert row["server"] == "main"
    assert row["read_from"] == "file permissions.json"
    assert row["snapshot_started"] <= row["snapshot_finished"]
    assert len(row["raw_sha256"]) == 64
    assert row["accounts"] == "7"
    (how,) = packages.rows(packages.files(package)["readings.csv"])
    assert how["snapshot"] == row["snapshot"]
    assert how["collector"].startswith("recert ")
    assert how["read_started"] <= how["read_ended"]
    assert how["files"] == "1"
    assert how["first_files"].endswith("permissions.json")
    assert len(how["recording_sha256"]) == 64
    assert int(how["recording_size"]) > 0


def test_a02_counts_reconcile(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.snapshot()
    excluded(house)
    campaign = launched(house, Scope())
    assert adds_up(counted(house, campaign))
    (left_out,) = json.loads(packages.files(house.export(campaign))["campaign.json"])["excluded"]
    assert "It moves." in left_out.values()
    assert {house.officer.name, ANOTHER.name} <= set(map(str, left_out.values()))
    real = population.count

    def one_more(*details: object) -> object:
        found = real(*details)  # type: ignore[arg-type]
        found.accounts += 1
        return found

    monkeypatch.setattr(population, "count", one_more)
    with pytest.raises(LaunchRefused, match="does not add up"):
        launched(house, Scope(), "With a difference")


def test_a03_the_raw_answer_can_be_parsed_again(house: House) -> None:
    recording_store = RecordingStore(house.settings.recordings)
    number = house.snapshot().snapshot_id
    house.permissions.unlink()  # the server is not needed for it
    found = replaying.replay(house.db, number, recording_store)
    assert found.same, found.differs
    assert (found.accounts, found.grants) == (7, 9)
    with house.db.transaction() as session:
        session.get_one(Snapshot, number).fingerprint = "0" * 64
    assert replaying.replay(house.db, number, recording_store).differs == ("the fingerprint",)
    with recording_store.path(number).open("ab") as file:
        file.write(b"more")
    with pytest.raises(RecordingChanged):
        replaying.replay(house.db, number, recording_store)


def test_a04_a_failed_read_is_not_launched(house: House) -> None:
    house.permissions.write_text("garbled")
    outcome = house.snapshot()
    assert (outcome.state, outcome.reason != "") == (SnapshotState.FAILED, True)
    with house.db.reading() as session:
        assert snapshots.queries.last_complete(session, house.server_id) is None
    assert "no complete snapshot" in preview(house, house.drafted("Never")).problems[0]
    assert '"state":"failed"' in _body(house, "snapshot.taken")


def test_a05_a_stale_snapshot_needs_a_named_second_person(house: House) -> None:
    house.snapshot()
    draft = house.drafted("Old")
    with house.later(days=3):
        with house.db.transaction() as session:
            found = session.get_one(Campaign, draft)
            who = {"actor": house.officer, "now": house.now}
            with pytest.raises(LaunchRefused, match="48 are allowed"):
                campaigns.launch(Act(session, **who), found)
            campaigns.allow_old_snapshots(Act(session, **who), found, "It moves.")
            with pytest.raises(SecondPersonNeeded, match="somebody else"):
                campaigns.launch(Act(session, **who), found)
            campaigns.launch(Act(session, ANOTHER, house.now), found)
        about = json.loads(packages.files(house.export(draft))["campaign.json"])
    assert about["older_snapshots_allowed_by"] == house.officer.name
    assert about["older_snapshots_allowed_because"] == "It moves."


@pytest.mark.parametrize(
    ("holder", "accounts"),
    [
        (Holder.PARTNER, {"pia"}),
        (Holder.SERVICE, {"batch"}),
        (Holder.ORPHAN, {"seller"}),
        (Holder.LEFT, {"lea"}),
        (Holder.EMPLOYEE, {"alice", "bob", "lea"}),
    ],
)
def test_a06_sorts_of_accounts_are_counted_apart(
    house: House, holder: Holder, accounts: set[str]
) -> None:
    house.snapshot()
    campaign = launched(house, Scope(holders=(holder,)))
    assert {account for account, _ in asked(house, campaign)} == accounts
    assert counted(house, campaign).reviewed == len(accounts)


def test_a06_keys_and_sorts_stand_in_the_population(house: House) -> None:
    """Share links do not exist on any kind of server; the right `share` is a right as others."""
    house.snapshot()
    with house.db.transaction() as session:
        session.execute(update(Account).where(Account.name == "batch").values(key_count=2))
        session.execute(update(Account).where(Account.name == "pia").values(key_count=0))
        main = session.get_one(Server, house.server_id)
        emergency_accounts.mark(Act(session, house.admin, house.now), main, "batch", "Outages.")
    house.refresh()
    campaign = launched(house, Scope())
    files = packages.files(house.export(campaign))
    (row,) = packages.rows(files["population.csv"])
    counted = {name: row[name] for name in ("partner", "service", "shared", "with_keys")}
    assert counted == {"partner": "1", "service": "1", "shared": "0", "with_keys": "1"}
    keys = {one["account"]: one["account_keys"] for one in packages.rows(files["items.csv"])}
    assert (keys["batch"], keys["pia"], keys["seller"]) == ("2", "0", "")
    assert row["emergency"] == "1"


def test_a06_privileged_accounts_are_counted_as_they_were_asked_about(house: House) -> None:
    house.snapshot()
    with house.db.transaction() as session:
        query = select(Grant).join(Account, Account.id == Grant.account_id)
        for grant in session.scalars(query.where(Account.name == "seller")):
            grant.rights |= int(Rights.SHARE)
    campaign = launched(house, Scope())
    house.write_permissions(
        {**ACCOUNTS, "seller": {"folders": {"/sales": "list"}}, "new": {"folders": {"/": "list"}}}
    )
    house.snapshot()  # nobody can do it any more
    package = house.export(campaign)
    files = packages.files(package)
    (row,) = packages.rows(files["population.csv"])
    assert row["privileged"] == "1"
    marked = {
        one["account"]: one["account_privileged"] for one in packages.rows(files["items.csv"])
    }
    assert (marked["seller"], marked["pia"]) == ("yes", "no")
    assert packages.judged(package)[0] == 0


def test_a07_every_account_is_joined_to_a_person_or_is_an_orphan(house: House) -> None:
    started(house)
    moved(house, "Finance,mona@house.example,\nbob", "Sales,mona@house.example,\nbob")
    with house.later(hours=1):
        house.snapshot()
        assert look(house) == 1
        assert {account for account, _ in asked_between(house)} == {"alice"}  # the mover
    with house.db.reading() as session:
        rows = session.scalars(select(Account)).all()
        joined = {row.name: row.person_id is not None for row in rows}
    assert joined["lea"]
    assert not joined["seller"]


def test_a08_each_item_says_who_was_asked_why_and_who_answered(house: House) -> None:
    campaign = house.launched()
    delegate(house, to="charlie")
    follow(house)
    house.decide("pia", INBOX, KEEP, by="charlie")
    files = packages.files(house.export(campaign))
    item = house.item("pia", INBOX)
    (listed,) = (row for row in packages.rows(files["items.csv"]) if row["item"] == str(item.id))
    assert (listed["reviewer"], listed["route"]) == ("charlie@house.example", "delegated")
    routing = json.loads(files["campaign.json"])["routing"]
    rules = {rule["rule"]: rule["route"] for rule in routing["rules"]}
    assert (routing["version"], rules[listed["route_rule"]]) == (1, "delegated")
    (made,) = packages.rows(files["decisions.csv"])
    assert made["actor"] == "charlie@house.example"
    assert "alice" in made["on_behalf_of"].lower()


def test_a09_nobody_reviews_himself(house: House) -> None:
    lets_share(house, "alice")
    launch(house)
    assert asked_about(house, "alice", INBOX)[0] == "Bob Brook"
    assert house.item("batch", INBOX).conflict  # Alice could grant it herself
    campaign = house.campaign(house.item("batch", INBOX).campaign_id)
    about = json.loads(packages.files(house.export(campaign.id))["campaign.json"])
    assert about["questions_routed_away_from_oneself"] == campaign.routed_away > 0
    with house.db.transaction() as session:
        account = session.get_one(Account, house.item("pia", INBOX).account_id)
        account.person_id = house.person("alice").person_id
    with pytest.raises(OwnAccess):
        house.decide("pia", INBOX, KEEP)


def test_a10_reassignment_keeps_its_chain(house: House) -> None:
    house.launched()
    reassign(house, "mona", reason="She is ill.")
    assert house.item("pia", INBOX).route is Route.REASSIGNED
    with house.db.reading() as session:
        query = select(TrailEntry.body).where(TrailEntry.action == "item.reassigned")
        body = session.scalars(query).one()
    assert "She is ill." in body
    assert '"at"' in body
    with pytest.raises(BadInput, match="92 days"):
        delegate(house, days=100)  # a delegation has an end


def test_a11_the_instruction_has_versions_and_readers(house: House) -> None:
    write(house)
    write(house, "Another text.")
    campaign = house.launched()
    read(house, 2)
    rows = packages.rows(packages.files(house.export(campaign))["reviewers.csv"])
    alice = next(row for row in rows if row["reviewer"] == "alice@house.example")
    assert (alice["instruction_version"], alice["instruction_read"][:10]) == ("2", "2026-11-23")


def test_a11_trainings_of_reviewers_are_recorded(house: House, officer: Visitor) -> None:
    with house.db.transaction() as session:
        text = (
            "email,date,course\nalice@house.example,2026-03-01,Reviews 1\n"
            "alice@house.example,2025-03-01,Old\ncharlie@house.example,2025-01-01,Old\n"
        )
        trainings.import_trainings(Act(session, house.officer, house.now), text)
    house.snapshot()
    campaign = house.drafted("Winter", policy=Policy(training_within_days=365))
    warned = "No training in the last 365 days: Bob Brook, Charlie Cole."
    assert any(warned in one for one in preview(house, campaign).warnings)
    assert warned in visible(officer.get(f"/campaigns/{campaign}"))
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        campaigns.launch(Act(session, house.officer, house.now), found)
    assert warned in visible(officer.get(f"/campaigns/{campaign}"))  # now the board
    package = house.export(campaign)
    rows = packages.rows(packages.files(package)["reviewers.csv"])
    alice = next(row for row in rows if row["reviewer"] == "alice@house.example")
    assert (alice["training"], alice["training_course"]) == ("2026-03-01", "Reviews 1")
    assert verifier.main([str(package)]) == 0


def test_a12_every_item_has_a_reviewer_or_is_counted(house: House) -> None:
    house.give("pia", "/nobodys", "list")
    house.snapshot()
    found = preview(house, house.drafted("Everything"))
    assert sum(share.items for share in found.shares) == found.items
    assert found.queued == 1


def test_a13_a_decision_says_when_how_and_how_sure(package: Path) -> None:
    made = packages.rows(packages.files(package)["decisions.csv"])[0]
    assert made["at"] == "2026-11-23T12:00:00+00:00"
    assert (made["channel"], made["assurance"]) == ("web", "signed in")
    assert "address" in made


def test_a13_the_number_of_the_session_stands_beside_it(house: House, alice: Visitor) -> None:
    campaign = house.launched()
    item = house.item("pia", INBOX)
    alice.get(f"/reviews/{campaign}/folders/{item.folder_id}")
    seen = {"version": 0, "seen": item.content_hash}
    alice.post(f"/reviews/items/{item.id}", answer="keep", **seen)
    number = newest_decision(house).session
    assert number.startswith("sign-in ")
    assert number in _body(house, "user.signed_in")
    (listed,) = packages.rows(packages.files(house.export(campaign))["decisions.csv"])
    assert listed["session"] == number


def test_a14_what_the_reviewer_saw_is_stored(house: House) -> None:
    house.launched()
    house.decide("lea", "/finance", REVOKE)
    made = newest_decision(house)
    seen = json.loads(made.context)
    assert made.rights == house.item("lea", "/finance").rights
    assert ["red", "Lea Left has left on 2026-01-31."] in seen["hints"]
    assert seen["as_of"] == "2026-11-23T12:00:00+00:00"


def test_a15_a_reason_is_needed_against_a_red_sign_and_for_many(house: House) -> None:
    house.launched()
    with pytest.raises(BadInput, match="Say why the access shall stay"):
        house.decide("lea", "/finance", KEEP)
    with pytest.raises(BadInput, match="Give a reason"):
        house.decide_all("pia", INBOX, KEEP)
    house.decide_all("pia", INBOX, Reply(Answer.KEEP, reason="Checked."))
    assert newest_decision(house).batch
    assert '"items":[' in _body(house, "decisions.recorded")


def _body(house: House, action: str) -> str:
    with house.db.reading() as session:
        query = select(TrailEntry.body).where(TrailEntry.action == action)
        return session.scalars(query.order_by(TrailEntry.seq.desc()).limit(1)).one()


def test_a16_silence_is_policy_and_nobody(house: House) -> None:
    house.close(house.launched(policy=Policy(high=NonResponse.REVOKE)))
    made = newest_decision(house)
    assert (made.person_id, made.actor, made.answer) == (None, "policy: silence", "no answer")


@pytest.mark.parametrize("statement", [delete(Decision), update(Decision).values(reason="x")])
def test_a17_decisions_are_only_added(house: House, statement: object) -> None:
    house.launched()
    house.decide("pia", INBOX, KEEP)
    house.decide("pia", INBOX, REVOKE)
    assert newest_decision(house).version == 2
    with pytest.raises(DBAPIError), house.db.transaction() as session:
        session.execute(statement)  # type: ignore[call-overload]


def test_a18_how_carefully_somebody_answered(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, KEEP)
    with house.later(seconds=20):
        house.decide("batch", INBOX, REVOKE)
    alice = house.person("alice").person_id or 0
    with house.db.reading() as session:
        found = quality(session, campaign, [alice])[alice]
    assert (found.answered, found.kept, found.in_bulk, found.seconds) == (2, 1, 0, 20.0)


def test_a19_a_revoke_has_before_after_and_every_try(package: Path) -> None:
    lines = packages.files(package)["orders.jsonl"].splitlines()
    order = next(one for one in map(json.loads, lines) if one["account"] == "pia")
    assert "list upload" in order["plan"]["before"]
    assert "list upload" not in order["plan"]["after"]
    assert [step["state"] for step in order["log"]] == [
        *("queued", "applying", "applied", "verified"),
    ]
    assert order["rights_found"] == []


def test_a20_late_changes_are_listed_with_median_and_percentile(house: House) -> None:
    campaign = house.launched(policy=Policy(days_low=6))
    house.decide("pia", INBOX, REVOKE)
    house.finish("alice")
    with house.later(days=7):
        assert overdue(house, campaign) == [("low", "pia")]
        takes_on(house, "mona@house.example", days=3)
    with house.later(days=11):
        assert missed(house, campaign) == 1  # the date passed
        takes_on(house, "adam@house.example", days=3, reason="The server moves.")
        assert missed(house, campaign) == 0
        files = packages.files(house.export(campaign))
        owners = [row["owner"] for row in packages.rows(files["late.csv"])]
        assert owners == ["mona@house.example", "adam@house.example"]  # the first one stays
    with house.later(days=7):
        house.carry_out()
        took = classes(house, campaign)[Risk.LOW].took
    assert took
    assert took.median == took.percentile_95 == timedelta(days=7)


def test_a21_access_that_is_still_there_is_no_success(house: House) -> None:
    house.ordered("pia", INBOX, REVOKE)
    with failpoints.armed("before verify", lambda: house.give("pia", INBOX, "list")):
        house.carry_out()
    item = house.item("pia", INBOX)
    assert item.state is ItemState.STILL_REACHABLE
    assert "via own entry" in item.outcome


def test_a22_the_session_of_a_revoked_account_ends(house: House) -> None:
    end_a_session_by_a_revoke(house)


def test_a23_failures_keep_the_campaign_open(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, REVOKE)
    house.close(campaign)
    house.give("pia", INBOX, "list upload delete")
    house.carry_out()
    with pytest.raises(StepRefused, match="1 items are not done"):
        house.sign_off(campaign)


def test_a24_a_missed_review_is_raised(house: House) -> None:
    add(house)
    late = datetime(2026, 12, 4, tzinfo=UTC)
    with house.db.reading() as session:
        (found,) = calendar.findings(session, now=late)
    assert found.standing is Standing.OVERDUE


def test_a25_what_nobody_certified_at_any_date(house: House) -> None:
    house.launched()
    with house.later(days=5) as answered:
        house.decide("pia", INBOX, KEEP)
        house.finish("alice")
    with house.later(days=50):
        assert missing(house, 30, answered - timedelta(days=1)) == ALL
        assert missing(house, 30, answered + timedelta(days=1)) == ALL - {("pia", INBOX)}
        assert missing(house, 30, answered + timedelta(days=31)) == ALL


def test_a26_management_signs_figures(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, REVOKE)
    house.close(campaign)
    house.carry_out()
    house.sign_off(campaign, "The management acknowledges it.")
    found = house.campaign(campaign)
    assert (found.signed_off_by, found.signed_off_at) == (house.officer.name, house.now)
    assert found.statement == "The management acknowledges it."
    assert found.signed_totals
    assert found.signed_totals["changes_verified"] == 1


def test_a27_the_auditor_samples_remarks_and_judges(house: House) -> None:
    campaign = played(house)
    sample = act(house, findings.draw_sample, campaign, 3, "my seed")
    assert (len(sample.item_ids), sample.seed) == (3, "my seed")
    act(house, findings.remark, campaign, "Ask for the contract.")
    assert act(house, findings.judge, campaign, Judgement.REJECTED, "Two owners are missing.")
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        with pytest.raises(NotAllowed):
            sign_off.void(Act(session, house.auditor, house.now), found, "No.")


def test_a28_tampering_with_any_file_is_found(package: Path, key: Ed25519PrivateKey) -> None:
    assert packages.judged(package)[0] == 0
    contents = packages.files(package)
    for name in sorted(set(contents) - {"manifest.json", "verify.py"}):
        changed = {**contents, name: contents[name] + b"\n"}
        manifest = json.loads(contents["manifest.json"])
        assert packages.refused(packages.forged(package, changed, key, manifest)), name


def test_a29_it_opens_without_recert_and_no_cell_is_a_formula(package: Path) -> None:
    code, _said = packages.judged(package)  # by the script inside, with nothing but Python
    assert code == 0
    reasons = [row["reason"] for row in packages.rows(packages.files(package)["annex/items.csv"])]
    assert any(reason.startswith("'=cmd") for reason in reasons)
    assert not [reason for reason in reasons if reason[:1] in ("=", "+", "-", "@")]


def test_a30_retention_and_legal_hold(house: House) -> None:
    campaign, late = played(house), datetime(2040, 1, 1, tzinfo=UTC)
    act(house, retention.hold, campaign, "Case 12")
    with house.db.reading() as session:
        kept = retention.keeping(session, session.get_one(Campaign, campaign))
    assert kept.years >= 6
    assert not kept.over(now=late)


def test_a31_every_mail_is_logged(house: House) -> None:
    campaign = house.launched()
    reviewer_mails.send_due(house.db, house.head, now=house.now)
    rows = packages.rows(packages.files(house.export(campaign))["mails.csv"])
    assert {row["to"] for row in rows} == {
        *("alice@house.example", "bob@house.example", "charlie@house.example"),
    }
    assert {(row["kind"], row["state"]) for row in rows} == {("invitation", "queued")}
    assert len({row["message_id"] for row in rows}) == 3
    with house.later(days=15):
        reviewer_mails.send_due(house.db, house.head, now=house.now)
        number = rows[0]["message_id"]
        with house.db.transaction() as session:
            unreachable.bounced(session, number, "550 mailbox unknown", now=house.now)
        package = house.export(campaign)
    listed = packages.rows(packages.files(package)["mails.csv"])
    (back,) = [row for row in listed if row["bounced"]]
    assert (back["message_id"], back["bounce"]) == (number, "550 mailbox unknown")
    assert "1" in {row["reminder"] for row in listed}
    assert packages.judged(package)[0] == 0


def test_a32_the_rules_in_force_are_included(house: House) -> None:
    strict = Policy(high=NonResponse.REVOKE, days_low=3)
    campaign = house.launched(policy=strict)
    about = json.loads(packages.files(house.export(campaign))["campaign.json"])
    assert about["policy"] == strict.as_json()
    assert '"high":"revoke"' in _body(house, "campaign.drafted")
    with house.db.transaction() as session:  # somebody rewrites the rule after the launch
        session.execute(text("UPDATE campaign SET policy = '{}'"))
    with house.db.reading() as session:
        assert trail.service.verify(session) is None
    assert packages.judged(house.export(campaign))[0] != 0


def test_a33_two_persons_to_close_early_and_to_exclude(house: House) -> None:
    campaign = house.launched()
    house.ask_to_close(campaign)
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        with pytest.raises(SecondPersonNeeded):
            close.close(Act(session, OTTO, house.now), found)
    excluded(house)  # refuses the one who asked
    actions = house.trail_actions()
    assert {"exclusion.asked", "exclusion.approved"} <= set(actions)


def test_a35_exceptions_end_by_themselves(house: House) -> None:
    excluded(house, days=30)
    with house.later(days=31):
        house.snapshot()
        assert ("batch", INBOX) in asked(house, launched(house, Scope()))
