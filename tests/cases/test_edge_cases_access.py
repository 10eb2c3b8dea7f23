"""Cases of docs/edge-cases.md about access that changes and is taken away. Each test has the name
of its case."""

import ftplib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import AnsweredMeanwhile, Reply
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState, Subject
from recert.campaigns.policy import Policy
from recert.campaigns.reviewing import queries, recommendations
from recert.campaigns.reviewing.recommendations import Level
from recert.campaigns.setup import launch, population
from recert.campaigns.setup.scope import Scope, conditions
from recert.campaigns.setup.selection import joined
from recert.campaigns.states import LaunchRefused, StepRefused
from recert.changes import requests, service
from recert.changes import service as changes
from recert.changes.models import OrderState
from recert.connectors.contract import AccountFact
from recert.connectors.embedded import evaluate
from recert.foundation.errors import BadInput
from recert.ftpserver.server import EmbeddedServer
from recert.inventory import emergency_accounts, snapshots
from recert.inventory import queries as inventory_queries
from recert.inventory import service as inventory
from recert.inventory.models import Account, Folder, Grant, Server
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.activity.test_logs import day, load, log, transfer
from tests.campaigns.completion.test_challenges import announced, objects
from tests.campaigns.setup.test_subjects import launched
from tests.campaigns.triggers.test_micro_campaigns import asked, look, removed
from tests.changes.test_by_hand import AFTER, connect, ordered
from tests.changes.test_undo_and_retry import undo
from tests.support import packages
from tests.support.browser import Visitor, visible
from tests.support.house import ACCOUNTS, FTP_PASSWORD, NOON, House

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def hints_of(house: House, account: str) -> list[tuple[Level, str]]:
    item = house.item(account, INBOX)
    with house.db.reading() as session:
        row = queries.item_row(session, item.id)
        assert row
        found = recommendations.hints_for(session, [row], now=house.now)[item.id]
        return [(hint.level, hint.text) for hint in found]


def now_granted(house: House, account: str, folder: str) -> int | None:
    house.snapshot()
    with house.db.reading() as session:
        query = (
            select(Grant.rights)
            .join(Account, Account.id == Grant.account_id)
            .join(Folder, Folder.id == Grant.folder_id)
            .where(Account.name == account, Folder.path == folder)
            .where(Grant.gone_snapshot_id.is_(None))
        )
        return session.scalar(query)


def test_item_gone_before_the_decision(house: House) -> None:
    campaign = house.launched()
    house.give("pia")
    house.snapshot()
    house.refresh()
    item = house.item("pia", INBOX)
    assert (item.state, item.outcome) == (ItemState.GONE, "Gone before it was decided.")
    assert item.campaign_id == campaign  # it stays in the population
    with house.later(minutes=11):  # one reading is no proof
        house.snapshot()
        house.close(campaign)
    assert house.item("pia", INBOX).answer is None  # and silence is not its answer


def test_item_changed_meanwhile(house: House) -> None:
    house.launched()
    seen = house.item("pia", INBOX)
    house.decide("pia", INBOX, KEEP)
    house.give("pia", INBOX, "list upload overwrite delete")
    house.snapshot()
    house.refresh()
    again = house.item("pia", INBOX)
    assert (again.state, again.answer) == (ItemState.OPEN, None)
    with pytest.raises(AnsweredMeanwhile):
        house.decide("pia", INBOX, Reply(Answer.KEEP, content_hash=seen.content_hash))


def test_new_grant_after_the_snapshot(house: House) -> None:
    campaign = house.launched()
    look(house)
    house.give("bob", "/sales", "list delete")
    house.give("alice", "/sales", "list")
    with house.later(hours=1):
        house.snapshot()
        assert look(house) == 1
        assert set(asked(house)) == {("bob", "/sales")}  # the risky one; the other next time
        assert house.item("bob", "/sales").campaign_id != campaign


def met_another_access(house: House) -> int:
    """A removal that met more than it was about; the number of its item."""
    house.ordered("pia", INBOX, REVOKE)
    look(house)
    house.give("pia", INBOX, "list upload delete")
    house.carry_out()
    return house.item("pia", INBOX).id


def old_item(house: House, number: int) -> Item:
    with house.db.reading() as session:
        return session.get_one(Item, number)


def test_revoke_target_differs_at_apply_time(house: House) -> None:
    number, before = met_another_access(house), house.permissions.read_bytes()
    item = old_item(house, number)
    assert item.state is ItemState.NEEDS_ATTENTION
    assert "The account now has list, upload, delete" in item.outcome
    assert look(house) == 0
    assert house.server().snapshot_wanted_at is not None  # a fresh look is asked for
    with house.later(hours=1):
        house.snapshot()
        assert look(house) == 1
        assert f"It was to be removed (item {number} of" in asked(house)["pia", INBOX]
        house.carry_out()
        assert 'It is asked again in "Changes on main' in old_item(house, number).outcome
        assert house.permissions.read_bytes() == before  # nothing was written
        house.snapshot()
        assert look(house) == 0  # once
        assert "access.asked_again" in house.trail_actions()
        house.decide("pia", INBOX, REVOKE)
        house.finish("alice")
        house.carry_out()
        house.carry_out()
    assert house.item("pia", INBOX).state is ItemState.VERIFIED
    assert old_item(house, number).state is ItemState.SUPERSEDED  # and it can be signed off


def test_a_target_that_is_again_as_decided_is_tried_again(house: House) -> None:
    number = met_another_access(house)
    look(house)
    house.give("pia", INBOX, "list upload")
    with house.later(hours=1):
        house.snapshot()
        assert look(house) == 0
        house.carry_out()
    assert old_item(house, number).state is ItemState.VERIFIED


def test_access_granted_again_after_the_revoke(house: House) -> None:
    number = removed(house)
    house.give("pia", INBOX, "list upload")
    with house.later(hours=2):
        house.snapshot()
        assert look(house) == 1
        assert f"Removed by order {number}" in asked(house)["pia", INBOX]
    assert "access.came_back" in house.trail_actions()


def test_direct_and_group_path_both_exist(house: House) -> None:
    house.give("bob", "/finance", "list download upload")
    house.ordered("bob", "/finance", REVOKE)
    house.carry_out()
    assert house.item("bob", "/finance").state is ItemState.VERIFIED
    assert now_granted(house, "bob", "/finance") is None  # by neither way
    assert now_granted(house, "lea", "/finance") is not None


def test_removing_a_group_member_hits_other_folders(house: House, app: Flask) -> None:
    charlie = Visitor(app).sign_in(house.user(house.person("charlie")))
    number = launched(house, Subject.MEMBERSHIP)
    page = visible(charlie.get(f"/reviews/{number}/questions"))
    assert "The group gives access to /finance see file names" in page  # what the removal would hit
    house.ordered("bob", "/finance", REVOKE)  # one folder only: not by the group
    house.run()
    content = json.loads(house.permissions.read_text())
    assert content["accounts"]["bob"]["groups"] == ["finance"]
    assert house.entries("bob") == {"/finance": "", INBOX: "list download upload"}


def second_server(house: House, accounts: dict[str, dict[str, Any]]) -> int:
    """Another server that shows the same storage as `main`; its number."""
    file = house.folder / "second.json"
    content = json.loads(house.permissions.read_text(encoding="utf-8"))
    password = content["accounts"]["alice"]["password"]
    made = {name: {"password": password, **account} for name, account in accounts.items()}
    file.write_text(json.dumps({**content, "groups": {}, "accounts": made}), encoding="utf-8")
    with house.db.transaction() as session:
        main, more = session.get_one(Server, house.server_id), {"file": str(file)}
        common: dict[str, Any] = {"actor": house.admin, "now": house.now}
        inventory.set_storage(Act(session, **common), main, "fileserver1")
        second = inventory.add_server(
            Act(session, **common), "second", "embedded", more, storage="fileserver1"
        ).id
    take(house, second)
    return second


def take(house: House, server_id: int) -> None:
    assert snapshots.take(house.db, server_id, actor=house.admin, now=lambda: house.now)


def test_the_same_directory_on_two_servers(house: House, app: Flask) -> None:
    admin = Visitor(app).sign_in(house.user(house.admin))
    accounts = {
        "partner7": {"email": "pia@partner.example", "folders": {"/finance": "list download"}},
        "batch": {"kind": "service", "folders": {INBOX: "delete"}},
        "bob": {"folders": {"/sales": "list"}},
    }
    second = second_server(house, accounts)
    campaign = house.launched()
    said = {name: [text for _, text in hints_of(house, name)] for name in ("pia", "batch")}
    told = "The same folder is open to this person on server second: account partner7, read."
    assert told in said["pia"]  # of /finance, which holds for the inbox below too
    same = "The same folder is open to the same login name on server second: account batch, delete."
    assert same in said["batch"]
    assert not [text for _, text in hints_of(house, "bob") if "server second" in text]

    house.decide("pia", INBOX, REVOKE)
    house.decide_all("batch", INBOX, Reply(Answer.REVOKE, reason="Not needed."))
    seen = {one.item_id: json.loads(one.context) for one in decisions_of(house)}
    assert told in str(seen[house.item("pia", INBOX).id]["hints"])
    with house.db.reading() as session:
        query = select(TrailEntry.body).where(TrailEntry.action == "decisions.recorded")
        assert "second: batch (delete)" in session.scalars(query).one()
    house.finish("alice")
    house.carry_out()
    item = house.item("pia", INBOX)
    assert item.state is ItemState.VERIFIED
    left = "Still reachable then through server second: partner7 (list download)."
    assert left in item.outcome
    order = next(one for one in house.orders() if one.account == "pia")
    assert "through server second as partner7" in visible(admin.get(f"/orders/{order.id}"))

    files = packages.files(package := house.export(campaign))
    rows = {(row["account"], row["folder"]): row for row in packages.rows(files["items.csv"])}
    assert rows["pia", INBOX]["also_open"] == "second: partner7 (list download)"
    assert rows["pia", INBOX]["outcome"] == item.outcome
    assert rows["lea", "/finance"]["also_open"] == ""
    lines = map(json.loads, files["orders.jsonl"].decode().splitlines())
    kept = {line["account"]: line["left_over"] for line in lines}
    assert kept["pia"] == {"elsewhere": ["second: partner7 (list download)"]}
    assert packages.judged(package)[0] == 0

    with house.later(minutes=5):  # it is taken away there as well; no snapshot has seen that yet
        revoke_at(house, second, "partner7", INBOX)
        assert "through server second as" not in visible(admin.get(f"/orders/{order.id}"))


def revoke_at(house: House, server_id: int, account: str, folder: str) -> None:
    with house.db.transaction() as session:
        server = session.get_one(Server, server_id)
        inventory.enable_writes(Act(session, house.admin, house.now), server, True)
        query = (
            select(Grant)
            .join(Account, Account.id == Grant.account_id)
            .join(Folder, Folder.id == Grant.folder_id)
            .where(Account.name == account, Folder.path == folder, Grant.server_id == server_id)
        )
        held = session.scalars(query).one()
        wanted = (held.account_id, held.folder_id, held.rights, 0)
        requests.propose(Act(session, house.admin, house.now), "by hand", *wanted)
    assert house.run().state is OrderState.VERIFIED


def decisions_of(house: House) -> list[Decision]:
    with house.db.reading() as session:
        return list(session.scalars(select(Decision)))


def test_anonymous_access_is_an_item_of_its_own(house: House) -> None:
    public = {"kind": "anonymous", "folders": {INBOX: "list download"}}
    house.write_permissions({**ACCOUNTS, "anonymous": public})
    house.launched()
    assert house.item("anonymous", INBOX).reviewer_id == house.person("alice").person_id
    assert Level.RED in {level for level, _ in hints_of(house, "anonymous")}
    with pytest.raises(BadInput, match="Say why"):
        house.decide("anonymous", INBOX, KEEP)


def end_a_session_by_a_revoke(house: House) -> None:
    """A client that is signed in at a real server loses its access while it stays."""
    (house.folder / "files/finance/inbox").mkdir(parents=True)
    server = EmbeddedServer(house.permissions)
    server.start()
    try:
        client = ftplib.FTP(encoding="utf-8", timeout=10)
        client.connect("127.0.0.1", server.port)
        client.login("pia", FTP_PASSWORD)
        assert client.nlst(INBOX) == []
        house.ordered("pia", INBOX, REVOKE)
        house.carry_out()
        assert house.item("pia", INBOX).state is ItemState.VERIFIED
        with pytest.raises((ftplib.error_perm, EOFError)):
            client.nlst(INBOX)
        client.close()
    finally:
        server.stop()


def test_open_session_after_the_revoke(house: House) -> None:
    end_a_session_by_a_revoke(house)


def test_an_emergency_account_that_is_not_used(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, signed_in = evaluate.account_fact, {"batch": day(1), "pia": day(1)}

    def fact(*told: Any) -> AccountFact:
        found = real(*told)
        return replace(found, last_login=signed_in.get(found.name))

    monkeypatch.setattr(evaluate, "account_fact", fact)
    house.snapshot()
    mark_for_emergencies(house, "batch")
    assert look(house) == 0
    with house.later(days=120):
        house.launched()  # it is asked about as any other
        kept = "This is an emergency account: Storage outages. It was last used on 1 November 2026."
        assert (Level.PLAIN, kept) in hints_of(house, "batch")
        assert "Nobody has signed in" not in str(hints_of(house, "batch"))
        assert "Nobody has signed in" in str(hints_of(house, "pia"))
        unused = not_used_for(house, days=90)
        assert "pia" in unused
        assert "batch" not in unused
        look(house)
    with house.later(days=120, hours=1):
        signed_in["batch"] = house.now
        house.snapshot()
        assert look(house) == 1
        said = "Emergency account (Storage outages), used on 23 March 2027 14:00."
        assert said in asked(house)["batch", INBOX]
        assert look(house) == 0  # once
    with house.later(days=120, hours=2):
        load(house, log(house.folder, (transfer("batch", f"{INBOX}/a.csv"), house.now)))
        assert look(house) == 1
        assert set(asked(house)) == {("batch", INBOX)}
        assert house.trail_actions().count("emergency_account.used") == 2


def mark_for_emergencies(house: House, account: str) -> None:
    with house.db.transaction() as session:
        main, why = session.get_one(Server, house.server_id), "Storage outages."
        emergency_accounts.mark(Act(session, house.admin, house.now), main, account, why)


def not_used_for(house: House, days: int) -> set[str]:
    with house.db.reading() as session:
        chosen = conditions(Scope(unused_days=days), since=None, now=house.now)
        return set(session.scalars(joined(select(Account.name).select_from(Grant)).where(*chosen)))


def test_batch_account_that_never_logs_in(house: House) -> None:
    house.launched()
    load(house, log(house.folder, (transfer("batch", f"{INBOX}/a.csv"), day(20))))
    texts = [text for _, text in hints_of(house, "batch")]
    assert any("last downloaded files on 20 November 2026" in text for text in texts)
    assert not [text for text in texts if "sign-in" in text]  # nothing known is no reproach
    with house.db.reading() as session:
        newest = inventory_queries.last_complete(session, house.server_id)
        assert newest
        (said,) = population.unknown_use(session, Scope(unused_days=90), newest, "main")
    assert said.startswith("Of 6 accounts on main")  # all but batch, whose transfers are known
    assert "not taken as unused" in said


def test_revoke_that_would_stop_a_live_feed(house: House) -> None:
    announced(house, Policy(challenge_days=3, batch_size=1))
    assert house.orders() == []
    objects(house, "It feeds the bank every night.")
    house.carry_out()
    item = house.item("pia", INBOX)
    assert (item.state, house.orders()) == (ItemState.OPEN, [])
    assert "feeds the bank" in item.outcome


def test_a_removal_of_what_is_in_use_waits(house: House, officer: Visitor) -> None:
    campaign = house.launched()
    load(house, log(house.folder, (transfer("batch", f"{INBOX}/a.csv"), NOON - timedelta(days=3))))
    load(house, log(house.folder, (transfer("pia", f"{INBOX}/a.csv"), day(1)), name="old"))
    house.decide("batch", INBOX, REVOKE)
    house.decide("pia", INBOX, REVOKE)  # used, but not by what is taken: she only uploads
    house.finish("alice")
    house.carry_out()
    assert house.item("pia", INBOX).state is ItemState.VERIFIED
    assert house.item("batch", INBOX).state is ItemState.FINAL
    page = visible(officer.get(f"/releases/{campaign}"))
    assert "1 of them are of access that was used in the last 30 days." in page
    assert "20 Nov 2026" in page  # the last transfer
    house.close(campaign)
    with pytest.raises(StepRefused):
        house.sign_off(campaign)
    house.release(campaign)
    house.carry_out()
    assert house.item("batch", INBOX).state is ItemState.VERIFIED
    house.sign_off(campaign)


def test_the_last_administrator_stays_until_there_is_a_successor(house: House) -> None:
    export = connect(house, complete="yes")
    rows = [
        *("principal,folder,rights,email", "pia,/finance/inbox,list share,pia@partner.example"),
        *("bob,/finance/inbox,list share,bob@house.example", "lea,/finance/inbox,list,"),
    ]
    export.write_text("\n".join(rows) + "\n")
    campaign = house.launched(policy=Policy(removal_threshold=1))
    house.decide("pia", INBOX, REVOKE)
    house.decide("bob", INBOX, REVOKE)
    house.close(campaign)
    house.release(campaign)  # does not help
    house.carry_out()
    states = {order.account: order.state for order in house.orders()}
    assert sorted(states.values()) == [OrderState.HELD, OrderState.MANUAL]  # not both
    (last,) = (who for who, state in states.items() if state is OrderState.HELD)
    item = house.item(last, INBOX)
    assert item.state is ItemState.NEEDS_ATTENTION
    assert f"{last} is the last account" in item.outcome
    assert "others access on export" in item.outcome
    with house.later(hours=1):
        house.snapshot()
        house.carry_out()
        assert house.item(last, INBOX).outcome == item.outcome  # nothing changed
    export.write_text(
        "\n".join(rows).replace("lea,/finance/inbox,list", "lea,/finance/inbox,list share")
    )
    with house.later(hours=2):
        house.snapshot()
        house.carry_out()
        assert {order.state for order in house.orders()} == {OrderState.MANUAL}
    assert house.trail_actions().count("order.held") == 1


def test_server_down_at_apply(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, REVOKE)
    house.close(campaign)
    away = house.permissions.rename(house.folder / "away")
    house.carry_out()
    assert house.orders()[-1].state is OrderState.RETRY
    with pytest.raises(StepRefused, match="1 items are not done"):
        house.sign_off(campaign)
    away.rename(house.permissions)
    with house.later(days=3):
        house.carry_out()
        house.sign_off(campaign)
    assert house.campaign(campaign).state is CampaignState.SIGNED_OFF


def test_partial_success(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, REVOKE)
    house.decide("batch", INBOX, REVOKE)
    house.close(campaign)
    house.give("batch", INBOX, "list download delete upload")
    house.carry_out()
    states = {name: house.item(name, INBOX).state for name in ("pia", "batch")}
    assert states == {"pia": ItemState.VERIFIED, "batch": ItemState.NEEDS_ATTENTION}
    with pytest.raises(StepRefused):
        house.sign_off(campaign)


def test_read_only_server(house: House) -> None:
    export = connect(house, complete="yes")
    order = ordered(house)
    assert order.state is OrderState.MANUAL
    with house.later(hours=1):
        with house.db.transaction() as session:
            found = changes.order_by_id(session, order.id)
            who = {"actor": house.admin, "now": house.now}
            service.set_ticket(Act(session, **who), found, "CHG-4711")
        house.snapshot()
        waiting = house.run()
        assert waiting.state is OrderState.MANUAL  # nobody's "done" counts
        assert waiting.ticket == "CHG-4711"
    export.write_text(AFTER)
    with house.later(hours=2):
        house.snapshot(accept_shrink=True)
        assert house.run().state is OrderState.VERIFIED


def test_correction_after_apply(house: House) -> None:
    before = house.permissions.read_bytes()
    house.ordered("pia", INBOX, REVOKE)
    house.carry_out()
    undo(house, house.orders()[-1])
    house.carry_out()
    assert house.permissions.read_bytes() == before
    item = house.item("pia", INBOX)
    taken_back = house.orders()[-1]
    assert taken_back.reason
    assert taken_back.created_by != taken_back.approved_by  # two persons
    assert item.state is ItemState.CLOSED
    assert "Taken back by adam@house.example" in item.outcome
    with house.later(days=40), pytest.raises(changes.rules.UndoRefused):
        undo(house, house.orders()[0])


def test_snapshot_stale_or_partial(house: House) -> None:
    house.snapshot()
    with house.later(hours=49), pytest.raises(LaunchRefused, match="48 are allowed"):
        launch_drafted(house)
    house.permissions.write_text('{"version": 1')
    with house.later(hours=50):
        house.snapshot()  # it fails, and does not make the old one younger
        with pytest.raises(LaunchRefused, match="48 are allowed"):
            launch_drafted(house)


def launch_drafted(house: House) -> None:
    number = house.drafted(f"At {house.now:%d %H:%M}")
    with house.db.transaction() as session:
        found = session.get_one(Campaign, number)
        launch.launch(Act(session, house.officer, house.now), found)


def test_login_deleted_and_used_again(house: House) -> None:
    house.launched("Before")
    house.decide("pia", INBOX, KEEP)
    old = house.item("pia", INBOX)
    house.give("pia")
    house.snapshot()
    house.refresh()
    house.write_permissions(ACCOUNTS)
    house.launched("After")
    new = house.item("pia", INBOX)
    assert new.account_id != old.account_id
    assert (new.state, new.version) == (ItemState.OPEN, 0)  # nothing of the old one is inherited


def test_keys_of_an_account_stand_beside_the_question(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluate.account_fact

    def with_keys(number: int) -> None:
        monkeypatch.setattr(evaluate, "account_fact", lambda *a: replace(real(*a), keys=number))

    def said() -> list[str]:
        item = house.item("pia", INBOX)
        with house.db.reading() as session:
            row = queries.item_row(session, item.id)
            found = recommendations.hints_for(session, [row], now=NOON)[item.id]
        return [hint.text for hint in found if "account." in hint.text]

    with_keys(2)
    house.launched()
    assert said() == ["2 keys open this account."]
    before = house.item("pia", INBOX)
    with_keys(1)
    house.snapshot()
    house.refresh()
    assert said() == ["1 key opens this account."]
    assert house.item("pia", INBOX).account_id == before.account_id  # no new account, no new answer
    assert house.item("pia", INBOX).version == before.version


def test_a_key_outlives_the_last_right(
    house: House, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = evaluate.account_fact
    monkeypatch.setattr(evaluate, "account_fact", lambda *a: replace(real(*a), keys=2))
    said = "This account reaches nothing any more, but 2 keys still open it"
    house.give("batch", "/sales", "list")
    campaign = house.launched()
    house.decide("pia", INBOX, REVOKE)
    house.decide("batch", INBOX, REVOKE)
    house.finish("alice")
    house.carry_out()
    first, second = house.orders()
    last, other = (first, second) if first.account == "pia" else (second, first)
    admin = Visitor(app).sign_in(house.user(house.admin))
    page = visible(admin.get(f"/orders/{last.id}"))
    assert f"{said}; close the account to be done." in page
    assert said not in visible(admin.get(f"/orders/{other.id}"))  # it still reaches /sales
    assert said in house.item("pia", INBOX).outcome
    files = packages.files(package := house.export(campaign))
    lines = map(json.loads, files["orders.jsonl"].decode().splitlines())
    assert {line["account"]: line["left_over"] for line in lines} == {
        "pia": {"keys": 2},
        "batch": {},
    }
    assert packages.judged(package)[0] == 0


def test_folder_renamed(house: House) -> None:
    house.launched("Before")
    house.give("pia", INBOX)
    house.give("pia", "/finance/post", "list upload")
    house.snapshot()
    house.refresh()
    house.launched("After")
    assert house.item("pia", INBOX).state is ItemState.GONE
    assert house.item("pia", "/finance/post").state is ItemState.OPEN
