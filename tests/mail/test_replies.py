# ruff: noqa: E501  the mails of the table look as programs write them
"""What people and their programs reply, and what is understood of it. The table is the point:
no style may ever be understood as something its writer did not say."""

from email.message import EmailMessage
from email.policy import SMTP

import pytest

from recert.mail import reply_parser
from recert.mail.received import Received
from recert.mail.reply_parser import ReplyAnswer

QUOTED = (
    "Hello Alice Archer,\n\nyou answer for folders on our file transfer servers.\n\n"
    "1. Pia Partner in /finance/inbox on main\n   Answer: http://localhost/d/x\n\n"
    "Or reply to this mail with one word in the first line: keep or revoke.\nkeep\n2 keep\n"
)
MARKED = "".join(f"> {line}\n" for line in QUOTED.splitlines())
ON = "On Mon, 23 Nov 2026 at 12:00, Recert <recert@house.example> wrote:\n"
AM = "Am 23.11.2026 um 12:00 schrieb Recert:\n"
OUTLOOK = (
    "________________________________\nFrom: Recert <recert@house.example>\n"
    "Sent: Monday, November 23, 2026 12:00\nTo: Alice Archer\nSubject: Access review\n\n" + QUOTED
)
OUTLOOK_DE = (
    "-----Ursprüngliche Nachricht-----\nVon: Recert <recert@house.example>\n"
    "Gesendet: Montag, 23. November 2026 12:00\nAn: Alice Archer\nBetreff: Zugriffe\n\n" + QUOTED
)
HTML_QUOTE = "<br>".join(QUOTED.splitlines())


def plain(text: str, **how: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "alice@house.example", "recert@house.example", "Re"
    made.set_content(text, **how)
    return made.as_bytes()


def html(text: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "alice@house.example", "recert@house.example", "Re"
    made.set_content(text, subtype="html")
    return made.as_bytes()


def both(text: str, rich: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "alice@house.example", "recert@house.example", "Re"
    made.set_content(text)
    made.add_alternative(rich, subtype="html")
    return made.as_bytes()


def raw(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


KEEP, REVOKE, NOTHING = "keep", "revoke", ""
STYLES: dict[str, tuple[bytes, object]] = {
    # plain text, top posting
    "one word": (plain("keep\n"), KEEP),
    "capitals": (plain("REVOKE\n"), REVOKE),
    "with a full stop": (plain("Keep.\n"), KEEP),
    "with exclamation marks": (plain("Revoke!!\n"), REVOKE),
    "bold in plain text": (plain("*revoke*\n"), REVOKE),
    "in quotes": (plain('"keep"\n'), KEEP),
    "after empty lines": (plain("\n\n   \nkeep\n"), KEEP),
    "indented": (plain("    revoke   \n"), REVOKE),
    "with a greeting after": (plain("keep\n\nBest regards\nAlice\n"), KEEP),
    "with a signature": (plain("revoke\n\n-- \nAlice Archer\nHouse Ltd\n"), REVOKE),
    "German keep": (plain("behalten\n"), KEEP),
    "German revoke": (plain("Entziehen.\n"), REVOKE),
    "German approve": (plain("genehmigen\n\nViele Grüße\nAlice\n"), KEEP),
    "German remove": (plain("entfernen\n"), REVOKE),
    # how mail programs quote
    "Gmail": (plain(f"keep\n\n{ON}\n{MARKED}"), KEEP),
    "Gmail, attribution over two lines": (
        plain(f"revoke\n\n{ON.replace('Recert <', chr(10) + 'Recert <')}\n{MARKED}"),
        REVOKE,
    ),
    "Gmail in German": (
        plain(
            f"behalten\n\nAm Mo., 23. Nov. 2026 um 12:00 Uhr schrieb Recert <\nrecert@house.example>:\n\n{MARKED}"
        ),
        KEEP,
    ),
    "Gmail in French": (
        plain(f"revoke\n\nLe lun. 23 nov. 2026 à 12:00, Recert <r@h> a écrit :\n{MARKED}"),
        REVOKE,
    ),
    "Gmail in Spanish": (
        plain(f"keep\n\nEl lun, 23 nov 2026 a las 12:00, Recert escribió:\n{MARKED}"),
        KEEP,
    ),
    "Gmail in Dutch": (
        plain(f"keep\n\nOp ma 23 nov 2026 om 12:00 schreef Recert:\n{MARKED}"),
        KEEP,
    ),
    "Gmail in Italian": (
        plain(f"keep\n\nIl giorno lun 23 nov 2026 Recert ha scritto:\n{MARKED}"),
        KEEP,
    ),
    "Thunderbird in German": (plain(f"entziehen\n\n{AM}{MARKED}"), REVOKE),
    "Outlook": (plain(f"keep\n\n{OUTLOOK}"), KEEP),
    "Outlook in German": (plain(f"behalten\n\n{OUTLOOK_DE}"), KEEP),
    "Outlook without a line": (
        plain(f"revoke\n\nFrom: Recert\nSent: Monday\nSubject: x\n\n{QUOTED}"),
        REVOKE,
    ),
    "Outlook bold headers": (
        plain(f"revoke\n\n*From:* Recert\n*Sent:* Monday\n\n{QUOTED}"),
        REVOKE,
    ),
    "Apple Mail": (
        plain(f"keep\n\nOn 23. Nov 2026, at 12:00, Recert <r@h> wrote:\n\n{MARKED}"),
        KEEP,
    ),
    "iPhone": (plain(f"Keep\n\nSent from my iPhone\n\n{ON}{MARKED}"), KEEP),
    "iPhone in German": (plain(f"Behalten\n\nVon meinem iPhone gesendet\n\n{AM}{MARKED}"), KEEP),
    "Outlook for Android": (plain(f"revoke\n\nGet Outlook for Android\n{OUTLOOK}"), REVOKE),
    "Lotus Notes": (plain(f"keep\n\n-----Recert <r@h> schrieb: -----\n\n{QUOTED}"), KEEP),
    "Zimbra": (plain(f"keep\n\n----- Original Message -----\nFrom: Recert\n\n{QUOTED}"), KEEP),
    "mutt": (plain(f"revoke\n\nOn 2026-11-23 12:00, Recert wrote:\n{MARKED}"), REVOKE),
    "quoted without an attribution": (plain(f"keep\n\n{MARKED}"), KEEP),
    # bottom posting
    "below the quote": (plain(f"{ON}{MARKED}\nrevoke\n"), REVOKE),
    "below the quote with a signature": (plain(f"{AM}{MARKED}\nkeep\n\n-- \nAlice\n"), KEEP),
    "between the quotes": (plain(f"{ON}> one\nkeep\n> two\nrevoke\n"), NOTHING),
    "below a quote without an attribution": (plain(f"{MARKED}\nkeep\n"), KEEP),
    # HTML and encodings
    "HTML only": (html("<div>keep</div>"), KEEP),
    "HTML only, Gmail": (
        html(
            f'<div dir="ltr">revoke</div><br><div class="gmail_quote"><div class="gmail_attr">On .. wrote:<br></div><blockquote>{HTML_QUOTE}</blockquote></div>'
        ),
        REVOKE,
    ),
    "HTML only, Outlook": (
        html(
            f'<html><head><style>p {{}}</style></head><body><div><p class="MsoNormal"><span>keep</span></p></div><div id="divRplyFwdMsg"><b>From:</b> Recert</div><div>{HTML_QUOTE}</div></body></html>'
        ),
        KEEP,
    ),
    "HTML only, Apple": (
        html(
            f'<body>Revoke<br><blockquote type="cite"><div>{HTML_QUOTE}</div></blockquote></body>'
        ),
        REVOKE,
    ),
    "HTML only, Thunderbird": (
        html(
            f'<p>keep</p><div class="moz-cite-prefix">On .. wrote:</div><blockquote type="cite">{HTML_QUOTE}</blockquote>'
        ),
        KEEP,
    ),
    "HTML only, Yahoo": (
        html(f'<div>keep</div><div class="yahoo_quoted"><div>{HTML_QUOTE}</div></div>'),
        KEEP,
    ),
    "HTML only, unquoted history": (html(f"<div>hello</div><hr><div>{HTML_QUOTE}</div>"), NOTHING),
    "HTML in pieces": (html("<b>re</b>voke"), REVOKE),
    "both forms": (both("revoke\n", "<p>revoke</p>"), REVOKE),
    "empty plain part": (both("\n", "<p>keep</p>"), KEEP),
    "base64": (plain("behalten\n\nGrüße\n", cte="base64"), KEEP),
    "quoted-printable": (plain("entziehen\n\nSchöne Grüße\n", cte="quoted-printable"), REVOKE),
    "Latin-1": (plain("behalten\n\nGrüße\n", charset="iso-8859-1"), KEEP),
    "Windows-1252": (plain("keep\n\n„Grüße“\n", charset="windows-1252"), KEEP),
    "UTF-16": (
        raw(
            "Content-Type: text/plain; charset=utf-16",
            "Content-Transfer-Encoding: base64",
            "",
            "//5rAGUAZQBwAAoA",
        ),
        KEEP,
    ),
    "format=flowed": (
        raw(
            "Content-Type: text/plain; charset=utf-8; format=flowed",
            "",
            "keep",
            "",
            "> quoted ",
            "> revoke",
        ),
        KEEP,
    ),
    "byte order mark": (plain("\ufeffkeep\n"), KEEP),
    "invisible characters": (plain("\u200bkeep\u200d\n"), KEEP),
    "hard blanks": (plain("\xa0revoke\xa0\n"), REVOKE),
    "no headers at all": (b"\r\nkeep\r\n", KEEP),
    "signed mail": (
        raw(
            "Content-Type: multipart/signed; boundary=b",
            "",
            "--b",
            "Content-Type: text/plain",
            "",
            "keep",
            "--b",
            "Content-Type: application/pgp-signature",
            "",
            "keep",
            "--b--",
        ),
        KEEP,
    ),
    "with an attachment": (
        raw(
            "Content-Type: multipart/mixed; boundary=b",
            "",
            "--b",
            "Content-Type: text/plain",
            "",
            "revoke",
            "--b",
            "Content-Type: text/plain",
            "Content-Disposition: attachment; filename=keep.txt",
            "",
            "keep",
            "--b--",
        ),
        REVOKE,
    ),
    # digests
    "one number": (plain("3 revoke\n"), {3: REVOKE}),
    "several numbers": (plain("1 keep\n2 revoke\n3 keep\n"), {1: KEEP, 2: REVOKE, 3: KEEP}),
    "numbers with dots": (plain("1. behalten\n2. entziehen\n"), {1: KEEP, 2: REVOKE}),
    "numbers with colons": (plain("#1: keep\n#2: revoke\n"), {1: KEEP, 2: REVOKE}),
    "numbers in one line": (plain("1, 2 keep\n3 revoke\n"), {1: KEEP, 2: KEEP, 3: REVOKE}),
    "numbers with gaps": (plain("1 keep\n\n2 revoke\n\nThanks, Alice\n"), {1: KEEP, 2: REVOKE}),
    "numbers above a quote": (plain(f"2 revoke\n\n{ON}{MARKED}"), {2: REVOKE}),
    "numbers that contradict": (plain("1 keep\n1 revoke\n"), NOTHING),
    "numbers and a later word": (plain("1 keep\nor\n2 revoke maybe\n"), NOTHING),
    # what must not be understood
    "a sentence": (plain("Please keep Pia.\n"), NOTHING),
    "a negation": (plain("do not keep\n"), NOTHING),
    "a question": (plain("keep?\n"), NOTHING),
    "two words": (plain("keep or revoke\n"), NOTHING),
    "a change of mind": (plain("keep\nno, revoke\n"), NOTHING),
    "the word second": (plain("Hi,\nkeep\n"), NOTHING),
    "yes": (plain("yes\n"), NOTHING),
    "ok": (plain("ok\n"), NOTHING),
    "thanks": (plain(f"Thanks!\n\n{ON}{MARKED}"), NOTHING),
    "only a quote": (plain(MARKED), NOTHING),
    "only a quote with attribution": (plain(ON + MARKED), NOTHING),
    "an unmarked quote only": (plain(QUOTED), NOTHING),
    "Outlook without own text": (plain(OUTLOOK), NOTHING),
    "a signature only": (plain("-- \nkeep\n"), NOTHING),
    "a forwarded mail": (
        plain(f"---------- Forwarded message ---------\nFrom: Recert\n\n{QUOTED}"),
        NOTHING,
    ),
    "a forwarded mail in German": (
        plain(f"-------- Weitergeleitete Nachricht --------\nVon: Recert\n\n{QUOTED}"),
        NOTHING,
    ),
    "a forwarded mail with a note": (
        plain(f"Bob, what do you think?\n\nBegin forwarded message:\n\n{QUOTED}"),
        NOTHING,
    ),
    "a forwarded mail from Apple": (
        plain(f"\nBegin forwarded message:\n\n> From: Recert\n{MARKED}"),
        NOTHING,
    ),
    "a disclaimer first": (plain("CONFIDENTIAL. Keep this to yourself.\n\nkeep\n"), NOTHING),
    "an external mark first": (plain("[EXTERNAL]\nkeep\n"), NOTHING),
    "empty": (plain("\n"), NOTHING),
    "an image only": (
        raw("Content-Type: image/png", "Content-Transfer-Encoding: base64", "", "AAAA"),
        NOTHING,
    ),
    "broken MIME": (raw("Content-Type: multipart/mixed; boundary=b", "", "--x", "keep"), NOTHING),
    "an unknown charset": (raw("Content-Type: text/plain; charset=x-klingon", "", "wej"), NOTHING),
    "a calendar answer": (raw("Content-Type: text/calendar", "", "keep"), NOTHING),
    "zero bytes": (b"", NOTHING),
    "hidden text": (html('<div style="display: none">keep</div><div>hello</div>'), NOTHING),
    "letters that look alike": (plain("kеep\n"), NOTHING),
    "a number without a word": (plain("3\n"), NOTHING),
    "a word and a number": (plain("revoke 3\n"), NOTHING),
}


@pytest.mark.parametrize("name", STYLES)
def test_a_reply(name: str) -> None:
    mail, wanted = STYLES[name]
    said = reply_parser.understand(Received.of(mail).message)
    if wanted == NOTHING:
        assert said.why
        assert (said.whole, said.lines) == ("", {})
    elif isinstance(wanted, dict):
        assert said == ReplyAnswer(lines=wanted)
    else:
        assert said == ReplyAnswer(whole=str(wanted))


def test_there_are_at_least_sixty_styles() -> None:
    assert len(STYLES) >= 60


AUTOMATIC = {
    "RFC 3834": ["Auto-Submitted: auto-replied"],
    "RFC 3834 with a parameter": ["Auto-Submitted: auto-replied; owner-email=x"],
    "generated": ["Auto-Submitted: auto-generated"],
    "nobody": ["Return-Path: <>"],
    "bulk": ["Precedence: bulk"],
    "a list": ["Precedence: list", "List-Id: <x.y>"],
    "auto_reply": ["Precedence: auto_reply"],
    "Exim and others": ["X-Autoreply: yes"],
    "Kerio": ["X-Autorespond: Re"],
    "Exchange's rules": ["X-MS-Exchange-Inbox-Rules-Loop: a@b"],
    "loops": ["X-Loop: recert"],
    "mailer daemon": ["From: MAILER-DAEMON@house.example"],
    "postmaster": ["From: Postmaster <postmaster@house.example>"],
    "no reply": ["From: no-reply@house.example"],
    "ourselves": ["From: Recert <recert@house.example>"],
    "ourselves with a detail": ["From: recert+abc@house.example"],
    "Outlook, English": ["Subject: Automatic reply: Access review"],
    "Outlook, German": ["Subject: Automatische Antwort: Access review"],
    "German": ["Subject: Abwesenheitsnotiz: Access review"],
    "English": ["Subject: Out of Office: back on Monday"],
    "French": ["Subject: Réponse automatique : Access review"],
    "a receipt": [
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b"
    ],
    "a bounce": ["Content-Type: multipart/report; report-type=delivery-status; boundary=b"],
    "a read note": ["Subject: Read: Access review"],
}


@pytest.mark.parametrize("name", AUTOMATIC)
def test_an_automatic_mail_is_known(name: str) -> None:
    lines = AUTOMATIC[name]
    given = [] if any(one.startswith("From") for one in lines) else ["From: alice@house.example"]
    got = Received.of("\r\n".join([*given, *lines, "", "keep"]).encode())
    assert got.why_automatic(["recert@house.example"])


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: All",
        "Precedence: first-class",
        "Return-Path: <alice@house.example>",
        "Subject: Re: Access review",
        "Subject: AW: Access review",
    ],
)
def test_a_person_is_not_taken_for_a_program(line: str) -> None:
    got = Received.of(f"From: alice@house.example\r\n{line}\r\n\r\nkeep".encode())
    assert got.why_automatic(["recert@house.example"]) == ""


class TestTheAddress:
    KEY = "a" * 26

    def keys(self, *lines: str) -> set[tuple[bool, str]]:
        return Received.of("\r\n".join([*lines, "", ""]).encode()).keys("recert@house.example")

    def test_its_key_is_found_where_servers_put_it(self) -> None:
        for header in ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"):
            assert self.keys(f"{header}: recert+{self.KEY}@house.example") == {(False, self.KEY)}

    def test_capitals_do_not_matter(self) -> None:
        assert self.keys(f"To: <RECERT+{self.KEY.upper()}@House.Example>") == {(False, self.KEY)}

    def test_a_bounce_has_a_mark(self) -> None:
        assert self.keys(f"To: recert+b-{self.KEY}@house.example") == {(True, self.KEY)}

    @pytest.mark.parametrize(
        "to",
        [
            "recert@house.example",
            "recert+short@house.example",
            "x+{}@house.example",
            "recert+{}@evil.example",
            "recert+{}a@house.example",
            "",
            ",,;<<>",
        ],
    )
    def test_others_have_none(self, to: str) -> None:
        assert self.keys(f"To: {to.format(self.KEY)}") == set()

    @pytest.mark.parametrize(
        "lines",
        [
            ["From: alice@house.example, bob@house.example"],
            ["From: alice@house.example", "From: bob@house.example"],
            ["From: nobody"],
            [],
        ],
    )
    def test_a_sender_is_exactly_one(self, lines: list[str]) -> None:
        assert Received.of("\r\n".join([*lines, "", "keep"]).encode()).sender == ""

    @pytest.mark.parametrize(
        ("line", "sender"),
        [
            ("Alice Archer <alice@house.example>", "alice@house.example"),
            ("Alice M. Archer <alice@house.example>", "alice@house.example"),
            ('"Archer, Alice (Finance)" <alice@house.example>', "alice@house.example"),
            ("alice@house.example (Alice)", "alice@house.example"),
            ("=?utf-8?q?J=C3=B6rg?= <ALICE@House.Example>", "alice@house.example"),
            ('"alice@house.example" <bob@house.example>', "bob@house.example"),
        ],
    )
    def test_a_name_is_no_address(self, line: str, sender: str) -> None:
        assert Received.of(f"From: {line}\r\n\r\nkeep".encode()).sender == sender

    @pytest.mark.parametrize(
        "line",
        [
            "=?utf-8?q?alice=40house=2Eexample?= <bob@house.example>",
            "=?utf-8?q?alice=40house=2Eexample=2C?= <bob@house.example>",
            "=?utf-8?q?alice=40house=2Eexample=20=3Calice=40house=2Eexample=3E?= <bob@house.example>",
            "alice@house.example <bob@house.example>",
            "<alice@house.example> <bob@house.example>",
            "bob@house.example (alice@house.example)",
            "group: alice@house.example, bob@house.example;",
        ],
    )
    def test_a_forged_name_never_makes_somebody_else(self, line: str) -> None:
        got = Received.of(f"From: {line}\r\n\r\nkeep".encode())
        assert got.sender in ("", "bob@house.example")
