"""The links in mails: one item, one reviewer, one purpose."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from recert.mail import service
from recert.mail.models import MailToken, Purpose
from recert.mail.service import LinkOver, LinkUnknown
from tests.mail.conftest import Outbox
from tests.support.house import NOON


def issue(outbox: Outbox, *subjects: str, holder: str = "person:1") -> dict[str, str]:
    with outbox.db.transaction() as session:
        return service.issue_tokens(
            session,
            Purpose.DECIDE_ITEM,
            subjects,
            holder,
            expires_at=NOON + timedelta(days=1),
            now=NOON,
        )


def opened(outbox: Outbox, token: str, after: timedelta = timedelta(0)) -> MailToken:
    with outbox.db.reading() as session:
        return service.open_token(session, token, Purpose.DECIDE_ITEM, now=NOON + after)


class TestALink:
    def test_it_knows_its_item_and_its_reviewer(self, outbox: Outbox) -> None:
        tokens = issue(outbox, "item:1", "item:2")
        foreign = issue(outbox, "item:1", holder="person:2")
        assert len({*tokens.values(), *foreign.values()}) == 3
        found = [opened(outbox, token) for token in (tokens["item:2"], foreign["item:1"])]
        assert [(each.subject, each.holder) for each in found] == [
            ("item:2", "person:1"),
            ("item:1", "person:2"),
        ]

    def test_only_its_hash_is_kept(self, outbox: Outbox) -> None:
        token = issue(outbox, "item:1")["item:1"]
        with outbox.db.reading() as session:
            row = session.execute(text("SELECT * FROM mail_token")).one()
        assert token not in str(row)

    def test_opening_it_changes_nothing(self, outbox: Outbox) -> None:
        token = issue(outbox, "item:1")["item:1"]
        assert opened(outbox, token).used_at is None
        assert opened(outbox, token).used_at is None

    def test_its_first_use_is_noted_once(self, outbox: Outbox) -> None:
        token = issue(outbox, "item:1")["item:1"]
        for hour in (1, 2):
            with outbox.db.transaction() as session:
                service.mark_used(session, opened(outbox, token), now=NOON + timedelta(hours=hour))
        assert opened(outbox, token).used_at == NOON + timedelta(hours=1)

    def test_no_items_need_no_tokens(self, outbox: Outbox) -> None:
        assert issue(outbox) == {}


class TestABadLink:
    @pytest.mark.parametrize(
        "bad", ["", "unknown", "x" * 43, "x" * 10_000, "\udcff", "é", "a\x00b", "' OR 1=1 --"]
    )
    def test_it_is_not_known(self, outbox: Outbox, bad: str) -> None:
        issue(outbox, "item:1")
        with pytest.raises(LinkUnknown):
            opened(outbox, bad)

    def test_a_truncated_or_longer_one_is_not_known(self, outbox: Outbox) -> None:
        token = issue(outbox, "item:1")["item:1"]
        for wrong in (token[:-1], token + "=", token + " ", token.swapcase()):
            with pytest.raises(LinkUnknown):
                opened(outbox, wrong)

    def test_the_hash_itself_opens_nothing(self, outbox: Outbox) -> None:
        issue(outbox, "item:1")
        with outbox.db.reading() as session:
            kept = session.scalars(select(MailToken.token_hash)).one()
        with pytest.raises(LinkUnknown):
            opened(outbox, kept)

    def test_it_is_over_at_its_end(self, outbox: Outbox) -> None:
        token = issue(outbox, "item:1")["item:1"]
        assert opened(outbox, token, timedelta(hours=23, minutes=59))
        with pytest.raises(LinkOver):
            opened(outbox, token, timedelta(days=1))

    def test_one_for_another_purpose_is_not_known(self, outbox: Outbox) -> None:
        token = issue(outbox, "item:1")["item:1"]
        with outbox.db.transaction() as session:
            session.execute(text("UPDATE mail_token SET purpose = 'sign off'"))
        with pytest.raises(LinkUnknown):
            opened(outbox, token)
