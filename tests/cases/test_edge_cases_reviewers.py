"""Cases of docs/edge-cases.md about reviewers and owners. Each test has the name of its case."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from recert.campaigns.completion import keep_confirmation
from recert.campaigns.decisions import stage_outcomes
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import NotYours, OwnAccess, Reply, TooLate
from recert.campaigns.models import Answer, Campaign, Item, ItemState, Route, Subject
from recert.campaigns.notifications import reviewer_mails
from recert.campaigns.policy import Policy
from recert.campaigns.reviewing import ownership_disputes
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.stages import Stage, Stages
from recert.evidence import verifier
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from recert.inventory.models import Account
from recert.trail.act import Act
from tests.campaigns.completion.test_challenges import announced, objects, settles
from tests.campaigns.reviewing.test_reviewer_changes import (
    asked_about,
    delegate,
    follow,
    launch,
    leaves,
    lets_share,
    name_of,
    own,
)
from tests.campaigns.setup.test_subjects import answer, items, launched_as_it_is
from tests.support import packages
from tests.support.browser import Visitor, visible
from tests.support.house import OWNERS, House
from tests.web.public.test_item_link import link

__all__ = ["link"]

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def preview(house: House, campaign: int) -> campaigns.Preview:
    with house.db.reading() as session:
        return campaigns.preview(session, session.get_one(Campaign, campaign), now=house.now)


def decisions(house: House, item: Item) -> list[Decision]:
    with house.db.reading() as session:
        query = select(Decision).where(Decision.item_id == item.id).order_by(Decision.version)
        return list(session.scalars(query))


def test_reviewer_leaves_mid_campaign(house: House, stranger: Visitor, link: str) -> None:
    leaves(house, "alice")
    assert follow(house) > 0
    assert asked_about(house) == ("Bob Brook", Route.SUBSTITUTE)
    stranger.get(link, 410)  # the link of the one who left opens nothing
    assert "items.rerouted" in house.trail_actions()
    assert asked_about(house, "bob") == ("Mona Mill", Route.MANAGER)  # the stand-in's own access


def test_reviewer_long_absent(house: House) -> None:
    house.launched()
    delegate(house, to="charlie", days=5)
    follow(house)
    house.decide("batch", INBOX, KEEP, by="charlie")
    (made,) = decisions(house, house.item("batch", INBOX))
    assert made.person_id == house.person("charlie").person_id
    assert made.on_behalf_of == house.person("alice").person_id
    with house.later(days=6):
        follow(house)
        assert asked_about(house, "pia")[0] == "Alice Archer"


def test_no_reviewer_at_launch(house: House) -> None:
    house.give("pia", "/nobodys", "list")
    house.snapshot()
    draft = house.drafted("Without an owner")
    assert preview(house, draft).queued == 1
    house.launched()
    item = house.item("pia", "/nobodys")
    assert (item.reviewer_id, item.route) == (None, Route.QUEUE)


def test_owner_changes_mid_campaign(house: House) -> None:
    house.launched()
    house.decide("pia", INBOX, KEEP)
    own(house, OWNERS.replace("alice@house.example", "mona@house.example"))
    follow(house)
    assert asked_about(house, "batch") == ("Mona Mill", Route.OWNER)
    assert asked_about(house, "pia") == ("Alice Archer", Route.OWNER)
    assert house.item("pia", INBOX).state is ItemState.DECIDED


def test_owner_says_not_mine(house: House) -> None:
    house.launched()
    with pytest.raises(BadInput, match="why the question is not yours"):
        house.decide("pia", INBOX, Reply(Answer.NOT_MINE))
    house.decide("pia", INBOX, Reply(Answer.NOT_MINE, reason="Bob runs it."))
    item = house.item("pia", INBOX)
    assert (name_of(house, item), item.state) == ("Bob Brook", ItemState.OPEN)
    assert decisions(house, item)[0].answer is Answer.NOT_MINE
    house.decide("batch", INBOX, Reply(Answer.NOT_MINE, reason="Bob runs it."))
    with house.db.transaction() as session:
        (row,) = ownership_disputes.disputes(session)  # once, also when he says so twice
        assert (row.path, row.email) == ("/finance", "alice@house.example")
        who = {"actor": house.officer, "now": house.now}
        settled = (row.OwnershipDispute.id, "bob@house.example", "He says so.")
        ownership_disputes.settle(Act(session, **who), *settled)
        assert ownership_disputes.disputes(session) == []
    about = json.loads(packages.files(house.export(item.campaign_id))["campaign.json"])
    (told,) = about["not_mine"]
    assert told["outcome"] == "bob@house.example: He says so."


def test_self_review(house: House) -> None:
    house.launched()
    assert name_of(house, house.item("alice", INBOX)) == "Bob Brook"
    assert name_of(house, house.item("bob", INBOX)) == "Alice Archer"
    number = house.item("bob", INBOX).campaign_id
    assert house.campaign(number).routed_away == 2  # Alice's own two folders
    with house.db.transaction() as session:  # a second account of hers comes to light
        account = session.get_one(Account, house.item("pia", INBOX).account_id)
        account.person_id = house.person("alice").person_id
    with pytest.raises(OwnAccess):
        house.decide("pia", INBOX, KEEP)


def test_reviewer_can_grant_the_same_right(house: House) -> None:
    lets_share(house, "alice")
    launch(house)
    assert house.item("batch", INBOX).conflict
    assert not house.item("seller", "/sales").conflict


def alone(house: House) -> Item:
    """Alice keeps access of somebody who left, which she could give herself."""
    lets_share(house, "alice")
    launch(house)
    house.decide("lea", "/finance", Reply(Answer.KEEP, reason="Needed."), by="alice")
    house.finish("alice")
    return house.item("lea", "/finance")


def says(house: House, item: Item, actor: Actor, *, confirmed: bool) -> None:
    with house.db.transaction() as session:
        word = {"confirmed": confirmed, "reason": "Looked at it."}
        keep_confirmation.judge(Act(session, actor, house.now), item.id, **word)


def test_a_conflicted_keep_needs_a_second_person(house: House, officer: Visitor) -> None:
    item = alone(house)
    assert item.state is ItemState.DECIDED  # not final by her alone
    board = visible(officer.get(f"/campaigns/{item.campaign_id}"))
    assert "high-risk keep to confirm" in board
    waiting = visible(officer.get(f"/campaigns/{item.campaign_id}/to-confirm"))
    assert "list, download, upload" in waiting
    assert "Kept by Alice Archer, 23 Nov 2026, 13:00 CET: Needed." in waiting
    herself = replace(house.person("alice"), roles=frozenset({Role.OFFICER}))
    with pytest.raises(SecondPersonNeeded):
        says(house, item, herself, confirmed=True)
    with pytest.raises(NotAllowed):
        says(house, item, house.admin, confirmed=True)
    says(house, item, house.officer, confirmed=False)
    assert house.item("lea", "/finance").state is ItemState.OPEN
    house.decide("lea", "/finance", Reply(Answer.KEEP, reason="Really."), by="alice")
    page = f"/campaigns/{item.campaign_id}/to-confirm/{item.id}"
    officer.get(f"/campaigns/{item.campaign_id}/to-confirm")
    officer.post(page, word="confirm", version="2", reason="Her manager agrees.")
    kept = house.item("lea", "/finance")
    assert (kept.state, kept.answer) == (ItemState.CLOSED, Answer.KEEP)
    assert "confirmed by olga@house.example" in kept.outcome
    assert "decision.second_word" in house.trail_actions()
    house.close(item.campaign_id)
    assert verifier.main([str(house.export(item.campaign_id))]) == 0


def test_a_keep_that_nobody_confirms_is_silence(house: House) -> None:
    item = alone(house)
    house.close(item.campaign_id)
    over = house.item("lea", "/finance")
    assert (over.state, over.answer) == (ItemState.CLOSED, Answer.NO_ANSWER)
    assert [made.answer for made in decisions(house, over)] == [Answer.KEEP]  # hers stays
    assert verifier.main([str(house.export(item.campaign_id))]) == 0


def test_one_person_company(house: House) -> None:
    own(house, "server,folder,owner_email,substitute_email\nmain,/sales,mona@house.example,\n")
    house.write_permissions(
        {"boss": {"email": "mona@house.example", "folders": {"/sales": "list delete"}}}
    )
    house.snapshot()
    campaign = house.drafted("Alone", "/sales")
    assert preview(house, campaign).queued == 1
    with house.db.transaction() as session:
        found = session.get_one(Campaign, campaign)
        campaigns.launch(Act(session, house.officer, house.now), found)
    item = house.item("boss", "/sales")
    assert (item.reviewer_id, item.route) == (None, Route.QUEUE)
    with pytest.raises(NotYours):
        house.decide("boss", "/sales", KEEP, by="mona")
    house.close(campaign)
    assert house.item("boss", "/sales").answer is Answer.NO_ANSWER  # listed as an exception


def test_last_owner_removed(house: House) -> None:
    house.snapshot()
    asked = items(house, launched_as_it_is(house, Subject.OWNERSHIP))
    folder = next(
        one for one in asked.values() if one.reviewer_id == house.person("alice").person_id
    )
    with pytest.raises(BadInput, match="who answers for it instead"):
        answer(house, folder, Reply(Answer.REVOKE), "alice")
    said = Reply(Answer.NOT_MINE, reason="I move.", successor="mona@house.example")
    answer(house, folder, said, "alice")
    with house.db.reading() as session:
        moved = session.get_one(Item, folder.id)
        assert moved.reviewer_id == house.person("mona").person_id


def test_campaign_owner_overrides_a_reviewer(house: House) -> None:
    number = announced(house)
    house.close(number)
    objects(house)
    settles(house, keep=True, reason="The board agreed.")
    theirs, officers = decisions(house, house.item("pia", INBOX))
    assert (theirs.answer, theirs.actor) == (Answer.REVOKE, "alice@house.example")
    assert (officers.answer, officers.actor) == (Answer.KEEP, "olga@house.example")
    assert officers.reason == "The board agreed."


def test_two_reviewers_disagree(house: House) -> None:
    house.launched(stages=Stages((Stage("alice@house.example", days=5),)), prefix="/sales")
    house.decide("seller", "/sales", REVOKE, by="charlie")
    house.finish("charlie")
    stage_outcomes.move_on(house.db, now=house.now)
    house.decide("seller", "/sales", KEEP, by="alice")
    house.finish("alice")
    house.carry_out()
    item = house.item("seller", "/sales")
    assert (item.answer, item.state) == (Answer.REVOKE, ItemState.VERIFIED)  # any removal counts
    assert [made.answer for made in decisions(house, item)][:2] == [Answer.REVOKE, Answer.KEEP]


def test_link_after_reassign_and_close(house: House, stranger: Visitor, link: str) -> None:
    campaign = house.item("pia", INBOX).campaign_id
    house.close(campaign)
    assert "can no longer be answered" in stranger.follow(link)[1]
    with house.db.transaction() as session:
        session.get_one(Item, house.item("pia", INBOX).id).reviewer_id = None
    stranger.get(link, 410)


def test_scanner_opens_a_link(house: House, stranger: Visitor, link: str) -> None:
    before = house.trail_actions()
    for method in ("HEAD", "GET", "GET"):
        assert stranger.client.open(link, method=method).status_code == 303
    assert "Keep" in stranger.follow(link)[1]
    assert house.trail_actions() == before
    assert house.item("pia", INBOX).state is ItemState.OPEN


def test_five_thousand_items_for_one_reviewer(
    house: House, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {f"a{number:03}": {"folders": {INBOX: "list"}} for number in range(301)}
    house.write_permissions(many)
    house.snapshot()
    shown = preview(house, house.drafted("Many"))
    assert "Alice Archer would get 301 questions" in shown.warnings[0]
    house.launched("Many of them")
    item = house.item("a000", INBOX)
    page = alice.get(f"/reviews/{item.campaign_id}/folders/{item.folder_id}")
    assert page.count('id="item-') == 50
    path = f"/reviews/{item.campaign_id}/folders/{item.folder_id}/several"
    blind = {"answer": "keep", "scope": "all", "reason": "All fine."}
    assert "Enter 301 to confirm" in alice.post(path, 422, **blind)
    with house.db.reading() as session:
        assert session.scalar(select(func.count(Decision.id))) == 0


def test_reminders_after_the_deadline(house: House) -> None:
    house.launched(policy=Policy())
    reviewer_mails.send_due(house.db, house.head, now=house.now)
    with house.later(days=14, minutes=1) as now:
        assert reviewer_mails.send_due(house.db, house.head, now=now) == 3  # to each who still owes
    with house.later(days=17, hours=1):
        follow(house)
        assert asked_about(house) == ("Mona Mill", Route.ESCALATED)
    with house.later(days=21, hours=1):
        follow(house)
        assert asked_about(house)[1] is Route.QUEUE


def test_late_decision(house: House) -> None:
    campaign = house.launched()
    with house.later(days=15):
        house.decide("pia", INBOX, REVOKE)
        (made,) = decisions(house, house.item("pia", INBOX))
        assert made.late
        export = packages.files(house.export(campaign))
        assert [row["late"] for row in packages.rows(export["decisions.csv"])] == ["late"]
        house.close(campaign)
        with pytest.raises(TooLate):
            house.decide("batch", INBOX, KEEP)
