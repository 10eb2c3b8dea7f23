"""One answer for several questions of one folder."""

import json
from typing import Any

import pytest
from sqlalchemy import select, text

from recert.campaigns.decisions import service
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import NotYours, Reply, TooLate
from recert.campaigns.decisions.service import BatchResult
from recert.campaigns.models import Answer, Campaign, Item, ItemState
from recert.foundation.errors import BadInput
from recert.inventory.models import Account
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.support.house import House

INBOX = "/finance/inbox"
KEEP = Reply(Answer.KEEP, reason="Checked with the team.")


def bulk(
    house: House, ids: list[int] | None, reply: Reply = KEEP, by: str = "alice", **more: Any
) -> BatchResult:
    item = house.item("pia", INBOX)
    with house.db.transaction() as session:
        rows = session.execute(select(Item.id, Item.content_hash).where(Item.id.in_(ids or [])))
        seen = dict.fromkeys(ids or [], 0) | {row.id: row.content_hash for row in rows}
        return service.record_many(
            Act(session, more.get("actor") or house.person(by), house.now),
            session.get_one(Campaign, item.campaign_id),
            item.folder_id,
            None if ids is None else more.get("seen", seen),
            reply,
        )


def inbox(house: House, *names: str) -> list[int]:
    return [house.item(name, INBOX).id for name in names]


class TestABatch:
    def test_it_answers_what_was_ticked(self, house: House) -> None:
        house.launched()
        assert bulk(house, inbox(house, "pia", "batch")).decided == 2
        assert house.item("pia", INBOX).state is ItemState.DECIDED
        assert house.item("bob", INBOX).state is ItemState.OPEN

    def test_it_answers_all_of_the_folder_that_are_open_and_own(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        assert bulk(house, None).decided == 3  # bob, lea, batch; alice's own is with Bob
        assert house.item("pia", INBOX).answer is Answer.REVOKE
        assert house.item("bob", "/finance").state is ItemState.OPEN

    def test_the_facts_of_every_line_are_kept_with_its_answer(self, house: House) -> None:
        house.launched()
        bulk(house, None)
        with house.db.reading() as session:
            query = select(Account.name, Decision.context).join(Item, Item.account_id == Account.id)
            rows = session.execute(query.join(Decision, Decision.item_id == Item.id)).all()
        seen = {row.name: json.loads(row.context) for row in rows}
        assert seen["lea"]["person"] == "Lea Left"
        assert not seen["lea"]["person_active"]
        assert seen["lea"]["left_on"] == "2026-01-31"
        assert seen["batch"]["given_by"] == "own entry at /finance/inbox"
        assert (seen["batch"]["kind"], seen["batch"]["last_sign_in"]) == ("service", None)

    def test_it_leaves_out_what_nobody_saw(self, house: House) -> None:
        house.launched()
        pia, batch = inbox(house, "pia", "batch")
        seen = {pia: house.item("pia", INBOX).content_hash, batch: 12345}
        done = bulk(house, [pia, batch], seen=seen)
        assert (done.decided, done.skipped) == (1, 1)
        assert done.changed == ("batch (its access changed)",)
        assert house.item("batch", INBOX).state is ItemState.OPEN

    def test_all_leaves_out_what_was_asked_again(self, house: House) -> None:
        house.launched()
        house.give("pia", INBOX, "list download upload delete")
        house.snapshot()
        house.refresh()
        assert bulk(house, None).decided == 3
        assert house.item("pia", INBOX).state is ItemState.OPEN

    def test_its_decisions_are_like_single_ones(self, house: House) -> None:
        house.launched()
        done = bulk(house, inbox(house, "pia", "batch"), Reply(Answer.REVOKE, reason="Over."))
        with house.db.reading() as session:
            made = session.scalars(select(Decision).order_by(Decision.item_id)).all()
        assert {(row.batch, row.version, row.answer_rights) for row in made} == {(done.batch, 1, 0)}
        assert [row.rights for row in made] == [
            house.item("batch", INBOX).rights,
            house.item("pia", INBOX).rights,
        ]
        assert {row.at for row in made} == {house.now}

    def test_it_is_one_entry_of_the_trail_that_names_them_all(self, house: House) -> None:
        house.launched()
        ids = inbox(house, "pia", "batch")
        done = bulk(house, ids)
        with house.db.reading() as session:
            query = select(TrailEntry.body).where(TrailEntry.action == "decisions.recorded")
            (body,) = session.scalars(query)
        assert all(f"{each}" in body for each in (*ids, done.batch))

    def test_what_was_answered_before_is_skipped_and_counted(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.REVOKE))
        done = bulk(house, inbox(house, "pia", "batch", "batch"))
        assert (done.decided, done.skipped) == (1, 1)
        assert done.changed == ("pia (decided)",)
        assert house.item("pia", INBOX).version == 1

    def test_nothing_open_is_nothing_done(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, KEEP)
        entries = house.trail_actions()
        assert bulk(house, inbox(house, "pia")).decided == 0
        assert house.trail_actions() == entries

    def test_the_answers_of_others_are_out_of_reach(self, house: House) -> None:
        house.launched()
        done = bulk(house, inbox(house, "pia", "alice"))
        assert (done.decided, done.skipped) == (1, 1)
        assert done.changed == ("1 more that are not yours any more or not shown",)
        assert house.item("alice", INBOX).state is ItemState.OPEN

    def test_ones_own_account_is_left_out(self, house: House) -> None:
        house.launched()
        with house.db.transaction() as session:
            account = session.get_one(Account, house.item("pia", INBOX).account_id)
            account.person_id = house.person("alice").person_id
        bulk(house, None)
        assert house.item("pia", INBOX).state is ItemState.OPEN


class TestARefusedBatch:
    @pytest.mark.parametrize(
        ("reply", "says"),
        [
            (Reply(Answer.KEEP), "Give a reason"),
            (Reply(Answer.REVOKE, reason=" "), "Give a reason"),
            (Reply(Answer.REDUCE, reason="x"), "only be kept or removed"),
            (Reply(Answer.NOT_MINE, reason="x"), "only be kept or removed"),
            (Reply(Answer.KEEP, reason="x" * 1001), "longer than"),
        ],
    )
    def test_the_answer_must_make_sense(self, house: House, reply: Reply, says: str) -> None:
        house.launched()
        with pytest.raises(BadInput, match=says):
            bulk(house, None, reply)

    def test_something_must_be_chosen(self, house: House) -> None:
        house.launched()
        with pytest.raises(BadInput, match="at least one"):
            bulk(house, [])

    def test_it_ends_with_the_campaign(self, house: House) -> None:
        house.close(house.launched())
        with pytest.raises(TooLate):
            bulk(house, None)

    def test_who_is_no_person_has_no_questions(self, house: House) -> None:
        house.launched()
        with pytest.raises(NotYours):
            bulk(house, None, actor=house.officer)


def test_decisions_are_never_changed_or_deleted(house: House) -> None:
    house.launched()
    house.decide("pia", INBOX, KEEP)
    for act in ("UPDATE decision SET reason = 'x'", "DELETE FROM decision"):
        with pytest.raises(Exception, match="never changed"), house.db.transaction() as session:
            session.execute(text(act))
