"""Mails on their way through a real SMTP server that misbehaves."""

import ssl
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from recert.foundation import backoff, failpoints, secrets
from recert.foundation.settings import MailSettings
from recert.mail import service
from recert.mail.delivery import deliver_due
from recert.mail.models import MessageState
from recert.mail.smtp import Post
from tests.foundation.test_db import at_once
from tests.mail.conftest import Box, Outbox, free_port, serving
from tests.support.house import NOON

EVERYBODY = ("alice", "bob", "charlie")


class TestAGoodDay:
    def test_everything_due_goes_over_one_connection(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 3
        assert box.addresses() == [f"{name}@house.example" for name in EVERYBODY]
        assert box.connections == 1
        assert set(outbox.states().values()) == {"sent"}
        assert outbox.rows()["alice"].sent_at == NOON

    def test_nothing_is_sent_twice(self, outbox: Outbox, box: Box, server: MailSettings) -> None:
        outbox.put(*EVERYBODY)
        outbox.deliver(server)
        outbox.later(days=2)
        assert outbox.deliver(server) == 0
        assert len(box.mails) == 3

    def test_more_than_one_batch_is_sent(
        self, outbox: Outbox, box: Box, server: MailSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim = service.claim
        monkeypatch.setattr(service, "claim", lambda *a, **k: claim(*a, **k, limit=100))
        outbox.put(*(f"person{number}" for number in range(120)))
        assert outbox.deliver(server) == 120
        assert len(set(box.addresses())) == 120
        assert box.connections == 2

    def test_four_workers_at_once_send_each_mail_once(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put(*(f"person{number}" for number in range(40)))
        assert sum(map(int, at_once(4, lambda _: outbox.deliver(server)))) == 40  # type: ignore[call-overload]
        assert len(box.mails) == len(set(box.addresses())) == 40

    def test_what_was_rolled_back_is_never_sent(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            put_and_fail(outbox)
        assert outbox.deliver(server) == 0
        assert outbox.rows() == {}
        assert box.mails == []


def put_and_fail(outbox: Outbox) -> None:
    draft = service.Draft("t", "invitation", "alice@house.example", "Alice", "s", "t", "h")
    with outbox.db.transaction() as session:
        service.put(session, draft, sender="recert@house.example", now=NOON)
        raise ZeroDivisionError


class TestTheServerRefuses:
    def test_one_address_for_now_and_the_others_go(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        box.faults.recipients["bob@house.example"] = "451 try later"
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 2
        assert outbox.states() == {"alice": "sent", "bob": "queued", "charlie": "sent"}
        assert outbox.rows()["bob"].error == "451 try later"
        box.faults.recipients.clear()
        outbox.later(minutes=1)
        assert outbox.deliver(server) == 1

    def test_one_address_for_good_and_the_others_go(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        box.faults.recipients["bob@house.example"] = "550 no such user"
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 2
        assert outbox.states()["bob"] == "failed"
        assert outbox.rows()["bob"].error == "550 no such user"
        outbox.later(days=2)
        assert outbox.deliver(server) == 0

    @pytest.mark.parametrize(("answer", "state"), [("452 full", "queued"), ("554 no", "failed")])
    def test_the_text_of_a_mail(
        self, outbox: Outbox, box: Box, server: MailSettings, answer: str, state: str
    ) -> None:
        box.faults.data = lambda to: answer if "bob@house.example" in to.rcpt_tos else None
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 2
        assert outbox.states() == {"alice": "sent", "bob": state, "charlie": "sent"}

    def test_us_which_is_no_fault_of_any_mail(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        box.faults.sender = "550 sender not allowed"
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 0
        assert set(outbox.states().values()) == {"queued"}
        box.faults.sender = None
        outbox.later(minutes=1)
        assert outbox.deliver(server) == 3

    def test_to_stay_on_the_line(self, outbox: Outbox, box: Box, server: MailSettings) -> None:
        box.faults.recipients["alice@house.example"] = "421 too much for now"
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 2
        assert outbox.states() == {"alice": "queued", "bob": "sent", "charlie": "sent"}
        assert outbox.rows()["bob"].attempts == 1


class TestTheLineBreaks:
    def test_in_the_middle_of_a_mail_and_only_that_mail_waits(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        box.faults.cut.add("bob@house.example")
        outbox.put(*EVERYBODY)
        assert outbox.deliver(server) == 2
        assert outbox.states() == {"alice": "sent", "bob": "queued", "charlie": "sent"}
        assert "Disconnected" in outbox.rows()["bob"].error

    def test_again_and_again_and_the_run_ends(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        names = [f"person{number}" for number in range(6)]
        box.faults.cut.update(f"{name}@house.example" for name in names)
        outbox.put(*names)
        assert outbox.deliver(server) == 0
        assert box.connections == 3
        assert sorted(row.attempts for row in outbox.rows().values()) == [0, 0, 0, 1, 1, 1]

    def test_because_nobody_is_there(self, outbox: Outbox, box: Box) -> None:
        port = free_port()
        outbox.put(*EVERYBODY)
        nobody = MailSettings("127.0.0.1", port, sender="recert@house.example", timeout=5)
        assert outbox.deliver(nobody) == 0
        assert {row.attempts for row in outbox.rows().values()} == {1}
        assert "ConnectionRefusedError" in outbox.rows()["alice"].error
        outbox.later(minutes=1)
        with serving(box, port) as settings:
            assert outbox.deliver(settings) == 3

    def test_because_the_name_does_not_exist(self, outbox: Outbox) -> None:
        outbox.put("alice")
        outbox.deliver(MailSettings("no.such.host.invalid", 25, sender="recert@house.example"))
        assert outbox.states() == {"alice": "queued"}

    def test_by_silence(self, outbox: Outbox, box: Box, server: MailSettings) -> None:
        box.faults.hang = threading.Event()
        outbox.put("alice")
        assert outbox.deliver(replace(server, timeout=0.3)) == 0
        box.faults.hang.set()
        assert outbox.states() == {"alice": "queued"}
        assert "timed out" in outbox.rows()["alice"].error

    def test_a_mail_is_lost_by_none_of_it(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        names = [f"person{number}" for number in range(20)]
        outbox.put(*names)
        for number, name in enumerate(names):
            address = f"{name}@house.example"
            faults = (box.faults.cut.add, lambda a: box.faults.recipients.update({a: "450 no"}))
            if number % 3:
                faults[number % 2](address)
        outbox.deliver(server)
        box.faults.cut.clear()
        box.faults.recipients.clear()
        outbox.later(minutes=1)
        outbox.deliver(server)
        assert set(outbox.states().values()) == {"sent"}
        assert sorted(box.addresses()) == sorted(f"{name}@house.example" for name in names)


class TestTheLadder:
    def test_it_doubles_six_times_and_then_waits_half_an_hour(self) -> None:
        seconds = [backoff.wait(tries, spread=1).total_seconds() for tries in range(1, 9)]
        assert seconds == [10, 20, 40, 80, 160, 320, 1800, 1800]

    def test_it_spreads_by_a_half(self) -> None:
        waits = [backoff.wait(1).total_seconds() for _ in range(200)]
        assert 5 <= min(waits) < 8
        assert 12 < max(waits) <= 15

    @pytest.mark.slow
    def test_after_a_day_the_mail_has_failed(self, outbox: Outbox, box: Box) -> None:
        nobody = MailSettings("127.0.0.1", free_port(), sender="recert@house.example")
        outbox.put("alice")
        while outbox.rows()["alice"].state is not MessageState.FAILED:
            outbox.deliver(nobody)
            outbox.time = max(outbox.rows()["alice"].next_at, outbox.time)
        assert outbox.rows()["alice"].attempts == service.MAX_TRIES
        assert timedelta(hours=23) < outbox.time - NOON < timedelta(hours=25)


class TestACrash:
    def crash(self) -> None:
        raise MemoryError

    def test_after_the_server_said_yes_sends_the_same_message_again(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put("alice")
        with failpoints.armed("mail.accepted", self.crash), pytest.raises(MemoryError):
            outbox.deliver(server)
        assert outbox.states() == {"alice": "sending"}
        assert outbox.deliver(server) == 0
        outbox.time += service.LEASE
        assert outbox.deliver(server) == 1
        assert box.mails[0]["Message-ID"] == box.mails[1]["Message-ID"]
        assert len(box.mails) == 2

    def test_the_rest_of_the_batch_waits_for_the_lease_and_goes_once(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put(*EVERYBODY)
        with failpoints.armed("mail.accepted", self.crash), pytest.raises(MemoryError):
            outbox.deliver(server)
        outbox.time += service.LEASE
        assert outbox.deliver(server) == 3
        assert sorted(box.addresses())[1:] == [f"{name}@house.example" for name in EVERYBODY]

    def test_a_retry_carries_the_same_message_id(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put("alice")
        fixed = outbox.rows()["alice"].message_id
        box.faults.data = lambda _: "451 later"
        outbox.deliver(server)
        box.faults.data = lambda _: None
        outbox.later(minutes=1)
        outbox.deliver(server)
        assert [mail["Message-ID"] for mail in box.mails] == [fixed]


class TestAWorkerThatStoodStill:
    def test_it_says_nothing_about_a_mail_that_another_has_by_now(self, outbox: Outbox) -> None:
        outbox.put("alice")
        with outbox.db.transaction() as session:
            (frozen,) = service.claim(session, now=NOON)
        with outbox.db.transaction() as session:
            (current,) = service.claim(session, now=NOON + service.LEASE)
        with outbox.db.transaction() as session:
            service.mark_retry(session, frozen, "too late", now=NOON)
            service.mark_failed(session, frozen, "too late")
            service.release(session, frozen, now=NOON)
        assert outbox.states() == {"alice": "sending"}
        with outbox.db.transaction() as session:
            service.mark_sent(session, current, now=NOON)
        assert outbox.states() == {"alice": "sent"}

    def test_a_slow_server_does_not_outlast_the_lease(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put(*EVERYBODY)
        claimed: list[int] = []

        def slowly() -> None:
            outbox.later(minutes=2)
            with outbox.db.transaction() as session:
                claimed.append(len(service.claim(session, now=outbox.time)))
                session.rollback()

        post = Post(Flask("test"), server)
        with failpoints.armed("mail.accepted", slowly):
            assert deliver_due(outbox.db, post, now=lambda: outbox.time) == 3
        assert claimed == [0, 0, 0]
        assert len(box.mails) == 3


class TestEncryption:
    def wanting(self, settings: MailSettings, security: str, ca_file: str = "") -> MailSettings:
        return replace(settings, security=security, ca_file=ca_file)

    def test_starttls_with_a_good_certificate_delivers(
        self, outbox: Outbox, box: Box, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        outbox.put("alice")
        with serving(box, free_port(), tls_context=tls, require_starttls=True) as settings:
            assert outbox.deliver(self.wanting(settings, "starttls", str(certificate))) == 1

    def test_starttls_with_an_unknown_certificate_sends_nothing(
        self, outbox: Outbox, box: Box, tls: ssl.SSLContext
    ) -> None:
        outbox.put("alice")
        with serving(box, free_port(), tls_context=tls) as settings:
            assert outbox.deliver(self.wanting(settings, "starttls")) == 0
        assert "CERTIFICATE_VERIFY_FAILED" in outbox.rows()["alice"].error
        assert outbox.states() == {"alice": "queued"}
        assert box.mails == []

    def test_starttls_with_a_certificate_of_another_name_sends_nothing(
        self, outbox: Outbox, box: Box, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        outbox.put("alice")
        with serving(box, free_port(), tls_context=tls) as settings:
            named = replace(settings, server="localhost")
            assert outbox.deliver(self.wanting(named, "starttls", str(certificate))) == 0
        assert "CERTIFICATE_VERIFY_FAILED" in outbox.rows()["alice"].error

    def test_starttls_that_the_server_does_not_offer_sends_nothing(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put("alice")
        assert outbox.deliver(self.wanting(server, "starttls")) == 0
        assert (outbox.states(), box.mails) == ({"alice": "queued"}, [])

    def test_implicit_tls_with_a_good_certificate_delivers(
        self, outbox: Outbox, box: Box, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        outbox.put("alice")
        with serving(box, free_port(), ssl_context=tls) as settings:
            assert outbox.deliver(self.wanting(settings, "tls", str(certificate))) == 1

    def test_implicit_tls_with_an_unknown_certificate_sends_nothing(
        self, outbox: Outbox, box: Box, tls: ssl.SSLContext
    ) -> None:
        outbox.put("alice")
        with serving(box, free_port(), ssl_context=tls) as settings:
            assert outbox.deliver(self.wanting(settings, "tls")) == 0
        assert "CERTIFICATE_VERIFY_FAILED" in outbox.rows()["alice"].error

    def test_a_wrong_password_keeps_the_mails(
        self, outbox: Outbox, box: Box, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        outbox.put(*EVERYBODY)
        with serving(box, free_port(), tls_context=tls, auth_required=True) as settings:
            wanted = self.wanting(settings, "starttls", str(certificate))
            assert outbox.deliver(replace(wanted, username="recert", password="wrong")) == 0
        assert set(outbox.states().values()) == {"queued"}


class TestSecretsOfLinks:
    @pytest.mark.parametrize("refused", [False, True])
    def test_they_are_forgotten_when_the_mail_is_done_with(
        self, outbox: Outbox, box: Box, server: MailSettings, refused: bool
    ) -> None:
        link = f"http://localhost/d/{secrets.new_token()}"
        outbox.put("alice", text=f"Answer: {link}\n", html=f'<a href="{link}">Answer</a>')
        assert link in outbox.rows()["alice"].text
        box.faults.recipients = {"alice@house.example": "550 nobody"} if refused else {}
        assert outbox.deliver(server) == int(not refused)
        kept = outbox.rows()["alice"]
        assert kept.text == "Answer: http://localhost/d/...\n"
        assert kept.html == '<a href="http://localhost/d/...">Answer</a>'
        assert refused or link in box.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]

    def test_a_mail_that_waits_for_another_try_keeps_them(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        link = f"http://localhost/d/{secrets.new_token()}"
        outbox.put("alice", text=link)
        box.faults.recipients = {"alice@house.example": "450 later"}
        outbox.deliver(server)
        assert link in outbox.rows()["alice"].text
