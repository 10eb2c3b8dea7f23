"""Access that nobody certified, at any past date."""

from datetime import datetime, timedelta

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.connectors.rights import Rights
from recert.evidence.audit import uncertified
from recert.evidence.audit.uncertified import Place, Wanted
from recert.foundation.errors import BadInput
from recert.inventory import service as inventory
from recert.trail.act import Act
from tests.evidence.conftest import INBOX
from tests.support.house import ACCOUNTS, NOON, House

ALL = {
    *(("alice", "/finance"), ("bob", "/finance"), ("lea", "/finance")),
    *(("alice", INBOX), ("bob", INBOX), ("lea", INBOX), ("pia", INBOX), ("batch", INBOX)),
    ("seller", "/sales"),
}


def missing(
    house: House, days: int = 90, at: datetime | None = None, server: int | None = None
) -> set[tuple[str, str]]:
    with house.db.reading() as session:
        wanted = Wanted(days, at or house.now, server)
        return {(row.account, row.folder) for row in uncertified.everything(session, wanted)}


def answered(house: House, *items: tuple[str, str, Reply], end: bool = True) -> int:
    campaign = house.launched(name=f"At {house.now:%Y-%m-%d %H:%M}")
    for account, folder, reply in items:
        house.decide(account, folder, reply)
    if end:
        house.finish("alice")
    return campaign


KEEP, REVOKE = Reply(Answer.KEEP), Reply(Answer.REVOKE)


class TestWhatCounts:
    def test_without_any_review_all_of_it_is_missing(self, house: House) -> None:
        house.snapshot()
        assert missing(house) == ALL

    def test_a_final_keep_certifies(self, house: House) -> None:
        answered(house, ("pia", INBOX, KEEP))
        assert missing(house) == ALL - {("pia", INBOX)}

    def test_an_answer_that_can_still_be_changed_does_not(self, house: House) -> None:
        answered(house, ("pia", INBOX, KEEP), end=False)
        assert missing(house) == ALL

    def test_a_reduce_certifies_what_remains(self, house: House) -> None:
        answered(house, ("pia", INBOX, Reply(Answer.REDUCE, Rights.LIST)))
        assert missing(house) == ALL - {("pia", INBOX)}
        house.carry_out()
        house.snapshot()
        assert missing(house) == ALL - {("pia", INBOX)}

    def test_a_reduce_that_was_taken_back_does_not(self, house: House) -> None:
        answered(house, ("pia", INBOX, Reply(Answer.REDUCE, Rights.LIST)))
        house.carry_out()
        house.take_back(house.orders()[0].id)
        house.carry_out()
        house.snapshot()
        assert ("pia", INBOX) in missing(house)

    def test_a_revoke_certifies_nothing(self, house: House) -> None:
        answered(house, ("pia", INBOX, REVOKE))
        assert missing(house) == ALL
        house.carry_out()
        house.snapshot()
        assert missing(house) == ALL - {("pia", INBOX)}  # because it is gone

    def test_silence_certifies_nothing(self, house: House) -> None:
        campaign = answered(house)
        house.close(campaign)
        assert missing(house) == ALL

    def test_a_void_review_certifies_nothing(self, house: House) -> None:
        campaign = answered(house, ("pia", INBOX, KEEP))
        house.void(campaign)
        assert missing(house) == ALL

    def test_nobody_certified_rights_that_came_later(self, house: House) -> None:
        answered(house, ("pia", INBOX, KEEP))
        house.give("pia", INBOX, "list upload delete")
        house.snapshot()
        assert ("pia", INBOX) in missing(house)

    def test_fewer_rights_than_were_seen_are_certified(self, house: House) -> None:
        answered(house, ("pia", INBOX, KEEP))
        house.give("pia", INBOX, "list")
        house.snapshot()
        assert ("pia", INBOX) not in missing(house)


class TestDates:
    def test_a_decision_counts_for_so_many_days(self, house: House) -> None:
        answered(house, ("pia", INBOX, KEEP))
        for days, there in ((89, False), (90, True), (91, True)):
            at = NOON + timedelta(days=days)
            assert (("pia", INBOX) in missing(house, 90, at)) is there
        assert ("pia", INBOX) in missing(house, 10, NOON + timedelta(days=11))

    def test_the_past_is_as_it_was(self, house: House) -> None:
        house.snapshot()
        with house.later(days=10):
            answered(house, ("pia", INBOX, KEEP))
            house.give("batch")
            house.give("seller", "/sales", "list")
        with house.later(days=20) as end:
            house.snapshot()
            assert missing(house, 90, NOON + timedelta(days=5)) == ALL
            assert missing(house, 90, NOON + timedelta(days=15)) == ALL - {("pia", INBOX)}
            assert missing(house, 90, end) == ALL - {("pia", INBOX), ("batch", INBOX)}

    def test_before_the_first_look_nothing_is_known_and_that_is_said(self, house: House) -> None:
        house.snapshot()
        before = NOON - timedelta(days=1)
        assert missing(house, 90, before) == set()
        with house.db.reading() as session:
            (view,) = uncertified.views(session, Wanted(90, before))
        assert (view.server, view.snapshot_id) == ("main", None)

    @pytest.mark.parametrize("days", [0, -1, 3651])
    def test_strange_numbers_of_days_are_refused(self, days: int) -> None:
        with pytest.raises(BadInput):
            Wanted(days, NOON)


class TestALine:
    def test_it_tells_since_when_and_when_it_was_certified_last(self, house: House) -> None:
        answered(house, ("pia", INBOX, KEEP))
        with house.later(days=200) as at, house.db.reading() as session:
            rows = list(uncertified.everything(session, Wanted(90, at)))
        row = next(row for row in rows if row.account == "pia")
        assert (row.granted_since, row.last_certified, row.person) == (NOON, NOON, "Pia Partner")
        assert next(row for row in rows if row.account == "batch").last_certified is None


class TestPages:
    def second_server(self, house: House) -> int:
        with house.db.transaction() as session:
            settings = {"file": str(house.permissions)}
            who = {"actor": house.admin, "now": house.now}
            added = inventory.add_server(Act(session, **who), "another", "embedded", settings)
            number = added.id
        house.server_id, first = number, house.server_id
        house.snapshot()
        house.server_id = first
        return number

    @pytest.mark.parametrize("size", [1, 2, 4, 9, 18, 50])
    def test_walking_them_shows_each_line_once(self, house: House, size: int) -> None:
        house.write_permissions({k: v for k, v in ACCOUNTS.items() if k != "pia"})
        house.snapshot()
        house.write_permissions(ACCOUNTS)
        house.snapshot()
        self.second_server(house)
        seen, after = [], None
        with house.db.reading() as session:
            while True:
                found = uncertified.page(session, Wanted(90, house.now), after, size)
                assert len(found.rows) <= size
                seen += [(row.server, row.account, row.folder) for row in found.rows]
                after = Place.parse(str(found.after))
                if found.after is None:
                    break
        assert len(seen) == len(set(seen)) == 18
        assert seen == sorted(seen, key=lambda row: row[0])

    def test_one_server_can_be_asked_for(self, house: House) -> None:
        house.snapshot()
        answered(house, ("pia", INBOX, KEEP))
        number = self.second_server(house)
        assert missing(house, server=number) == ALL
        assert missing(house, server=house.server_id) == ALL - {("pia", INBOX)}

    @pytest.mark.parametrize(
        "text", ["", "1", "1.2", "a.b.c", "1.2.3.4", "-1.2.3", f"{'9' * 19}.1.1", "١.1.1"]
    )
    def test_a_strange_place_is_none(self, text: str) -> None:
        assert Place.parse(text) is None
