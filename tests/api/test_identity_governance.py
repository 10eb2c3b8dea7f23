"""Identity Governance's way round: collect, send a change item, carry out, collect again."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from recert.changes import requests
from recert.changes.models import OrderState
from recert.connectors.changes import OpenAccount
from recert.connectors.rights import ADD, READ, Rights
from recert.foundation import clock
from recert.inventory.models import Account, Server
from recert.lifecycle.entitlements import (
    FolderAccess,
    Membership,
    NoSuchEntitlement,
    entitlement_of,
)
from recert.lifecycle.models import ChangeItem
from recert.people.models import Person
from recert.trail.act import Act
from tests.support.house import House
from tests.support.program import Program

BASE = "/api/v1/identity-governance/servers/main"
INBOX = FolderAccess("/finance/inbox", Rights.LIST | Rights.UPLOAD)


def rows(program: Program, feed: str) -> list[dict[str, str]]:
    answer = program.get(f"{BASE}/{feed}.csv")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def account_ids(program: Program) -> dict[str, str]:
    return {row["name"]: row["accountId"] for row in rows(program, "accounts")}


def held(program: Program) -> set[tuple[str, str]]:
    """Pairs of account name and entitlement id."""
    names = {row["accountId"]: row["name"] for row in rows(program, "accounts")}
    return {(names[row["holderLink"]], row["permissionId"]) for row in rows(program, "holders")}


def item(number: int, kind: str, **more: Any) -> dict[str, Any]:
    """One change item as the suite holds it."""
    account, permission = more.pop("account", ""), more.pop("permission", "")
    email = more.pop("email", "")
    body: dict[str, Any] = {
        "changeSetId": 24,
        "changeItemId": number,
        "changeRequestType": kind,
        "reason": "Review 'FTP Q4' decided by Carla",
        "requesterName": "Carla Meier",
        "userProfile": {"emails": [email] if email else [], "displayName": "Somebody"},
        **more,
    }
    if account:
        body["accountProfile"] = {"accountId": account}
    if permission:
        body["permissionProfile"] = {"permissionId": permission}
    return body


def send(program: Program, body: Any, code: int = 200) -> dict[str, Any]:
    answer = program.post(f"{BASE}/fulfilment", json=body)
    assert answer.status_code == code, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def kept(house: House) -> list[ChangeItem]:
    with house.db.reading() as session:
        return list(session.scalars(select(ChangeItem).order_by(ChangeItem.id)))


class TestTheFeeds:
    def test_accounts_with_their_holders_and_without(self, program):
        found = {row["name"]: row for row in rows(program, "accounts")}
        assert {"alice", "pia", "batch", "off"} <= set(found)
        assert found["alice"]["userLink"] == "alice@house.example"
        assert (found["batch"]["userLink"], found["batch"]["type"]) == ("", "service")
        assert (found["off"]["disabled"], found["alice"]["disabled"]) == ("true", "false")

    def test_permissions_in_use_and_the_standard_ones_of_each_folder(self, program):
        found = {row["permissionId"]: row for row in rows(program, "permissions")}
        assert found[INBOX.id]["name"] == "/finance/inbox: custom"
        assert found[INBOX.id]["provNativeValue"] == "/finance/inbox"
        assert FolderAccess("/sales", READ).id in found
        assert found[Membership("finance").id]["type"] == "group"

    def test_holders_join_the_two(self, program):
        found = held(program)
        assert ("pia", INBOX.id) in found
        assert ("bob", Membership("finance").id) in found
        known = {row["permissionId"] for row in rows(program, "permissions")}
        assert {permission for _, permission in found} <= known

    def test_they_are_the_same_until_something_changes(self, house, program):
        feeds = ("accounts", "permissions", "holders")
        before = [program.get(f"{BASE}/{feed}.csv").text for feed in feeds]
        house.snapshot()
        assert [program.get(f"{BASE}/{feed}.csv").text for feed in feeds] == before

    def test_before_the_first_snapshot_nothing_is_known(self, house, issued):
        program = Program(house.app(), issued())
        answer = program.get(f"{BASE}/accounts.csv")
        assert answer.status_code == 404
        assert "no complete snapshot yet" in answer.json["error"]

    def test_an_unknown_server(self, app, issued):
        program = Program(app, issued(servers=["nowhere"]))
        answer = program.get("/api/v1/identity-governance/servers/nowhere/accounts.csv")
        assert answer.status_code == 404


class TestARevocation:
    def test_it_is_gone_from_the_next_collection(self, house, program):
        before = held(program)
        ids = account_ids(program)
        body = item(101, "REMOVE_ACCOUNT_PERMISSION", account=ids["pia"], permission=INBOX.id)
        answer = send(program, body)
        assert answer["fulfillmentId"] == f"change_item:{kept(house)[0].id}"
        assert held(program) == before  # nothing is claimed before it is verified
        assert house.run().state is OrderState.VERIFIED
        assert held(program) == before - {("pia", INBOX.id)}
        assert house.entries("pia") == {}
        house.snapshot()
        assert held(program) == before - {("pia", INBOX.id)}

    def test_a_person_loses_it_on_each_account(self, house, program):
        body = item(
            102,
            "REMOVE_PERMISSION_ASSIGNMENT",
            email="Bob@House.example",
            permission=Membership("finance").id,
        )
        send(program, body)
        house.run()
        assert ("bob", Membership("finance").id) not in held(program)
        assert ("alice", Membership("finance").id) in held(program)

    def test_profiles_as_text_and_the_scripted_shape(self, house, program):
        ids = account_ids(program)
        texts = item(1, "REMOVE_ACCOUNT_PERMISSION")
        texts["accountProfile"] = json.dumps({"accountId": ids["pia"]})
        texts["permissionProfile"] = json.dumps({"permissionId": INBOX.id})
        send(program, texts)
        script = {
            "changeItemId": "2",
            "requestType": "REMOVE_ACCOUNT_PERMISSION",
            "account": "main:seller",
            "permission": FolderAccess("/sales", Rights(15)).id,
            "reason": "x",
        }
        send(program, script)
        house.run()
        assert [order.account for order in house.orders()] == ["pia", "seller"]
        assert {order.state for order in house.orders()} == {OrderState.VERIFIED}

    def test_what_is_not_held_is_nothing_to_do(self, house, program):
        ids = account_ids(program)
        body = item(5, "REMOVE_ACCOUNT_PERMISSION", account=ids["seller"], permission=INBOX.id)
        assert send(program, body)["comment"].startswith("Nothing to do")
        assert house.orders() == []


class TestTheOtherTypes:
    def test_access_is_added_to_the_only_account(self, house, program):
        wanted = FolderAccess("/sales", READ)
        body = item(1, "ADD_PERMISSION_TO_USER", email="alice@house.example", permission=wanted.id)
        send(program, body)
        assert house.run().state is OrderState.VERIFIED
        assert ("alice", wanted.id) in held(program)

    def test_adding_never_takes_away(self, house, program):
        ids = account_ids(program)
        read = FolderAccess("/finance/inbox", READ)
        body = item(1, "ADD_PERMISSION_TO_USER", account=ids["pia"], permission=read.id)
        send(program, body)
        house.run()
        assert house.entries("pia")["/finance/inbox"] == "list download upload"

    def test_a_member_is_added(self, house, program):
        ids = account_ids(program)
        group = Membership("finance")
        send(program, item(1, "ADD_PERMISSION_TO_USER", account=ids["pia"], permission=group.id))
        assert house.run().state is OrderState.VERIFIED
        assert ("pia", group.id) in held(program)

    def test_an_account_is_closed_and_never_deleted(self, house, program):
        ids = account_ids(program)
        send(program, item(1, "REMOVE_ACCOUNT", account=ids["pia"]))
        assert house.run().state is OrderState.VERIFIED
        entry = json.loads(house.permissions.read_text())["accounts"]["pia"]
        assert entry["enabled"] is False
        assert entry["folders"]
        found = {row["name"]: row["disabled"] for row in rows(program, "accounts")}
        assert found["pia"] == "true"
        assert not [one for one in held(program) if one[0] == "pia"]

    def test_an_account_is_opened_for_a_person(self, house, program):
        body = item(1, "ADD_APPLICATION_TO_USER", email="charlie@house.example")
        send(program, body)
        assert house.run().state is OrderState.VERIFIED
        assert "charlie" in json.loads(house.permissions.read_text())["accounts"]
        again = item(2, "ADD_APPLICATION_TO_USER", email="alice@house.example")
        assert send(program, again)["comment"].startswith("Nothing to do")

    def test_every_account_of_a_person_is_closed(self, house, program):
        send(program, item(1, "REMOVE_APPLICATION_FROM_USER", email="bob@house.example"))
        house.run()
        assert json.loads(house.permissions.read_text())["accounts"]["bob"]["enabled"] is False

    def test_an_account_is_unlinked_and_linked(self, house, program):
        ids = account_ids(program)

        def holder(name: str) -> str | None:
            with house.db.reading() as session:
                query = select(Person.email).join(Account, Account.person_id == Person.id)
                return session.scalar(query.where(Account.name == name))

        send(program, item(1, "REMOVE_ACCOUNT_ASSIGNMENT", account=ids["bob"]))
        assert holder("bob") is None
        body = item(2, "ADD_USER_TO_ACCOUNT", account=ids["batch"], email="mona@house.example")
        send(program, body)
        assert holder("batch") == "mona@house.example"
        assert house.orders() == []


class TestTheSameAgain:
    def test_the_same_answer_and_never_a_second_order(self, house, program):
        ids = account_ids(program)
        body = item(7, "REMOVE_ACCOUNT", account=ids["pia"])
        first = send(program, body)
        assert send(program, body) == first
        house.run()
        restarted = Program(house.app(), program.secret)
        assert send(restarted, body) == first
        assert len(house.orders()) == 1
        assert kept(house)[0].tries == 3

    def test_other_content_under_the_same_number(self, house, program):
        ids = account_ids(program)
        send(program, item(7, "REMOVE_ACCOUNT", account=ids["pia"]))
        answer = send(program, item(7, "REMOVE_ACCOUNT", account=ids["bob"]), 409)
        assert "Item 7" in answer["error"]
        assert [order.account for order in house.orders()] == ["pia"]

    def test_ten_at_once(self, house, program):
        ids = account_ids(program)
        body = item(7, "REMOVE_ACCOUNT", account=ids["pia"])
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: send(program, body), range(10)))
        assert len({json.dumps(answer) for answer in answers}) == 1
        assert len(house.orders()) == 1

    def test_a_refusal_is_looked_at_anew(self, house, program):
        body = item(9, "REMOVE_ACCOUNT", account="nina")
        assert "no account 'nina'" in send(program, body, 400)["comment"]
        house.write_permissions({"nina": {}, "alice": {}})
        house.snapshot()
        assert send(program, body)["comment"].startswith("Order")
        (one,) = kept(house)
        assert (one.refused, one.tries) == (False, 2)


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (item(1, "NOT_A_TYPE"), "none that Recert fulfils"),
            (item(1, "REMOVE_ACCOUNT"), "names no account"),
            (item(1, "REMOVE_ACCOUNT", account="a99999"), "no account 'a99999'"),
            (item(1, "REMOVE_ACCOUNT", account="p1"), "no account 'p1'"),
            (item(1, "REMOVE_ACCOUNT", account="a" + "9" * 40), "no account"),
            (item(1, "REMOVE_ACCOUNT_PERMISSION", account="pia"), "names no permission"),
            (
                item(1, "REMOVE_ACCOUNT_PERMISSION", account="pia", permission="f.x.3"),
                "no such entitlement",
            ),
            (
                item(1, "REMOVE_ACCOUNT", accountProfile="{broken"),
                "accountProfile is neither an object nor JSON text",
            ),
            (item(1, "ADD_PERMISSION_TO_USER", permission=INBOX.id), "no mail address"),
            (
                item(1, "ADD_PERMISSION_TO_USER", permission=INBOX.id, email="zoe@x.example"),
                "has no account on server main",
            ),
            (
                item(1, "ADD_USER_TO_ACCOUNT", account="pia", email="zoe@x.example"),
                "knows nobody",
            ),
            (item(1, "REMOVE_ACCOUNT", account="pia", end="soon"), "milliseconds"),
            (
                item(
                    1,
                    "ADD_PERMISSION_TO_USER",
                    account="pia",
                    permission=FolderAccess("/nowhere", READ).id,
                ),
                "no such folder",
            ),
        ],
    )
    def test_is_refused_with_a_reason_that_is_found_by_its_number(
        self, house, program, body, reason
    ):
        answer = send(program, body, 400)
        assert reason in answer["comment"]
        (one,) = kept(house)
        assert (one.number, one.refused, one.comment) == ("1", True, answer["comment"])
        assert house.orders() == []
        assert house.trail_actions()[-1] == "fulfilment.refused"

    @pytest.mark.parametrize("body", [[], "x", 3, None, {}, {"changeItemId": "abc"}])
    def test_without_a_number_nothing_is_kept(self, house, program, body):
        answer = send(program, body, 400)
        assert answer["error"]
        assert kept(house) == []

    def test_a_person_with_two_accounts(self, house, program):
        with house.db.transaction() as session:
            bob = session.scalars(select(Person).where(Person.name == "Bob Brook")).one()
            seller = session.scalars(select(Account).where(Account.name == "seller")).one()
            seller.person_id = bob.id
        body = item(1, "ADD_PERMISSION_TO_USER", email=bob.email, permission=INBOX.id)
        assert "has 2 accounts on server main: bob, seller" in send(program, body, 400)["comment"]

    def test_no_value_of_a_body_reaches_the_log(self, program, caplog):
        caplog.set_level("DEBUG")
        send(program, {**item(1, "REMOVE_ACCOUNT"), "DAAS_AUTH_INFO": "hunter2"}, 400)
        send(program, {"changeItemId": "hunter2"}, 400)
        assert "hunter2" not in caplog.text

    def test_the_connection_test(self, program):
        assert program.get(f"{BASE}/fulfilment").json == {"status": "ok", "server": "main"}


class TestEntitlementIds:
    @pytest.mark.parametrize(
        "entitlement",
        [INBOX, Membership("Ablage \u00dc/'x'"), FolderAccess("/\u65e5\u672c", Rights(1023))],
    )
    def test_they_come_back(self, entitlement):
        assert entitlement_of(entitlement.id) == entitlement
        assert entitlement.id.isascii()
        assert "/" not in entitlement.id

    @pytest.mark.parametrize(
        "text",
        ["", "f", "g.", "g.%", "f.L2E.0", "f.L2E.1024", "f.L2E.x", "f.L2E=.1", "x.L2E.1", "g.gA"],
    )
    def test_others_are_refused(self, text):
        with pytest.raises(NoSuchEntitlement):
            entitlement_of(text)


class TestWhatIsUnderWay:
    """Nobody carries anything out between the items."""

    def test_what_is_being_given_can_be_taken(self, house, program):
        seller = account_ids(program)["seller"]
        asked = {"account": seller, "permission": Membership("finance").id}
        send(program, item(1, "ADD_PERMISSION_TO_USER", **asked))
        send(program, item(2, "REMOVE_ACCOUNT_PERMISSION", **asked))
        house.run()
        assert ("seller", Membership("finance").id) not in held(program)

    def test_an_opened_account_is_in_the_feeds_before_a_snapshot_has_it(self, house, program):
        asked = {"email": "charlie@house.example"}
        send(program, item(1, "ADD_APPLICATION_TO_USER", **asked))
        house.run()
        (found,) = [row for row in rows(program, "accounts") if row["name"] == "charlie"]
        assert found["userLink"] == "charlie@house.example"

    def test_a_second_item_opens_no_second_account(self, house, program):
        asked = {"email": "charlie@house.example"}
        send(program, item(1, "ADD_APPLICATION_TO_USER", **asked))
        send(program, item(2, "ADD_APPLICATION_TO_USER", **asked), code=400)
        assert len(house.orders()) == 1

    def test_what_a_membership_opens_is_shown_at_once(self, house, program):
        seller = account_ids(program)["seller"]
        asked = {"account": seller, "permission": Membership("finance").id}
        send(program, item(1, "ADD_PERMISSION_TO_USER", **asked))
        house.run()
        shown = held(program)
        house.snapshot()
        assert shown == held(program)
        assert ("seller", FolderAccess("/finance", ADD).id) in shown

    def test_what_a_reopened_account_can_do_is_shown_at_once(self, house, program):
        with house.db.transaction() as session:
            act = Act(session, house.admin, clock.now())
            server = session.get_one(Server, house.server_id)
            requests.request(act, "test", server, OpenAccount("off", reopen=True))
        house.run()
        shown = held(program)
        house.snapshot()
        assert shown == held(program)

    def test_a_closed_account_can_be_taken_out_of_a_group(self, house, program):
        bob = account_ids(program)["bob"]
        send(program, item(1, "REMOVE_ACCOUNT", account=bob))
        house.run()
        assert ("bob", Membership("finance").id) in held(program)
        asked = {"account": bob, "permission": Membership("finance").id}
        send(program, item(2, "REMOVE_ACCOUNT_PERMISSION", **asked))
        house.run()
        assert json.loads(house.permissions.read_text())["accounts"]["bob"]["groups"] == []
        assert ("bob", Membership("finance").id) not in held(program)

    def test_a_body_without_end_is_refused(self, program):
        url, headers = f"{BASE}/fulfilment", {"Content-Type": "application/json"}
        answer = program.post(url, data="[" * 100_000, headers=headers)
        assert answer.status_code == 400, answer.text
        text = "[" * 100_000
        send(program, item(1, "REMOVE_ACCOUNT", accountProfile=text), code=400)

    def test_an_id_with_a_nul_is_refused(self, program):
        bob = account_ids(program)["bob"]
        for permission in ("f.YQBi.3", "g.YQBi"):
            body = item(3, "REMOVE_ACCOUNT_PERMISSION", account=bob, permission=permission)
            send(program, body, code=400)
