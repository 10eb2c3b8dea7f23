"""Between campaigns: what changed outside of Recert is asked about at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from recert.campaigns.decisions.rules import NotYours, Reply
from recert.campaigns.models import (
    Answer,
    Campaign,
    CampaignGrant,
    CampaignKind,
    CampaignState,
    Event,
    Item,
    ItemState,
)
from recert.campaigns.setup import drafts, exclusions
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.models import Population
from recert.campaigns.setup.scope import Scope
from recert.campaigns.triggers import micro_campaigns
from recert.campaigns.triggers.micro_campaigns import MicroCampaignSettings
from recert.campaigns.triggers.models import ServerLook
from recert.connectors.rights import Rights
from recert.foundation.errors import NotAllowed
from recert.inventory.models import Account, Folder
from recert.people import service as people
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.foundation.test_db import at_once
from tests.support.house import PEOPLE, House, staff

INBOX = "/finance/inbox"


def look(house: House) -> int:
    """One tick; how many micro reviews it launched."""
    return micro_campaigns.ask_due(
        house.db, MicroCampaignSettings(house.settings.zone), now=house.now
    )


def started(house: House) -> None:
    """A first look, and an hour later."""
    house.snapshot()
    assert look(house) == 0


def asked(house: House) -> dict[tuple[str, str], str]:
    """What the newest micro review asks about, and why."""
    with house.db.reading() as session:
        query = (
            select(Account.name, Folder.path, Item.outcome)
            .select_from(Item)
            .join(Account, Account.id == Item.account_id)
            .join(Folder, Folder.id == Item.folder_id)
            .where(Item.campaign_id == newest(house).id)
        )
        return {(row[0], row[1]): row[2] for row in session.execute(query)}


def newest(house: House) -> Campaign:
    with house.db.reading() as session:
        query = select(Campaign).where(Campaign.kind == CampaignKind.MICRO)
        return session.scalars(query.order_by(Campaign.id.desc()).limit(1)).one()


def moved(house: House, old: str, new: str) -> None:
    with house.db.transaction() as session:
        rows = PEOPLE.replace(old, new)
        people.import_people(Act(session, house.admin, house.now), rows)


class TestTheFirstLook:
    def test_it_is_a_baseline_and_raises_nothing(self, house: House) -> None:
        started(house)
        assert "campaign.launched" not in house.trail_actions()

    def test_nothing_is_asked_when_nothing_changed(self, house: House) -> None:
        started(house)
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0


class TestNewAccess:
    def test_risky_access_is_asked_about_at_once(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 1
            text = "New since 23 November 2026, not by Recert."
            assert asked(house) == {("bob", "/sales"): text}
            item = house.item("bob", "/sales")
            assert item.reviewer_id == house.person("charlie").person_id

    def test_the_campaign_says_what_it_is(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            found = newest(house)
            assert found.name == "Changes on main, 23 November 2026 14:00"  # in Berlin
            assert found.state is CampaignState.ACTIVE
            assert found.due_at == house.now + timedelta(days=7)
            assert found.launched_by == "policy: changes between reviews"
            with house.db.reading() as session:
                because = micro_campaigns.because(session, found)
            assert because == "new access that Recert did not give (1)"

    def test_harmless_access_of_an_employee_waits_for_the_next_review(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0

    def test_an_account_of_nobody_is_always_risky(self, house: House) -> None:
        started(house)
        house.give("seller", INBOX, "list")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            assert asked(house).keys() == {("seller", INBOX)}

    def test_a_new_boundary_is_no_change_for_the_others(self, house: House) -> None:
        started(house)
        house.give("bob", "/finance/new", "list delete")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            found = asked(house)
            assert {account for account, _ in found} == {"bob"}

    def test_the_population_adds_up(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            look(house)
        with house.db.reading() as session:
            one = session.scalars(select(Population)).one()
        assert (one.items, one.reviewed) == (1, 1)
        assert one.out_of_scope > 0
        assert one.accounts == one.reviewed + one.out_of_scope + one.without_rights

    def test_nobody_is_asked_about_his_own(self, house: House) -> None:
        started(house)
        house.give("alice", "/finance", "list delete")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            assert house.item("alice", "/finance").reviewer_id == house.person("bob").person_id

    def test_all_changes_of_one_look_are_one_campaign(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        house.give("seller", INBOX, "list")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 1
            assert asked(house).keys() == {("bob", "/sales"), ("seller", INBOX)}

    def test_two_in_one_minute_have_two_names(self, house: House) -> None:
        started(house)
        for account in ("bob", "pia"):
            house.give(account, "/sales", "list delete")
            house.snapshot()
            assert look(house) == 1
        assert newest(house).name.endswith("(2)")


class TestOnce:
    def test_a_second_look_asks_nothing(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            assert [look(house), look(house)] == [1, 0]

    def test_four_workers_are_as_good_as_one(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            launched: list[int] = []
            at_once(4, lambda _number: launched.append(look(house)))
            assert sum(launched) == 1
        with house.db.reading() as session:
            assert len(session.scalars(select(ServerLook.id)).all()) == 2

    def test_what_a_running_campaign_asks_is_not_asked_again(self, house: House) -> None:
        house.launched()
        look(house)
        house.give("pia", INBOX, "list upload delete")
        with house.later(hours=1):
            house.snapshot()
            house.refresh()
            assert look(house) == 0

    def test_what_an_exclusion_leaves_out_is_not_asked(self, house: House) -> None:
        started(house)
        with house.db.transaction() as session:
            found = exclusions.ask(
                Act(session, house.officer, house.now),
                house.server(),
                "bob",
                "/sales",
                "Audited elsewhere.",
                house.now + timedelta(days=30),
            )
            exclusions.approve(Act(session, house.admin, house.now), found)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0

    def test_an_old_snapshot_waits_for_a_new_one(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        house.snapshot()
        with house.later(days=3):
            assert [look(house), look(house)] == [0, 0]
            assert house.trail_actions().count("snapshot.wanted") == 1
            house.snapshot()
            assert look(house) == 1


class TestMoreRights:
    def test_they_are_asked_about_whatever_the_risk(self, house: House) -> None:
        house.give("bob", "/sales", "list")
        started(house)
        house.give("bob", "/sales", "list download")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            text = "More than on 23 November 2026, not by Recert: open and download files."
            assert asked(house) == {("bob", "/sales"): text}

    def test_fewer_are_not(self, house: House) -> None:
        house.give("bob", "/sales", "list download delete")
        started(house)
        house.give("bob", "/sales", "list")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0


def removed(house: House, reply: Reply | None = None) -> int:
    """Access of pia that an order took away; the order's number."""
    started(house)
    order = house.ordered("pia", INBOX, reply or Reply(Answer.REVOKE))
    house.carry_out()
    return order.id


class TestWhatRecertDid:
    def test_its_own_changes_are_no_event(self, house: House) -> None:
        removed(house, Reply(Answer.REDUCE, Rights.LIST))
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0

    def test_what_an_undo_gives_back_is_no_event(self, house: House) -> None:
        removed(house)
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0
            house.take_back(1)
            house.carry_out()
        with house.later(hours=2):
            house.snapshot()
            assert look(house) == 0
        assert "access.came_back" not in house.trail_actions()


class TestAccessThatCameBack:
    def test_it_is_asked_about_and_told(self, house: House) -> None:
        number = removed(house)
        with house.later(hours=1):
            house.snapshot()
            look(house)
        house.give("pia", INBOX, "list upload")
        with house.later(hours=2):
            house.snapshot()
            assert look(house) == 1
            text = f"Removed by order {number} on 23 November 2026; it is there again."
            assert asked(house) == {("pia", INBOX): text}
        with house.db.reading() as session:
            query = select(TrailEntry).where(TrailEntry.action == "access.came_back")
            entry = session.scalars(query).one()
        assert entry.object == f"order:{number}"

    def test_also_when_no_snapshot_saw_it_gone(self, house: House) -> None:
        removed(house)
        house.give("pia", INBOX, "list upload")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 1

    def test_also_when_the_folder_is_no_boundary_any_more(self, house: House) -> None:
        """The entry that took it away is gone, so the folder is as the one above again."""
        permissions = house.permissions.read_text(encoding="utf-8")
        started(house)
        order = house.ordered("lea", INBOX, Reply(Answer.REVOKE))
        house.carry_out()
        assert house.orders()[-1].verified_at is not None
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 0
            house.close(house.item("lea", INBOX).campaign_id)
        house.permissions.write_text(permissions, encoding="utf-8")
        house.give("pia", INBOX)
        house.give("batch", INBOX)
        with house.later(hours=2):
            house.snapshot(accept_shrink=True)
            assert look(house) == 1
            text = f"Removed by order {order.id} on 23 November 2026; it is there again."
            assert asked(house) == {("lea", "/finance"): text}

    def test_the_trail_is_told_also_when_a_running_campaign_asks(self, house: House) -> None:
        removed(house)
        house.give("pia", INBOX, "list upload")
        with house.later(hours=1):
            house.snapshot()
            campaign_id = house.drafted("Winter")
            with house.db.transaction() as session:
                winter = session.get_one(Campaign, campaign_id)
                campaigns.launch(Act(session, house.officer, house.now), winter)
            assert look(house) == 0
        assert "access.came_back" in house.trail_actions()

    def test_it_is_told_once(self, house: House) -> None:
        removed(house)
        house.give("pia", INBOX, "list upload")
        for hours in (1, 2, 3):
            with house.later(hours=hours):
                house.snapshot()
                look(house)
        assert house.trail_actions().count("access.came_back") == 1

    def test_removed_again_it_can_come_back_again(self, house: House) -> None:
        removed(house)
        house.give("pia", INBOX, "list upload")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            house.decide("pia", INBOX, Reply(Answer.REVOKE))
            house.finish("alice")
            house.carry_out()
            assert INBOX not in house.entries("pia")
        house.give("pia", INBOX, "list upload")
        with house.later(hours=2):
            house.snapshot()
            look(house)
            assert "Removed by order 2 " in asked(house)["pia", INBOX]

    def test_what_was_kept_since_is_wanted(self, house: House) -> None:
        removed(house)
        house.give("pia", INBOX, "list upload")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            house.decide("pia", INBOX, Reply(Answer.KEEP))
            house.finish("alice")
        house.give("pia", INBOX, "upload")
        with house.later(hours=2):
            house.snapshot()
            assert look(house) == 0


class TestPeople:
    def test_who_moved_is_asked_about_with_all_his_access(self, house: House) -> None:
        house.give("bob", "/sales", "list")
        started(house)
        moved(house, "Bob Brook,House,own,Finance", "Bob Brook,House,own,Legal")
        assert look(house) == 1
        found = asked(house)
        assert ("bob", "/sales") in found
        assert {account for account, _ in found} == {"bob"}
        assert set(found.values()) == {"Bob Brook moved from Finance (House) to Legal (House)."}

    def test_who_left_too(self, house: House) -> None:
        started(house)
        row = "bob@house.example,Bob Brook,House,own,Finance,mona@house.example,"
        moved(house, row, f"{row}2026-11-01")
        assert look(house) == 1
        assert set(asked(house).values()) == {"Bob Brook has left."}

    def test_it_is_asked_once(self, house: House) -> None:
        started(house)
        moved(house, "Bob Brook,House,own,Finance", "Bob Brook,House,own,Legal")
        assert [look(house), look(house)] == [1, 0]

    def test_who_has_no_access_is_not_asked_about(self, house: House) -> None:
        started(house)
        moved(house, "Mona Mill,House,own,Board", "Mona Mill,House,own,Legal")
        assert look(house) == 0

    def test_both_reasons_are_said(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        moved(house, "Bob Brook,House,own,Finance", "Bob Brook,House,own,Legal")
        with house.later(hours=1):
            house.snapshot()
            assert look(house) == 1
        assert asked(house)["bob", "/sales"].startswith("New since 23 November 2026")
        assert asked(house)["bob", "/sales"].endswith("to Legal (House).")
        with house.db.reading() as session:
            found = session.scalars(select(CampaignGrant.event)).all()
        assert set(found) == {Event.NEW, Event.MOVED}


class TestWhatBecomesOfIt:
    def test_it_is_answered_and_carried_out_like_any_other(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            house.decide("bob", "/sales", Reply(Answer.REVOKE), by="charlie")
            house.finish("charlie")
            house.carry_out()
            assert house.item("bob", "/sales").state is ItemState.VERIFIED
            assert "/sales" not in house.entries("bob")

    def test_the_owner_of_another_folder_may_not_answer(self, house: House) -> None:
        started(house)
        house.give("bob", "/sales", "list delete")
        with house.later(hours=1):
            house.snapshot()
            look(house)
            with pytest.raises(NotYours):
                house.decide("bob", "/sales", Reply(Answer.KEEP), by="alice")

    def test_nobody_without_the_role_can_draft_one(self, house: House) -> None:
        house.snapshot()
        with house.db.transaction() as session, pytest.raises(NotAllowed):
            drafts.draft(
                Act(session, staff("eve@house.example"), house.now),
                drafts.CampaignDraft(
                    "Mine",
                    [house.server_id],
                    "/",
                    house.now + timedelta(days=1),
                    undo_minutes=0,
                    kind=CampaignKind.MICRO,
                ),
            )

    def test_a_review_of_changes_does_not_count_from_it(self, house: House) -> None:
        house.launched("First")
        look(house)
        house.give("bob", "/sales", "list delete")
        with house.later(days=1):
            house.snapshot()
            house.refresh()
            assert look(house) == 1
            with house.db.transaction() as session:
                second = drafts.draft(
                    Act(session, house.officer, house.now),
                    drafts.CampaignDraft(
                        "Second",
                        [house.server_id],
                        "/",
                        house.now + timedelta(days=1),
                        undo_minutes=0,
                        scope=Scope(only_changes=True),
                    ),
                )
                assert campaigns.preview(session, second, now=house.now).items >= 1
