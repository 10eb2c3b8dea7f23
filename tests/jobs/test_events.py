"""Entries of the trail at the company's security monitoring: real collectors, some of them down."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import config
from recert import trail
from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel
from recert.foundation.settings import EventSettings, SettingMissing
from recert.ftpserver.certificate import self_signed_certificate
from recert.jobs import events
from recert.trail import queries
from recert.trail.actions import Action
from recert.trail.event_format import Event, as_cef, as_syslog
from tests.support.house import House

HOSTILE = "a\r\nCEF:0|Evil|x|1|x|x|9|\\ = | \u2028 \x01\x1b \U0001f600"


class Collector:
    """Reads syslog messages with their lengths in front, as RFC 6587 has them."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.port = self._server.getsockname()[1]
        self.messages: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            try:
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                with connection, connection.makefile("rb") as stream:
                    self._read(stream)
            except OSError:
                continue

    def _read(self, stream: Any) -> None:
        while True:
            length = b""
            while (one := stream.read(1)) not in (b" ", b""):
                length += one
            if not length:
                return
            self.messages.append(stream.read(int(length)).decode())

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    found.close()


def sent(house: House, destination: str, **more: Any) -> int:
    settings = EventSettings(destination, **more)
    return events.send_due(house.db, settings, now=clock.now())


def wait_for(collector: Collector, count: int) -> list[str]:
    for _ in range(200):
        if len(collector.messages) >= count:
            break
        threading.Event().wait(0.02)
    return collector.messages


def everything(house: House) -> int:
    return len(house.trail_actions())


class TestSyslog:
    def test_every_entry_comes_once_and_in_order(self, house, collector):
        house.snapshot()
        destination = f"cef+tcp://127.0.0.1:{collector.port}"
        count = sent(house, destination)
        assert count == everything(house)
        assert sent(house, destination) == 0
        messages = wait_for(collector, count)
        assert [f"externalId={n + 1} " in text for n, text in enumerate(messages)] == [True] * count
        assert messages[-1].startswith("<110>1 2026-11-23T12:00:00.000Z ")
        assert "CEF:0|Recert|Recert|1|snapshot.taken|Snapshot taken|3|rt=" in messages[-1]

    def test_nothing_is_lost_while_the_collector_is_down(self, house):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        destination = f"cef+tcp://127.0.0.1:{port}"
        assert sent(house, destination) == 0
        with house.db.reading() as session:
            waiting, problem = queries.unsent(session)
        assert waiting == everything(house)
        assert "ConnectionRefused" in problem
        collector = Collector()
        destination = f"cef+tcp://127.0.0.1:{collector.port}"
        with house.later(minutes=2):
            assert sent(house, destination) == everything(house)
        collector.close()

    def test_a_collector_that_is_down_is_asked_once_a_minute(self, house, monkeypatch):
        asked = []
        monkeypatch.setattr(events, "_deliver", lambda *_: asked.append(1) or _raise())
        assert sent(house, "cef+tcp://127.0.0.1:1") == 0
        assert sent(house, "cef+tcp://127.0.0.1:1") == 0
        with house.later(minutes=2):
            sent(house, "cef+tcp://127.0.0.1:1")
        assert len(asked) == 2

    def test_tls_is_verified(self, house, tmp_path):
        file = self_signed_certificate(tmp_path / "collector.pem", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        collector = Collector(context)
        destination = f"cef+tls://127.0.0.1:{collector.port}"
        assert sent(house, destination) == 0
        with house.db.reading() as session:
            assert "CERTIFICATE_VERIFY_FAILED" in queries.unsent(session)[1]
        with house.later(minutes=2):
            count = sent(house, destination, ca_file=file)
        assert count == everything(house)
        assert len(wait_for(collector, count)) == count
        collector.close()


def _raise() -> None:
    raise ConnectionRefusedError


class TestHostileNames:
    def test_an_entry_stays_one_line_and_its_fields_apart(self, house, collector):
        actor = Actor(HOSTILE, Channel.WEB, Assurance.SIGNED_IN, address="1.2.3.4\nsuser=root")
        with house.db.transaction() as session:
            at = clock.now()
            trail.append(session, Action.USER_DISABLED, HOSTILE, {"x": HOSTILE}, actor=actor, at=at)
        count = sent(house, f"cef+tcp://127.0.0.1:{collector.port}")
        text = wait_for(collector, count)[-1]
        assert len(text.splitlines()) == 1
        assert text.count("CEF:0|Recert|") == 1
        assert text.partition(" suser=")[2].startswith("a\\nCEF:0|Evil|x|1|x|x|9|\\\\ \\= |")
        assert "src=" not in text

    def test_no_control_character_is_left(self):
        body = {"action": "x|y", "details": {}, "actor": HOSTILE, "channel": "web"}
        body |= {"object": HOSTILE, "address": "", "assurance": "none"}
        event = Event(1, datetime(2026, 1, 1, tzinfo=UTC), json.dumps(body), "hash")
        text = as_cef(event)
        assert text.isprintable()
        assert text.startswith("CEF:0|Recert|Recert|1|x\\|y|X\\|y|3|")
        length, _, message = as_syslog(event, "host").partition(b" ")
        assert int(length) == len(message)


class Hook(BaseHTTPRequestHandler):
    code = 204
    taken: list[tuple[str, bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.headers.get("X-Recert-Signature", ""), body))
        self.send_response(self.code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


class TestWebhooks:
    @pytest.fixture
    def hook(self) -> Iterator[str]:
        server = HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Hook.taken, Hook.code = [], 204
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()
        server.server_close()

    def test_a_signed_body_with_the_hash_of_the_chain(self, house, hook, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("of the hook\n")
        assert sent(house, hook, secret_file=secret) == everything(house)
        ((signature, body),) = Hook.taken
        wanted = hmac.new(b"of the hook", body, hashlib.sha256).hexdigest()
        assert signature == f"sha256={wanted}"
        found = json.loads(body)["events"]
        assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
        assert all(len(event["hash"]) == 64 for event in found)

    def test_an_answer_that_is_no_yes_is_sent_again(self, house, hook):
        Hook.code = 500
        assert sent(house, hook) == 0
        Hook.code = 200
        with house.later(minutes=2):
            assert sent(house, hook) == everything(house)


def test_settings_are_checked(tmp_path: Path) -> None:
    def load(**values: str) -> Any:
        return config.load({"RECERT_HOME": str(tmp_path), **values}).events

    assert load() is None
    assert load(RECERT_EVENTS="cef+tls://siem:6514").destination == "cef+tls://siem:6514"
    for wrong in ("siem:6514", "cef+tls://siem", "cef+tls://siem:x", "http://hook", "ftp://x:1"):
        with pytest.raises(SettingMissing, match="RECERT_EVENTS must be"):
            load(RECERT_EVENTS=wrong)
    with pytest.raises(SettingMissing, match="no file"):
        load(RECERT_EVENTS="https://hook.example", RECERT_EVENTS_CA_FILE="/nowhere")
