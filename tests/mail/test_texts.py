"""What a mail looks like on the wire, and what can never become one."""

from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from recert.foundation.settings import MailSettings
from recert.mail.smtp import CannotBeMailed, OutgoingMail
from tests.mail.conftest import Box, Outbox
from tests.support.house import NOON


class TestHeaders:
    def test_they_say_who_to_whom_and_that_a_machine_wrote_it(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put("alice", to_name="Zoë, die Älteste")
        outbox.deliver(server)
        (mail,) = box.mails
        assert str(mail["From"]) == "Recert <recert@house.example>"
        assert mail["To"].addresses[0].display_name == "Zoë, die Älteste"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["X-Auto-Response-Suppress"] == "All"
        assert parsedate_to_datetime(mail["Date"]) == NOON
        assert mail["References"] is None

    def test_the_message_id_does_not_show_the_machine(self, outbox: Outbox) -> None:
        outbox.put("alice", "bob")
        ids = [row.message_id for row in outbox.rows().values()]
        assert all(each.endswith("@house.example>") for each in ids)
        assert len(set(ids)) == 2

    def test_a_reminder_refers_to_the_first_mail(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put("alice")
        first = outbox.rows()["alice"].message_id
        outbox.put("bob", in_reply_to=first)
        outbox.deliver(server)
        assert box.mails[1]["References"] == box.mails[1]["In-Reply-To"] == first

    def test_both_forms_of_the_text_arrive(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        text = "Grüße 🗄\n.\n..two dots\nFrom here\n" + "x" * 2000 + "\n"
        outbox.put("alice", text=text, html=f"<p>{'ü' * 2000}</p>")
        outbox.deliver(server)
        plain, html = (box.mails[0].get_body((form,)) for form in ("plain", "html"))
        assert plain
        assert html
        assert plain.get_content().replace("\r\n", "\n") == text
        assert html.get_content().strip() == f"<p>{'ü' * 2000}</p>"

    def test_the_wire_sees_seven_bits_and_short_lines(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        outbox.put("alice", subject="Zugriffe prüfen", text="ü\n", html="<p>ü</p>")
        outbox.deliver(server)
        assert box.raw[0].isascii()
        assert max(map(len, box.raw[0].splitlines())) <= 998
        assert box.mails[0]["Subject"] == "Zugriffe prüfen"


class TestWhatNoMailCanCarry:
    @pytest.mark.parametrize(
        "hostile",
        [
            {"subject": "Hello\nBcc: charlie@house.example"},
            {"subject": "Hello\r\n\r\nbody"},
            {"subject": "Hello\x85Bcc: charlie@house.example"},
            {"to_name": "Alice\nBcc: charlie@house.example"},
            {"to_address": "alice@house.example\nBcc: charlie@house.example"},
            {"to_address": "alice@house.example, charlie@house.example"},
            {"to_address": "jörg@house.example"},
            {"to_address": "nobody"},
            {"to_address": ""},
            {"in_reply_to": "<a@b>\nBcc: charlie@house.example"},
        ],
    )
    def test_is_refused_and_does_not_hold_up_the_others(
        self, outbox: Outbox, box: Box, server: MailSettings, hostile: dict[str, str]
    ) -> None:
        outbox.put("mallory", **hostile)
        outbox.put("alice")
        assert outbox.deliver(server) == 1
        assert box.addresses() == ["alice@house.example"]
        assert sorted(row.state.value for row in outbox.rows().values())[-1] == "sent"
        outbox.later(days=2)
        assert outbox.deliver(server) == 0

    def test_it_says_why(self, outbox: Outbox) -> None:
        outbox.put("alice", subject="Hello\nBcc: charlie@house.example")
        with pytest.raises(CannotBeMailed, match="linefeed"):
            OutgoingMail(outbox.rows()["alice"], MailSettings(sender="recert@house.example"))

    def test_odd_characters_stay_inside_their_header(
        self, outbox: Outbox, box: Box, server: MailSettings
    ) -> None:
        odd = "a\x0bX-A: 1\x85X-B: 2\u2028X-C: 3"
        outbox.put("alice", to_name=odd)
        outbox.deliver(server)
        (mail,) = box.mails
        assert not {"X-A", "X-B", "X-C", "Bcc"}.intersection(mail.keys())


class TestTheOrder:
    def test_what_is_not_due_waits(self, outbox: Outbox, server: MailSettings) -> None:
        outbox.put("alice")
        outbox.time -= timedelta(seconds=1)
        assert outbox.deliver(server) == 0
        outbox.time += timedelta(seconds=1)
        assert outbox.deliver(server) == 1
