"""/scim/v2/servers/NAME: accounts as Users, entitlements as Groups."""

import json
from typing import Any

import pytest
from flask import Flask, Response
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server
from sqlalchemy import select

from recert.changes import execution, requests
from recert.changes.models import OrderKind, OrderState
from recert.connectors.rights import READ, Rights
from recert.foundation import clock
from recert.inventory.models import Account
from recert.lifecycle.entitlements import FolderAccess, Membership
from recert.people.models import TokenScope
from recert.trail.act import Act
from tests.support.house import ACCOUNTS, House
from tests.support.program import Program

BASE = "/scim/v2/servers/main"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
INBOX = FolderAccess("/finance/inbox", Rights.LIST | Rights.UPLOAD)


@pytest.fixture
def working(house: House, app: Flask) -> Flask:
    """An application whose worker carries out what was ordered before the next request."""

    @app.after_request
    def work(answer: Response) -> Response:
        execution.run_due(house.db, now=clock.now)
        return answer

    return app


def listed(program: Program, what: str, **query: Any) -> dict[str, Any]:
    answer = program.get(f"{BASE}/{what}", query_string=query)
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.text)
    assert isinstance(found, dict)
    return found


def user(program: Program, name: str) -> dict[str, Any]:
    (found,) = listed(program, "Users", filter=f'userName eq "{name}"')["Resources"]
    assert isinstance(found, dict)
    return found


def members(program: Program, group_id: str) -> set[str]:
    answer = program.get(f"{BASE}/Groups/{group_id}")
    assert answer.status_code == 200, answer.text
    return {member["display"] for member in json.loads(answer.text).get("members", ())}


def patch(program: Program, path: str, *operations: dict[str, Any], code: int = 204) -> Any:
    body = {"schemas": [PATCH], "Operations": operations}
    answer = program.request("PATCH", f"{BASE}/{path}", json=body)
    assert answer.status_code == code, answer.text
    return json.loads(answer.text) if answer.text else {}


def new_user(**more: Any) -> dict[str, Any]:
    return {"schemas": [USER], "userName": "nina", "active": True, **more}


class TestTheProtocol:
    def test_every_check_of_scim2_tester_about_users_passes(self, working, issued):
        headers = {"Authorization": f"Bearer {issued()}"}
        client = WSGISCIMClient(working, base_url=f"http://localhost{BASE}", headers=headers)
        results = check_server(client, resource_types=["User"])
        wrong = [f"{r.title}: {r.reason}" for r in results if r.status is Status.ERROR]
        # An account is open or closed: there is no third state to which it could be set.
        assert wrong == ["check_remove_attribute: Attribute 'active' was not removed"]
        assert len(results) > 40

    def test_discovery(self, program):
        config = listed(program, "ServiceProviderConfig")
        assert config["filter"] == {"supported": True, "maxResults": 1000}
        kinds = {each["name"] for each in listed(program, "ResourceTypes")["Resources"]}
        assert kinds == {"User", "Group"}
        assert listed(program, "Schemas")["totalResults"] >= 2

    def test_errors_are_of_scim(self, program, app, issued):
        answer = program.get(f"{BASE}/Users/a99999")
        assert answer.status_code == 404
        assert answer.content_type.startswith("application/scim+json")
        assert app.test_client().get(f"{BASE}/Users").status_code == 401
        reader = Program(app, issued("reader", {TokenScope.READ_ACCESS}))
        assert reader.get(f"{BASE}/Users").status_code == 200
        refused = reader.post(f"{BASE}/Users", json=new_user())
        assert refused.status_code == 403
        assert "change access" in json.loads(refused.text)["detail"]
        other = Program(app, issued("other", servers=["elsewhere"]))
        assert other.get(f"{BASE}/Users").status_code == 403


class TestReading:
    def test_accounts_with_the_mail_of_their_holder(self, program):
        found = listed(program, "Users")
        assert found["totalResults"] == len(found["Resources"]) == 7
        alice = user(program, "Alice")  # user names are compared without case
        assert alice["emails"] == [{"value": "alice@house.example", "type": "work"}]
        assert alice["active"] is True
        assert user(program, "off")["active"] is False

    def test_pages_in_a_fixed_order(self, program):
        ids = [each["id"] for each in listed(program, "Users")["Resources"]]
        pages = []
        for start in range(1, 9, 3):
            page = listed(program, "Users", startIndex=start, count=3)
            assert page["totalResults"] == 7
            pages += [each["id"] for each in page.get("Resources", [])]
        assert pages == ids
        assert listed(program, "Users", startIndex=999)["totalResults"] == 7
        assert listed(program, "Users", count=0)["totalResults"] == 7

    @pytest.mark.parametrize(
        ("condition", "names"),
        [
            ('emails eq "alice@house.example"', {"alice"}),
            ('emails.value eq "ALICE@house.example"', {"alice"}),
            ('emails[type eq "work" and value eq "alice@house.example"]', {"alice"}),
            ('userName sw "b"', {"bob", "batch"}),
            ("active eq false", {"off"}),
            ('active eq "False"', {"off"}),
            ('userName eq "bob" or userName eq "pia"', {"bob", "pia"}),
            ('not (active eq true) and userName co "f"', {"off"}),
            ('userName eq "100%"', set()),
            ('userName co "%"', set()),
            ('userName eq "x\' or 1=1 --"', set()),
            ('meta.lastModified gt "2020-01-01T00:00:00Z" and userName eq "bob"', {"bob"}),
            ('meta.lastModified gt "2099-01-01T00:00:00Z"', set()),
            ('emails pr and userName eq "batch"', set()),
        ],
    )
    def test_filters(self, program, condition, names):
        found = listed(program, "Users", filter=condition)
        assert {each["userName"] for each in found.get("Resources", [])} == names
        assert found["totalResults"] == len(names)

    @pytest.mark.parametrize(
        "condition", ['title eq "x"', "userName", 'userName eq "x', 'active gt "x"', "(" * 500]
    )
    def test_what_cannot_be_filtered_is_refused(self, program, condition):
        answer = program.get(f"{BASE}/Users", query_string={"filter": condition})
        assert answer.status_code == 400, answer.text
        assert json.loads(answer.text)["scimType"] == "invalidFilter"

    def test_entitlements_with_their_holders(self, program):
        found = listed(program, "Groups", count=1000)
        by_id = {each["id"]: each for each in found["Resources"]}
        assert {m["display"] for m in by_id[INBOX.id]["members"]} == {"pia"}
        assert {m["display"] for m in by_id[Membership("finance").id]["members"]} == {
            *("alice", "bob", "lea")
        }
        named = listed(program, "Groups", filter=f'displayName eq "{INBOX.name}"')
        assert INBOX.id in {each["id"] for each in named["Resources"]}
        bare = listed(program, "Groups", excludedAttributes="members", count=1000)
        assert all("members" not in each for each in bare["Resources"])

    def test_ids_are_those_of_the_feeds(self, program):
        feed = program.get("/api/v1/identity-governance/servers/main/accounts.csv").text
        for each in listed(program, "Users")["Resources"]:
            assert f"{each['id']},{each['userName']}," in feed

    def test_a_version_answers_304_and_412(self, program):
        alice = user(program, "alice")
        version = alice["meta"]["version"]
        path = f"{BASE}/Users/{alice['id']}"
        assert program.get(path, headers={"If-None-Match": version}).status_code == 304
        old = {"If-Match": 'W/"old"'}
        assert program.request("DELETE", path, headers=old).status_code == 412
        assert user(program, "alice")["active"] is True


class TestTheLifeOfAnAccount:
    def test_created_closed_reopened_deleted(self, house, working, issued):
        program = Program(working, issued())
        sent = new_user(displayName="Nina", emails=[{"value": "nina@house.example"}], title="Dr")
        answer = program.post(f"{BASE}/Users", json={**sent, "password": "hunter2"})
        assert answer.status_code == 201, answer.text
        assert "hunter2" not in answer.text
        made = json.loads(answer.text)
        entry = json.loads(house.permissions.read_text())["accounts"]["nina"]
        assert entry["email"] == "nina@house.example"
        path = f"Users/{made['id']}"
        assert listed(program, path)["title"] == "Dr"
        assert listed(program, path)["active"] is True
        patch(program, path, {"op": "Replace", "path": "active", "value": "False"})
        assert listed(program, path)["active"] is False
        house.snapshot()
        assert listed(program, path)["id"] == made["id"]  # the same after a snapshot has it
        patch(program, path, {"op": "replace", "value": {"active": True}})
        assert listed(program, path)["active"] is True
        assert program.request("DELETE", f"{BASE}/{path}").status_code == 204
        assert program.request("DELETE", f"{BASE}/{path}").status_code == 404
        assert program.get(f"{BASE}/{path}").status_code == 404
        assert json.loads(house.permissions.read_text())["accounts"]["nina"]["enabled"] is False
        assert {order.state for order in house.orders()} == {OrderState.VERIFIED}

    def test_a_write_answers_what_was_ordered_and_a_read_what_is_so(self, house, program):
        bob = user(program, "bob")
        body = {"schemas": [USER], "userName": "bob", "active": False}
        answer = program.request("PUT", f"{BASE}/Users/{bob['id']}", json=body)
        assert json.loads(answer.text)["active"] is False
        assert user(program, "bob")["active"] is True  # nobody has carried it out yet
        patch(program, f"Users/{bob['id']}", {"op": "replace", "value": {"active": False}})
        (order,) = house.orders()
        assert (order.kind, order.state) == (OrderKind.CLOSE, OrderState.QUEUED)
        house.run()
        assert user(program, "bob")["active"] is False

    def test_put_without_active_never_closes(self, house, program):
        bob = user(program, "bob")
        body = {"schemas": [USER], "userName": "bob", "externalId": "4711"}
        answer = program.request("PUT", f"{BASE}/Users/{bob['id']}", json=body)
        assert answer.status_code == 200, answer.text
        assert house.orders() == []
        assert user(program, "bob")["externalId"] == "4711"
        found = listed(program, "Users", filter='externalId eq "4711"')
        assert found["totalResults"] == 1

    @pytest.mark.parametrize("name", ["pia", "off"])
    def test_a_taken_name_is_409(self, house, program, name):
        answer = program.post(f"{BASE}/Users", json=new_user(userName=name))
        assert answer.status_code == 409
        assert json.loads(answer.text)["scimType"] == "uniqueness"
        assert house.orders() == []

    def test_a_second_create_is_409(self, house, program):
        assert program.post(f"{BASE}/Users", json=new_user()).status_code == 201
        assert program.post(f"{BASE}/Users", json=new_user()).status_code == 409
        assert len(house.orders()) == 1

    def test_a_deleted_name_is_never_inherited(self, house, working, issued):
        program = Program(working, issued())
        bob = user(program, "bob")
        program.request("DELETE", f"{BASE}/Users/{bob['id']}")
        house.snapshot()
        assert listed(program, "Users", filter='userName eq "bob"')["totalResults"] == 0
        assert program.post(f"{BASE}/Users", json=new_user(userName="bob")).status_code == 409

    def test_a_name_is_never_changed(self, program):
        bob = user(program, "bob")
        body = {"schemas": [USER], "userName": "robert"}
        answer = program.request("PUT", f"{BASE}/Users/{bob['id']}", json=body)
        assert answer.status_code == 400
        assert json.loads(answer.text)["scimType"] == "mutability"

    @pytest.mark.parametrize("name", ["", " nina", "ni\u0000na", "x" * 300])
    def test_a_bad_name(self, house, program, name):
        answer = program.post(f"{BASE}/Users", json=new_user(userName=name))
        assert answer.status_code == 400, answer.text
        assert house.orders() == []


class TestHolders:
    def test_a_member_is_added_and_removed(self, house, working, issued):
        program = Program(working, issued())
        seller = user(program, "seller")["id"]
        group = Membership("finance").id
        patch(program, f"Groups/{group}", add(seller))
        assert "seller" in members(program, group)
        # Entra removes by a list of values, others by a filter in the path.
        gone = {"op": "Remove", "path": "members", "value": [{"value": seller}]}
        patch(program, f"Groups/{group}", gone)
        assert members(program, group) == {"alice", "bob", "lea"}
        patch(program, f"Groups/{group}", add(seller))
        gone = {"op": "remove", "path": f'members[value eq "{seller}"]'}
        patch(program, f"Groups/{group}", gone)
        assert members(program, group) == {"alice", "bob", "lea"}
        assert {order.state for order in house.orders()} == {OrderState.VERIFIED}

    def test_rights_in_a_folder(self, house, working, issued):
        program = Program(working, issued())
        pia = user(program, "pia")["id"]
        gone = {"op": "remove", "path": f'members[value eq "{pia}"]'}
        patch(program, f"Groups/{INBOX.id}", gone)
        assert members(program, INBOX.id) == set()
        assert house.entries("pia") == {}
        read = FolderAccess("/sales", READ)
        patch(program, f"Groups/{read.id}", add(pia))
        assert members(program, read.id) == {"pia"}
        assert house.entries("pia") == {"/sales": "list download"}

    def test_put_without_members_removes_nobody(self, house, program):
        group = Membership("finance")
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": group.name,
        }
        answer = program.request("PUT", f"{BASE}/Groups/{group.id}", json=body)
        assert answer.status_code == 200, answer.text
        assert house.orders() == []

    def test_patch_removes_all_when_it_says_so(self, house, program):
        patch(program, f"Groups/{Membership('finance').id}", {"op": "remove", "path": "members"})
        assert [order.account for order in house.orders()] == ["alice", "bob", "lea"]

    def test_a_new_account_joins_before_a_snapshot_has_it(self, house, working, issued):
        program = Program(working, issued())
        made = json.loads(program.post(f"{BASE}/Users", json=new_user()).text)
        group = Membership("finance").id
        patch(program, f"Groups/{group}", add(made["id"]))
        assert "nina" in members(program, group)
        house.snapshot()
        assert "nina" in members(program, group)

    def test_entitlements_are_neither_made_nor_deleted(self, program):
        body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "x"}
        assert program.post(f"{BASE}/Groups", json=body).status_code == 403
        group = Membership("finance").id
        assert program.request("DELETE", f"{BASE}/Groups/{group}").status_code == 403

    def test_an_unknown_member_or_entitlement(self, house, program):
        group = Membership("finance").id
        answer = patch(program, f"Groups/{group}", add("a99999"), code=400)
        assert "a99999" in answer["detail"]
        nowhere = FolderAccess("/nowhere", READ).id
        assert program.get(f"{BASE}/Groups/{nowhere}").status_code == 404
        assert program.get(f"{BASE}/Groups/g.x").status_code == 404
        assert house.orders() == []


class TestWhatIsUnderWay:
    """Nobody carries anything out between the requests."""

    def test_a_member_that_is_being_added_can_be_removed(self, house, program):
        seller, group = user(program, "seller")["id"], Membership("finance").id
        patch(program, f"Groups/{group}", add(seller))
        patch(program, f"Groups/{group}", drop(seller))
        house.run()
        assert members(program, group) == {"alice", "bob", "lea"}
        assert [order.state for order in house.orders()] == [OrderState.CANCELLED]

    def test_a_member_that_is_being_removed_can_be_added(self, house, program):
        bob, group = user(program, "bob")["id"], Membership("finance").id
        patch(program, f"Groups/{group}", drop(bob))
        patch(program, f"Groups/{group}", add(bob))
        house.run()
        assert members(program, group) == {"alice", "bob", "lea"}

    def test_rights_that_are_being_given_can_be_taken(self, house, program):
        pia, read = user(program, "pia")["id"], FolderAccess("/sales", READ)
        patch(program, f"Groups/{read.id}", add(pia))
        patch(program, f"Groups/{read.id}", drop(pia))
        house.run()
        assert "/sales" not in house.entries("pia")

    def test_an_account_moves_to_another_bundle(self, house, program):
        pia, read = user(program, "pia")["id"], FolderAccess("/finance/inbox", READ)
        patch(program, f"Groups/{INBOX.id}", drop(pia))
        patch(program, f"Groups/{read.id}", add(pia))
        house.run()
        assert house.entries("pia") == {"/finance/inbox": "list download"}
        assert members(program, read.id) == {"pia"}

    def test_two_bundles_add_up(self, house, program):
        pia = user(program, "pia")["id"]
        for rights in (READ, Rights.UPLOAD):
            patch(program, f"Groups/{FolderAccess('/sales', rights).id}", add(pia))
        house.run()
        assert house.entries("pia")["/sales"] == "list download upload"

    def test_a_bundle_that_is_part_of_what_is_held_orders_nothing(self, house, program):
        seller = user(program, "seller")["id"]
        patch(program, f"Groups/{FolderAccess('/sales', READ).id}", add(seller))
        assert house.orders() == []

    def test_an_account_that_is_being_reopened_can_be_closed(self, house, program):
        off = user(program, "off")["id"]
        for active in (True, False):
            patch(program, f"Users/{off}", {"op": "replace", "path": "active", "value": active})
        house.run()
        assert user(program, "off")["active"] is False
        assert json.loads(house.permissions.read_text())["accounts"]["off"]["enabled"] is False

    def test_an_account_that_is_being_closed_can_stay_open(self, house, program):
        bob = user(program, "bob")["id"]
        for active in (False, True):
            patch(program, f"Users/{bob}", {"op": "replace", "path": "active", "value": active})
        house.run()
        assert user(program, "bob")["active"] is True
        assert [order.state for order in house.orders()] == [OrderState.CANCELLED]

    def test_a_version_that_was_read_still_counts(self, program):
        seller, group = user(program, "seller")["id"], Membership("finance").id
        patch(program, f"Groups/{group}", add(seller))
        version = listed(program, f"Groups/{group}")["meta"]["version"]
        body = {"schemas": [PATCH], "Operations": [drop(seller)]}
        answer = program.request(
            "PATCH", f"{BASE}/Groups/{group}", json=body, headers={"If-Match": version}
        )
        assert answer.status_code == 204, answer.text

    def test_an_account_opened_late_stays_closed(self, house, program):
        made = json.loads(program.post(f"{BASE}/Users", json=new_user()).text)
        before = house.permissions.read_text()
        house.permissions.chmod(0)
        house.permissions.rename(house.permissions.with_suffix(".away"))
        house.run()
        assert house.orders()[0].state is OrderState.RETRY
        house.permissions.with_suffix(".away").rename(house.permissions)
        house.permissions.chmod(0o600)
        program.request("DELETE", f"{BASE}/Users/{made['id']}")
        house.run()
        with house.later(hours=1):
            house.run()
        assert house.permissions.read_text() == before
        assert [order.state for order in house.orders()] == [
            *(OrderState.CANCELLED, OrderState.VERIFIED)
        ]


def drop(account_id: str) -> dict[str, Any]:
    return {"op": "remove", "path": f'members[value eq "{account_id}"]'}


def add(account_id: str) -> dict[str, Any]:
    return {"op": "Add", "path": "members", "value": [{"value": account_id}]}


class TestAnEndDate:
    def test_is_never_lifted_by_a_document_that_says_active(self, house, issued, app):
        over = {**ACCOUNTS["pia"], "expires": "2026-11-01T00:00:00+00:00"}
        house.write_permissions({**ACCOUNTS, "pia": over})
        house.snapshot()
        program = Program(app, issued())
        pia = user(program, "pia")["id"]
        body = {"schemas": [USER], "userName": "pia", "active": True, "title": "Dr"}
        answer = program.request("PUT", f"{BASE}/Users/{pia}", json=body)
        assert json.loads(answer.text)["active"] is False
        assert house.orders() == []


class TestHostileText:
    @pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
    @pytest.mark.parametrize("field", ["externalId", "displayName", "userName"])
    def test_in_a_new_account(self, house, program, field, text):
        answer = program.post(f"{BASE}/Users", json=new_user(**{field: text}))
        assert answer.status_code == 400, answer.text
        assert house.orders() == []

    @pytest.mark.parametrize("path", ["Users/a%00", "Groups/f.YQBi.3", "Groups/g.YQBi"])
    def test_in_an_id(self, program, path):
        assert program.get(f"{BASE}/{path}").status_code in (400, 404)

    @pytest.mark.parametrize("condition", ['userName eq "a\\u0000b"', 'userName eq "\\ud800"'])
    def test_in_a_filter(self, program, condition):
        answer = program.get(f"{BASE}/Users", query_string={"filter": condition})
        assert answer.status_code in (200, 400), answer.text

    @pytest.mark.parametrize(
        "condition",
        [" or ".join(["active eq true"] * 2000), "not (" * 400 + "active eq true" + ")" * 400],
    )
    def test_a_filter_without_end(self, program, condition):
        answer = program.get(f"{BASE}/Users", query_string={"filter": condition})
        assert answer.status_code == 400, answer.text

    def test_a_body_without_end(self, program):
        body = "[" * 100_000
        headers = {"Content-Type": "application/scim+json"}
        answer = program.post(f"{BASE}/Users", data=body, headers=headers)
        assert answer.status_code == 400, answer.text


class TestTheTrail:
    def test_holds_what_a_program_writes_about_an_account(self, house, program):
        bob = user(program, "bob")["id"]
        mails = [{"value": "eve@house.example"}]
        body = {"schemas": [USER], "userName": "bob", "emails": mails}
        for _ in range(2):
            program.request("PUT", f"{BASE}/Users/{bob}", json=body)
        assert house.trail_actions().count("account.described") == 1

    def test_holds_what_a_program_deletes_though_it_was_closed(self, house, program):
        off = user(program, "off")["id"]
        assert program.request("DELETE", f"{BASE}/Users/{off}").status_code == 204
        assert house.orders() == []
        assert house.trail_actions()[-1] == "account.forgotten"


class TestWhatAReviewDecided:
    def test_active_in_a_synchronisation_never_reopens_what_a_review_closed(
        self, house, working, issued
    ):
        program = Program(working, issued())
        pia = user(program, "pia")
        with house.db.transaction() as session:
            account = session.scalars(select(Account).where(Account.name == "pia")).one()
            act = Act(session, house.officer, clock.now())
            requests.propose_exit(act, "item:1", account.id)
        house.run()
        body = {"schemas": [USER], "userName": "pia", "active": True, "title": "Dr"}
        answer = program.request("PUT", f"{BASE}/Users/{pia['id']}", json=body)
        assert answer.status_code == 200, answer.text
        assert json.loads(answer.text)["active"] is False
        assert user(program, "pia")["active"] is False
        assert [order.kind for order in house.orders()] == [OrderKind.CLOSE]
