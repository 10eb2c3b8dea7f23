"""Cases of docs/edge-cases.md about time, silence, answers and registers. Each test has the name of
its case."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError

from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.local_time import NoSuchTime
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.policy import NonResponse, Policy
from recert.campaigns.reviewing import monitoring, postponement
from recert.campaigns.reviewing.postponement import PutOffOnce
from recert.campaigns.setup import drafts, exclusions
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.scope import Scope
from recert.connectors.rights import Rights
from recert.foundation.errors import NotAllowed
from recert.remediation import expirations
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.campaigns.reviewing.test_conduct import extend, zoned
from tests.campaigns.setup.test_scope import ANOTHER, adds_up, asked, launched, population
from tests.evidence.conftest import played
from tests.support import packages
from tests.support.browser import Visitor, visible
from tests.support.house import House
from tests.web.public.test_item_link import link, opened, press
from tests.web.reviewer.test_reviews import answer

__all__ = ["link"]

INBOX = "/finance/inbox"
KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


def versions(house: House, account: str) -> list[Decision]:
    item = house.item(account, INBOX)
    with house.db.reading() as session:
        query = select(Decision).where(Decision.item_id == item.id).order_by(Decision.version)
        return list(session.scalars(query))


def test_deadline_and_time_zone(house: House) -> None:
    campaign = zoned(house, "Asia/Tokyo", date(2026, 12, 1))
    due = house.campaign(campaign).due_at
    assert due == datetime(2026, 12, 1, 14, 59, 59, tzinfo=UTC)  # the whole day there
    with pytest.raises(NoSuchTime, match="2027-03-27 23:59"):  # the clock skips that hour
        extend(house, zoned_in_nuuk(house), date(2027, 3, 27))


def zoned_in_nuuk(house: House) -> int:
    house.void(house.item("pia", INBOX).campaign_id)
    with house.db.transaction() as session:
        due = datetime(2026, 12, 1, 22, tzinfo=UTC)
        who = {"actor": house.officer, "now": house.now}
        made = drafts.draft(
            Act(session, **who),
            drafts.CampaignDraft("Nuuk", [1], "/", due, undo_minutes=60, zone="America/Nuuk"),
        )  # type: ignore[arg-type]
        campaigns.launch(Act(session, **who), made)
        return made.id


def test_silence(house: House) -> None:
    campaign = house.launched(policy=Policy(high=NonResponse.REVOKE, medium=NonResponse.SUSPEND))
    house.close(campaign)
    assert house.item("alice", INBOX).state is ItemState.CLOSED  # low: kept, listed
    (made,) = versions(house, "lea")  # high: she has left
    assert (made.answer, made.person_id, made.actor) == (
        *(Answer.NO_ANSWER, None, "policy: silence"),
    )
    assert made.answer_rights == 0


def test_mass_removal_by_silence(house: House) -> None:
    campaign = house.launched(policy=Policy(low=NonResponse.REVOKE, high=NonResponse.REVOKE))
    house.close(campaign)
    house.carry_out()
    assert house.orders() == []
    with pytest.raises(NotAllowed):
        house.release(campaign, house.officer)  # who closed it is not the second person
    assert house.release(campaign, house.admin) > 3
    house.carry_out()
    assert house.orders()


def test_double_click_two_tabs_mail_and_web(
    house: House, alice: Visitor, stranger: Visitor, link: str
) -> None:
    item = house.item("pia", INBOX)
    place, hidden = opened(stranger, link)
    answer(house, alice, "pia", answer="revoke")  # on the web, while the mail's page is open
    with house.later(seconds=30):
        second = visible(stranger.post(place, 409, **hidden, answer="keep"))
    assert "was answered or changed since you opened the page" in second
    assert "Remove saved 23 Nov 2026" in visible(stranger.follow(link)[1])
    assert [made.answer for made in versions(house, "pia")] == [Answer.REVOKE]
    old = {"answer": "keep", "version": 0, "seen": item.content_hash}
    alice.post(f"/reviews/items/{item.id}", 409, **old)  # the other tab
    assert house.item("pia", INBOX).answer is Answer.REVOKE


def test_correction_before_the_close(house: House) -> None:
    house.launched()
    for reply in (REVOKE, KEEP, Reply(Answer.REDUCE, Rights.LIST)):
        house.decide("pia", INBOX, reply)
    assert [(made.version, made.answer) for made in versions(house, "pia")] == [
        *((1, Answer.REVOKE), (2, Answer.KEEP), (3, Answer.REDUCE)),
    ]
    assert house.item("pia", INBOX).answer is Answer.REDUCE


def test_link_pressed_twice(house: House, stranger: Visitor, link: str) -> None:
    press(stranger, link, answer="keep")
    assert "Keep saved 23 Nov 2026" in visible(stranger.follow(link)[1])
    assert len(versions(house, "pia")) == 1


def test_overlapping_campaigns_on_one_item(house: House) -> None:
    first = house.launched("First")
    house.decide("pia", INBOX, REVOKE)
    with house.db.transaction() as session:
        older = session.get_one(Item, house.item("pia", INBOX).id).id
    house.launched("Second")
    with house.later(hours=2):
        house.decide("pia", INBOX, KEEP)
        house.finish("alice")
        house.close(first)
        house.carry_out()
    with house.db.reading() as session:
        ended = session.get_one(Item, older)
        assert ended.state is ItemState.SUPERSEDED
        assert '"keep" was answered later in the review "Second"' in ended.outcome
    assert house.orders() == []


def test_deleting_a_campaign(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, KEEP)
    house.void(campaign, "Wrong scope.")
    assert house.campaign(campaign).state is CampaignState.VOID
    assert versions(house, "pia")[0].answer is Answer.KEEP
    for table in (Campaign, Decision, TrailEntry):
        with pytest.raises(DBAPIError), house.db.transaction() as session:
            session.execute(delete(table))


def exclude(house: House, days: int) -> None:
    with house.db.transaction() as session:
        ends = house.now + timedelta(days=days)
        who = {"actor": house.officer, "now": house.now}
        found = exclusions.ask(
            Act(session, **who), house.server(), "batch", "/", "It is VIP.", ends
        )  # type: ignore[arg-type]
        exclusions.approve(Act(session, ANOTHER, house.now), found)


def test_exceptions_and_vip(house: House) -> None:
    exclude(house, days=30)
    house.snapshot()
    during = launched(house, Scope(), "During")
    assert ("batch", INBOX) not in asked(house, during)
    assert population(house, during).excluded == 1
    assert adds_up(population(house, during))
    with house.later(days=31):
        house.snapshot()
        assert ("batch", INBOX) in asked(house, launched(house, Scope(), "After"))


def test_postpone(house: House) -> None:
    campaign = house.launched(policy=Policy(postpone_days=10))
    item, zone, alice = house.item("pia", INBOX), house.settings.zone, house.person("alice")

    def put_off(day: date) -> None:
        with house.db.transaction() as session:
            postponement.postpone(Act(session, alice, house.now), item.id, day, zone)

    put_off(date(2026, 12, 12))
    with pytest.raises(PutOffOnce):
        put_off(date(2026, 12, 13))
    seen = []
    for days in (15, 20):
        with house.later(days=days) as now, house.db.reading() as session:
            found = monitoring.problems(session, session.get_one(Campaign, campaign), now=now)
            seen.append((found.overdue_items, found.postponed))
    assert seen == [(8, 1), (9, 0)]


def test_approve_until_date(house: House) -> None:
    house.launched()
    until = house.now + timedelta(days=30)
    house.decide("batch", INBOX, Reply(Answer.KEEP, until=until))
    house.finish("alice")
    with house.later(days=29):
        assert expirations.order_due(house.db, now=house.now) == 0
    with house.later(days=31):
        assert expirations.order_due(house.db, now=house.now) == 1
        house.carry_out()
    assert house.entries("batch") == {}


def test_csv_formula_injection(house: House) -> None:
    files = packages.files(house.export(played(house)))
    reasons = {row["reason"] for row in packages.rows(files["annex/items.csv"])}
    assert any(reason.startswith("'=cmd|") for reason in reasons)
    assert any(reason.startswith("'-1: still") for reason in reasons)
    assert not [reason for reason in reasons if reason[:1] in ("=", "+", "-", "@")]
    assert json.loads(files["campaign.json"])["statement"].startswith("+ Seen")  # no cell, no quote
