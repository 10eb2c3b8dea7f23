"""Until when access is certified."""

from datetime import datetime, timedelta

from recert.campaigns.decisions import certified_until
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.connectors.rights import Rights
from recert.inventory.queries import last_complete
from tests.support.house import House

INBOX = "/finance/inbox"


def certificate(house: House, account: str, days: int = 92) -> tuple[datetime, datetime] | None:
    """(at, until) of an account in the inbox."""
    with house.db.reading() as session:
        newest = last_complete(session, house.server_id)
        assert newest
        rows = [
            row
            for row in certified_until.grants_in(session, newest)
            if (row.account, row.folder) == (account, INBOX)
        ]
    assert len(rows) == 1
    end = certified_until.until(rows[0], days)
    return (rows[0].certified_at, end) if end else None


def answered(house: House, reply: Reply, account: str = "pia") -> None:
    house.launched(f"Asked {house.now:%d %H%M%S}")
    house.decide(account, INBOX, reply)
    house.finish("alice")


class TestTheCertificate:
    def test_it_begins_with_a_final_keep_and_lasts_so_many_days(self, house: House) -> None:
        answered(house, Reply(Answer.KEEP))
        assert certificate(house, "pia") == (house.now, house.now + timedelta(days=92))
        assert certificate(house, "pia", days=30) == (house.now, house.now + timedelta(days=30))

    def test_access_that_nobody_answered_for_has_none(self, house: House) -> None:
        answered(house, Reply(Answer.KEEP))
        assert certificate(house, "batch") is None

    def test_an_answer_that_can_still_change_is_none(self, house: House) -> None:
        house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        assert certificate(house, "pia") is None

    def test_silence_is_none(self, house: House) -> None:
        campaign_id = house.launched()
        house.close(campaign_id)
        assert certificate(house, "pia") is None

    def test_a_void_campaign_counts_for_nothing(self, house: House) -> None:
        campaign_id = house.launched()
        house.decide("pia", INBOX, Reply(Answer.KEEP))
        house.finish("alice")
        house.void(campaign_id)
        assert certificate(house, "pia") is None

    def test_a_keep_that_ends_sooner_ends_it(self, house: House) -> None:
        end = house.now + timedelta(days=10)
        answered(house, Reply(Answer.KEEP, until=end))
        assert certificate(house, "pia") == (house.now, end)

    def test_a_reduce_certifies_what_remains_once_it_is_done(self, house: House) -> None:
        answered(house, Reply(Answer.REDUCE, Rights.LIST))
        assert certificate(house, "pia") is None
        house.carry_out()
        with house.later(hours=1):
            house.snapshot()
        assert certificate(house, "pia") == (house.now, house.now + timedelta(days=92))

    def test_rights_that_grew_are_not_covered(self, house: House) -> None:
        answered(house, Reply(Answer.KEEP))
        house.give("pia", INBOX, "list upload delete")
        with house.later(hours=1):
            house.snapshot()
        assert certificate(house, "pia") is None

    def test_the_last_answer_counts(self, house: House) -> None:
        answered(house, Reply(Answer.KEEP))
        with house.later(days=1) as later:
            answered(house, Reply(Answer.KEEP))
            assert certificate(house, "pia") == (later, later + timedelta(days=92))
        with house.later(days=2):
            answered(house, Reply(Answer.REVOKE))
            assert certificate(house, "pia") is None
