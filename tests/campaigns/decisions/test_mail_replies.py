"""Replies on their whole way: a real IMAP server, the sender's proof, the decision, the answer."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from recert.campaigns.decisions import mail_replies
from recert.campaigns.decisions.mail_replies import PAUSE, ReplyHandling
from recert.campaigns.decisions.models import Decision
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import Answer, Campaign
from recert.campaigns.notifications import reviewer_mails, undeliverable
from recert.campaigns.policy import MailAnswers, Policy
from recert.cli import system
from recert.foundation.actor import Assurance, Channel
from recert.mail import service as mail
from recert.mail.mailbox import Mailbox, MailboxUnreachable
from recert.mail.models import InboundMail, MailToken, OutboxMessage, Undeliverable
from recert.mail.smtp import OutgoingMail, plus
from tests.mail.test_replies import AUTOMATIC, STYLES
from tests.support.dovecot import AUTHSERV, Dovecot
from tests.support.house import House

INBOX = "/finance/inbox"
ALL = Policy(mail_answers=MailAnswers.ALL)
PASS = f"{AUTHSERV}; dmarc=pass (p=reject) header.from=house.example"


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@dataclass
class Office:
    """The house with a mailbox for replies."""

    house: House
    dovecot: Dovecot

    def __post_init__(self) -> None:
        self.dovecot.empty()
        mails = replace(self.house.settings.mail, reply_to="recert@house.example")
        self.settings = replace(
            self.house.settings, mail=mails, replies=self.dovecot.settings, language="en"
        )
        self.head = Letterhead.of(self.settings)
        self.desk = ReplyHandling(self.dovecot.settings, self.head)
        self.count = 0

    def invite(self, policy: Policy = ALL) -> int:
        campaign = self.house.launched(policy=policy)
        reviewer_mails.send_due(self.house.db, self.head, now=self.house.now)
        return campaign

    def key(self, name: str) -> str:
        """The secret part of the address for replies to the newest mail to somebody."""
        with self.house.db.reading() as session:
            here = OutboxMessage.to_address == f"{name}@house.example"
            query = select(OutboxMessage.reply_key).where(here, OutboxMessage.reply_key != "")
            query = query.order_by(OutboxMessage.id.desc())
            return session.scalars(query).first() or ""

    def numbers(self, name: str) -> dict[str, int]:
        """The numbers of the questions in the newest mail to somebody, by account and folder."""
        with self.house.db.reading() as session:
            holder = f"person:{self.house.person(name).person_id}"
            query = select(MailToken.subject, MailToken.number).where(
                MailToken.holder == holder, MailToken.purpose == "decide item"
            )
            return {row[0]: row[1] for row in session.execute(query)}

    def write(self, text: str, sender: str = "charlie", **more: object) -> bytes:
        """A reply from somebody as the organisation's mail server hands it over."""
        self.count += 1
        made = EmailMessage(policy=SMTP)
        results = more.get("results", [PASS])
        for one in results if isinstance(results, list) else [results]:
            made["Authentication-Results"] = str(one)
        made["From"] = str(more.get("from_", f"{sender}@house.example"))
        key = str(more.get("key", self.key(sender)))
        made["To"] = str(more.get("to", plus("recert@house.example", key)))
        made["Subject"] = "Re: Access review"
        made["Message-ID"] = f"<reply-{self.count}@house.example>"
        for name, value in dict(more.get("headers", {})).items():  # type: ignore[call-overload]
            made[name] = value
        made.set_content(text)
        return made.as_bytes()

    def take(self, raw: bytes) -> str:
        with self.house.db.transaction() as session:
            return mail_replies.take(session, raw, self.desk, now=self.house.now)

    def mails(self, kind: str) -> list[OutboxMessage]:
        with self.house.db.reading() as session:
            query = select(OutboxMessage).where(OutboxMessage.kind == kind)
            return list(session.scalars(query.order_by(OutboxMessage.id)))

    def decisions(self) -> list[Decision]:
        with self.house.db.reading() as session:
            return list(session.scalars(select(Decision).order_by(Decision.id)))


@pytest.fixture
def office(house: House, dovecot: Dovecot) -> Office:
    return Office(house, dovecot)


@pytest.fixture
def one(office: Office) -> Office:
    """Charlie's mail has one question."""
    office.invite()
    return office


class TestAReplyDecides:
    def test_with_one_word(self, one: Office) -> None:
        assert one.take(one.write("revoke\n")) == "Recorded: 1."
        made = one.decisions()[-1]
        assert (made.answer, made.channel) == (Answer.REVOKE, Channel.MAIL_REPLY)
        assert made.assurance is Assurance.MAIL_REPLY
        assert one.house.item("seller", "/sales").answer is Answer.REVOKE

    def test_and_gets_a_receipt_in_its_thread(self, one: Office) -> None:
        one.take(one.write("keep\n"))
        (receipt,) = one.mails("receipt")
        assert (receipt.to_address, receipt.in_reply_to) == (
            *("charlie@house.example", "<reply-1@house.example>"),
        )
        assert "seller, /sales, main: keep" in receipt.text
        assert (
            "Auto-Submitted: auto-replied"
            in OutgoingMail(receipt, one.settings.mail).as_bytes().decode()
        )

    def test_with_numbers(self, office: Office) -> None:
        office.invite()
        numbers = office.numbers("alice")
        pia, batch = (office.house.item(who, INBOX).ref for who in ("pia", "batch"))
        text = f"{numbers[pia]} revoke\n{numbers[batch]} entziehen\n\nAlice\n"
        assert office.take(office.write(text, "alice")) == "Recorded: 2."
        assert {made.answer for made in office.decisions()} == {Answer.REVOKE}
        assert len(office.decisions()) == 2

    def test_once_however_often_the_mail_comes(self, one: Office) -> None:
        raw = one.write("revoke\n")
        before = len(one.decisions())
        assert [one.take(raw) for _ in range(3)] == ["Recorded: 1.", "", ""]
        assert len(one.decisions()) == before + 1
        assert len(one.mails("receipt")) == 1

    def test_with_a_signature_of_the_same_domain(self, one: Office) -> None:
        dkim = f"{AUTHSERV}; dkim=pass header.d=house.example header.s=s1; spf=pass"
        assert one.take(one.write("keep\n", results=[dkim])) == "Recorded: 1."


class TestAReplyChangesNothing:
    def refused(self, office: Office, raw: bytes) -> str:
        before = len(office.decisions())
        words = office.take(raw)
        assert len(office.decisions()) == before
        return words

    @pytest.mark.parametrize(
        "results",
        [
            [],
            [f"{AUTHSERV}; dmarc=fail header.from=house.example"],
            [f"{AUTHSERV}; dmarc=none; spf=pass smtp.mailfrom=house.example"],
            [f"{AUTHSERV}; none"],
            [f"{AUTHSERV}; dmarc=pass header.from=evil.example"],
            [f"{AUTHSERV}; dkim=pass header.d=evil.example"],
            [f"{AUTHSERV}; dkim=fail header.d=house.example"],
            [f"{AUTHSERV}; dkim=pass header.d=house.example; dmarc=fail"],
            [f"{AUTHSERV}; spf=pass smtp.mailfrom=house.example"],
            ["mx.evil.example; dmarc=pass header.from=house.example"],
            [f"mx.evil.example; dmarc=pass; x={AUTHSERV}", PASS],
            [f"{AUTHSERV}.evil.example; dmarc=pass header.from=house.example"],
            [f"{AUTHSERV} (; dmarc=pass header.from=house.example); dmarc=fail"],
            [f"{AUTHSERV}; dmarc=fail (dmarc=pass header.from=house.example)"],
            [f'{AUTHSERV}; auth=pass smtp.auth="x; dmarc=pass header.from=house.example"'],
        ],
    )
    def test_without_the_word_of_the_own_mail_server(self, one: Office, results: list[str]) -> None:
        words = self.refused(one, one.write("revoke\n", results=results))
        assert "sender is not certain" in words
        assert len(one.mails("unclear")) == 1

    def test_when_no_mail_server_is_trusted(self, one: Office) -> None:
        one.desk.settings = replace(one.desk.settings, authserv_id="")
        assert "no mail server is trusted" in self.refused(one, one.write("revoke\n"))

    @pytest.mark.parametrize(
        "who",
        [
            "bob@house.example",
            "charlie@evil.example",
            "Charlie <x@evil.example>",
            "",
            "charlie@house.example, bob@house.example",
        ],
    )
    def test_from_somebody_else_who_gets_no_answer(self, one: Office, who: str) -> None:
        self.refused(one, one.write("revoke\n", from_=who))
        assert one.mails("unclear") == []

    @pytest.mark.parametrize("to", ["recert@house.example", f"recert+{'a' * 26}@house.example"])
    def test_without_the_secret_of_a_mail(self, one: Office, to: str) -> None:
        self.refused(one, one.write("revoke\n", to=to))
        told = one.mails("unclear")
        assert len(told) == (0 if "+" in to else 1)  # a program that drops the plus is told of
        assert all("another address" in mail.text for mail in told)

    def test_a_stranger_who_writes_to_the_plain_address_gets_no_answer(self, one: Office) -> None:
        raw = one.write("revoke\n", to="recert@house.example", from_="eve@evil.example")
        self.refused(one, raw)
        assert one.mails("unclear") == []

    def test_with_one_word_for_several_questions(self, office: Office) -> None:
        office.invite()
        words = self.refused(office, office.write("keep\n", "alice"))
        assert words == "The mail has several questions: write the number before the word."

    def test_about_a_number_that_is_not_there(self, office: Office) -> None:
        office.invite()
        assert "no question 99" in self.refused(office, office.write("1 keep\n99 keep\n", "alice"))

    def test_when_one_of_its_lines_cannot_be_done(self, office: Office) -> None:
        office.invite()
        numbers = office.numbers("alice")
        lea = numbers[office.house.item("lea", "/finance").ref]
        pia = numbers[office.house.item("pia", INBOX).ref]
        words = self.refused(office, office.write(f"{pia} keep\n{lea} keep\n", "alice"))
        assert "Say why" in words  # she has left: keeping needs a reason

    def test_when_it_was_answered_meanwhile(self, one: Office) -> None:
        one.house.decide("seller", "/sales", Reply(Answer.KEEP), by="charlie")
        assert "answered already" in self.refused(one, one.write("revoke\n"))

    def test_when_the_access_changed_meanwhile(self, one: Office) -> None:
        one.house.give("seller", "/sales", "list")
        one.house.snapshot()
        one.house.refresh()
        assert "has changed since" in self.refused(one, one.write("keep\n"))

    def test_after_the_close(self, one: Office) -> None:
        one.house.close(one.house.item("seller", "/sales").campaign_id)
        assert "answered already" in self.refused(one, one.write("keep\n"))

    def test_where_the_campaign_wants_a_sign_in(self, one: Office) -> None:
        with one.house.db.transaction() as session:
            campaign = session.get_one(Campaign, one.house.item("seller", "/sales").campaign_id)
            campaign.policy = Policy(mail_answers=MailAnswers.LOW).as_json()
        assert "asks for a sign-in" in self.refused(one, one.write("keep\n"))

    @pytest.mark.parametrize("name", AUTOMATIC)
    def test_written_by_a_program_and_gets_no_answer(self, one: Office, name: str) -> None:
        lines = AUTOMATIC[name]
        kept = [
            line
            for line in one.write("revoke\n").decode().splitlines()
            if line.partition(":")[0] not in {each.partition(":")[0] for each in lines}
        ]
        self.refused(one, "\r\n".join([*lines, *kept]).encode())
        assert one.mails("unclear") == one.mails("receipt") == []

    def test_it_gets_one_polite_answer_and_not_many(self, one: Office) -> None:
        for number in range(6):
            self.refused(one, one.write(f"Hello? {number}\n"))
        answers = one.mails("unclear")
        assert len(answers) == mail_replies.ANSWERS_A_DAY
        assert "not exactly one of the words" in " ".join(answers[0].text.split())
        assert "http://localhost/reviews" in answers[0].text

    def test_no_style_decides_what_was_not_said(self, office: Office) -> None:
        """Every style of the table as a reply to a mail with one question."""
        office.invite()
        wrong, tried = [], 0
        for name, (raw, wanted) in STYLES.items():
            head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
            kept = [
                line
                for line in head.decode("utf-8", "replace").split("\n")
                if line and not line.lower().startswith(("from:", "to:"))
            ]
            mine = [f"Authentication-Results: {PASS}", "From: alice@house.example"]
            mine += [f"To: {plus('recert@house.example', office.key('alice'))}"]
            letter = "\n".join([*mine, *kept, f"X-Style: {tried}", "", ""]).encode() + body
            before = {row.id for row in office.decisions()}
            office.take(letter)
            made = [row for row in office.decisions() if row.id not in before]
            tried += 1
            if made and not isinstance(wanted, dict):
                wrong.append(name)
        assert wrong == []
        assert tried >= 60


class TestTheMailbox:
    def test_mails_are_taken_and_put_away(self, one: Office) -> None:
        one.dovecot.deliver(one.write("revoke\n"), one.write("hello\n"), b"\x00\xff broken")
        assert one.desk.read(one.house.db, now=one.house.now) == 3
        assert one.dovecot.counts() == {"Recert-Done": 3}
        assert one.house.item("seller", "/sales").answer is Answer.REVOKE

    def test_it_is_not_asked_all_the_time(self, one: Office) -> None:
        one.desk.read(one.house.db, now=one.house.now)
        one.dovecot.deliver(one.write("revoke\n"))
        assert one.desk.read(one.house.db, now=one.house.now) == 0
        assert one.desk.read(one.house.db, now=one.house.now + PAUSE) == 1

    def test_a_crash_before_a_mail_was_put_away_does_no_harm(
        self, one: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one.dovecot.deliver(one.write("revoke\n"))
        before = len(one.decisions())
        with monkeypatch.context() as patch:
            patch.setattr(Mailbox, "_put_away", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                one.desk.read(one.house.db, now=one.house.now)
        assert one.dovecot.counts() == {"INBOX": 1}
        one.desk.read(one.house.db, now=one.house.now + PAUSE)
        assert one.dovecot.counts() == {"Recert-Done": 1}
        assert len(one.decisions()) == before + 1

    def test_a_mail_that_breaks_us_holds_up_no_other(
        self, one: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        one.dovecot.deliver(one.write("hello\n"), one.write("revoke\n"))
        real = mail_replies.take

        def take(session: object, raw: bytes, *args: object, **more: object) -> str:
            assert b"hello" not in raw
            return real(session, raw, *args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(mail_replies, "take", take)
        one.desk.read(one.house.db, now=one.house.now)
        assert one.dovecot.counts() == {"Recert-Done": 1, "Recert-Failed": 1}
        assert "could not be read" in caplog.text

    def test_a_server_that_cannot_move_copies_and_deletes(self, one: Office) -> None:
        one.dovecot.deliver(one.write("revoke\n"), one.write("hello\n"))
        with Mailbox(one.dovecot.settings) as box:
            box._able -= {"MOVE"}
            assert box.each(lambda _raw: True) == 2
        assert one.dovecot.counts() == {"Recert-Done": 2}

    def test_starttls_works_as_well(self, one: Office) -> None:
        settings = replace(one.dovecot.settings, port=one.dovecot.plain_port, security="starttls")
        one.dovecot.deliver(one.write("revoke\n"))
        assert ReplyHandling(settings, one.head).read(one.house.db, now=one.house.now) == 1

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"ca_file": ""}, "CERTIFICATE_VERIFY_FAILED"),
            ({"server": "localhost"}, "Hostname mismatch|not valid for"),
            ({"password": "wrong"}, "AUTHENTICATIONFAILED"),
            ({"folder": "Nowhere"}, "Nowhere|exist"),
            ({"port": 1}, "refused"),
        ],
    )
    def test_a_wrong_one_is_refused(self, one: Office, change: dict[str, object], why: str) -> None:
        settings = replace(one.dovecot.settings, **change)  # type: ignore[arg-type]
        with pytest.raises(MailboxUnreachable, match=why):
            ReplyHandling(settings, one.head).read(one.house.db, now=one.house.now)


REPORT = """\
From: MAILER-DAEMON@mx.house.example
To: {to}
Return-Path: <>
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=b
MIME-Version: 1.0
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce-{number}@mx.house.example>

--b
Content-Type: text/plain

keep

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.house.example

Final-Recipient: rfc822; charlie@house.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 mailbox unknown

--b--
"""


class TestABounce:
    def report(self, office: Office, action: str = "failed", **more: str) -> bytes:
        office.count += 1
        key = more.get("key", office.key("charlie"))
        to = plus("recert@house.example", f"b-{key}")
        status = more.get("status", "5.1.1")
        return REPORT.format(to=to, action=action, status=status, number=office.count).encode()

    def marks(self, office: Office) -> list[tuple[str, str]]:
        with office.house.db.reading() as session:
            rows = session.scalars(select(Undeliverable)).all()
            return [(row.address, row.reason) for row in rows]

    def test_it_marks_the_address(self, one: Office) -> None:
        one.take(self.report(one))
        assert self.marks(one) == [("charlie@house.example", "550 5.1.1 mailbox unknown")]
        with one.house.db.reading() as session:
            query = select(OutboxMessage).where(OutboxMessage.bounced_at.is_not(None))
            mail = session.scalars(query).one()
        assert (mail.to_address, mail.bounce) == self.marks(one)[0]
        assert one.decisions() == []

    @pytest.mark.parametrize(
        "more",
        [{"key": "a" * 26}, {"action": "delayed"}, {"status": "4.4.7"}, {"action": "delivered"}],
    )
    def test_not_when_it_may_be_forged_or_is_no_failure(
        self, one: Office, more: dict[str, str]
    ) -> None:
        one.take(self.report(one, **more))
        assert self.marks(one) == []

    def test_substitute_and_officers_are_told_once(self, office: Office) -> None:
        office.house.user(office.house.officer)
        office.invite()
        raw = self.report(office, key=office.key("alice"))
        for _ in range(2):
            office.take(raw)
            undeliverable.tell_due(office.house.db, office.head, now=office.house.now)
        told = office.mails("undeliverable")
        assert {mail.to_address for mail in told} == {"olga@house.example", "bob@house.example"}
        assert all("550 5.1.1 mailbox unknown" in " ".join(mail.text.split()) for mail in told)
        (bob,) = [mail for mail in told if mail.to_address.startswith("bob")]
        assert "You are the substitute for this person" in " ".join(bob.text.split())

    def test_a_reply_clears_it(self, one: Office) -> None:
        one.take(self.report(one))
        one.take(one.write("keep\n"))
        assert self.marks(one) == []
        assert "address.reached" in one.house.trail_actions()

    def test_a_later_mail_that_did_not_come_back_clears_it(self, one: Office) -> None:
        one.take(self.report(one))
        with one.house.later(hours=1), one.house.db.transaction() as session:
            newest = session.scalars(
                select(OutboxMessage).where(OutboxMessage.to_address.like("charlie%"))
            ).all()[-1]
            newest.state, newest.attempts = mail.MessageState.SENDING, 1
            session.flush()
            mail.mark_sent(session, newest, now=one.house.now)
        for hours, left in ((20, 1), (26, 0)):
            with one.house.later(hours=hours):
                undeliverable.tell_due(one.house.db, one.head, now=one.house.now)
            assert len(self.marks(one)) == left

    def test_the_board_shows_who_cannot_be_reached(self, one: Office) -> None:
        one.take(self.report(one))
        campaign = one.house.item("seller", "/sales").campaign_id
        with one.house.db.reading() as session:
            (row,) = undeliverable.of_campaign(session, campaign)
        assert (row.name, row.address) == ("Charlie Cole", "charlie@house.example")


def test_what_came_in_is_kept_without_its_text(one: Office) -> None:
    one.take(one.write("keep\n\nprivate words\n"))
    with one.house.db.reading() as session:
        row = session.scalars(select(InboundMail)).one()
    assert "private" not in str(vars(row))
    assert row.outcome == "Recorded: 1."
    assert "mail.reply" in one.house.trail_actions()


def test_the_doctor_tries_the_mailbox(one: Office) -> None:
    def shell(**change: object) -> SimpleNamespace:
        wanted = replace(one.dovecot.settings, **change)  # type: ignore[arg-type]
        return SimpleNamespace(settings=replace(one.settings, replies=wanted))

    system._mailbox(shell())  # type: ignore[arg-type]
    for change, why in (({"password": "wrong"}, "AUTH"), ({"authserv_id": ""}, "no reply decides")):
        with pytest.raises(MailboxUnreachable, match=why):
            system._mailbox(shell(**change))  # type: ignore[arg-type]
