"""The running server: revocations act on live sessions, and no trick widens a right."""

import ftplib
import io
import json
import os
import ssl
import threading
import time
from datetime import UTC, datetime

import pytest
from conformance import Probe

from recert.connectors import embedded
from recert.connectors.changes import SetRights
from recert.connectors.contract import ServerDataInvalid
from recert.connectors.rights import Rights
from recert.foundation import clock
from recert.ftpserver import xferlog
from recert.ftpserver.certificate import self_signed_certificate
from recert.ftpserver.server import EmbeddedServer

FINANCE = {"alice": {"folders": {"/": "list", "/finance": "list download upload rename"}}}
EVERYTHING = "list download upload overwrite delete rename mkdir rmdir chmod"


@pytest.fixture
def serve(permission_file):
    """Starts a server for these accounts; all are stopped after the test."""
    running = []

    def start(accounts, groups=None, **settings):
        server = EmbeddedServer(permission_file(accounts, groups), **settings)
        server.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def files(tmp_path):
    """The tree: /finance/report.txt and /secret/plan.txt."""
    root = tmp_path / "files"
    for folder, name in (("finance", "report.txt"), ("secret", "plan.txt")):
        (root / folder).mkdir(parents=True)
        (root / folder / name).write_text(name)
    return root


def signed_in(server, account="alice", kind=ftplib.FTP, **more):
    client = kind(encoding="utf-8", timeout=10, **more)
    client.connect("127.0.0.1", server.port)
    client.login(account, "secret")
    client.voidcmd("TYPE I")
    return client


def fetched(client, path):
    parts = []
    client.retrbinary(f"RETR {path}", parts.append)
    return b"".join(parts)


def refused(client, command):
    with pytest.raises(ftplib.error_perm) as answer:
        client.sendcmd(command)
    return str(answer.value)


def stored(client, path, content=b"new"):
    client.storbinary(f"STOR {path}", io.BytesIO(content))


class TestSigningIn:
    def test_the_banner_tells_no_version(self, serve, files):
        client = signed_in(serve(FINANCE))
        assert client.welcome == "220 FTP server ready."
        assert client.pwd() == "/"

    @pytest.mark.parametrize(
        ("name", "password"),
        [("alice", "wrong"), ("zoe", "secret"), ("old", "secret"), ("off", "secret")],
    )
    def test_wrong_unknown_expired_and_disabled_get_one_answer(self, serve, files, name, password):
        server = serve({"alice": {}, "old": {"expires": "2020-01-01"}, "off": {"enabled": False}})
        client = ftplib.FTP(timeout=10)
        client.connect("127.0.0.1", server.port)
        with pytest.raises(ftplib.error_perm, match=r"^530 Authentication failed.$"):
            client.login(name, password)

    def test_the_home_is_the_root_of_the_session(self, serve, files):
        alice = {"home": "/finance", "folders": {"/": EVERYTHING}}
        client = signed_in(serve({"alice": alice}))
        assert client.nlst("/") == ["report.txt"]
        assert fetched(client, "/../../finance/../report.txt") == b"report.txt"
        assert refused(client, "SIZE /secret/plan.txt").startswith("550")

    def test_the_sign_in_is_noted_for_the_connector(self, serve, files, tmp_path):
        at = datetime(2026, 11, 23, 10, tzinfo=UTC)
        server = serve(FINANCE)
        with clock.frozen(at):
            signed_in(server).quit()
        connector = embedded.connect({"file": str(tmp_path / "permissions.json")})
        assert connector.read().accounts[0].last_login == at

    def test_a_broken_book_of_sign_ins_is_only_a_warning(self, permission_file, tmp_path):
        file = permission_file(FINANCE)
        (tmp_path / "permissions.json.logins").write_text("[]")
        reading = embedded.connect({"file": str(file)}).read()
        assert reading.problems == []
        assert "Last sign-ins are not known" in reading.warnings[0]

    def test_hostile_names_work_and_control_characters_do_not(self, serve, files):
        name, folder = 'O\'Brien "Ü"', "/Ablage Ü '\"; $(x)"
        (files / folder[1:]).mkdir()
        client = signed_in(serve({name: {"folders": {folder: EVERYTHING}}}), account=name)
        stored(client, f"{folder}/日本 語.txt")
        assert client.nlst(folder) == ["日本 語.txt"]
        assert refused(client, f"MKD {folder}/a\tb").startswith("501")
        assert refused(client, f"MKD {folder}/a\x00b").startswith("501")
        client.sock.sendall(b"MKD \xff\xff\r\n")
        assert client.getline().startswith("501")


class TestTls:
    def test_ftps_and_ftp_share_the_port(self, serve, files, tmp_path):
        certificate = self_signed_certificate(tmp_path / "server.pem", "127.0.0.1")
        assert certificate.stat().st_mode & 0o777 == 0o600
        server = serve(FINANCE, certificate=certificate)
        trusting = ssl.create_default_context(cafile=str(certificate))
        client = signed_in(server, kind=ftplib.FTP_TLS, context=trusting)
        client.prot_p()
        assert client.sock.version() in ("TLSv1.2", "TLSv1.3")
        assert fetched(client, "/finance/report.txt") == b"report.txt"
        assert fetched(signed_in(server), "/finance/report.txt") == b"report.txt"

    def test_an_empty_folder_is_listed(self, serve, files, tmp_path):
        (files / "empty").mkdir()
        certificate = self_signed_certificate(tmp_path / "server.pem", "127.0.0.1")
        server = serve(FINANCE, certificate=certificate)
        for _ in range(20):
            client = signed_in(server, kind=ftplib.FTP_TLS)
            client.prot_p()
            assert client.nlst("/empty") == []
            assert list(client.mlsd("/empty")) == []

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
    def test_old_tls_is_refused(self, serve, files, tmp_path):
        certificate = self_signed_certificate(tmp_path / "server.pem", "ftp.example.org")
        server = serve(FINANCE, certificate=certificate)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        client = ftplib.FTP_TLS(context=old, timeout=10)
        client.connect("127.0.0.1", server.port)
        with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
            client.auth()

    def test_a_revocation_cuts_an_encrypted_transfer_too(
        self, serve, files, tmp_path, permission_file
    ):
        certificate = self_signed_certificate(tmp_path / "server.pem", "127.0.0.1")
        client = signed_in(serve(FINANCE, certificate=certificate), kind=ftplib.FTP_TLS)
        client.prot_p()
        _cut_while_reading(client, files, permission_file)


class TestRevoking:
    def test_the_next_command_of_a_live_session_is_refused(self, serve, files, tmp_path):
        client = signed_in(serve(FINANCE))
        assert fetched(client, "/finance/report.txt")
        connector = embedded.connect({"file": str(tmp_path / "permissions.json")})
        connector.apply(connector.plan(SetRights("alice", "/finance", Rights.LIST)))
        assert refused(client, "RETR /finance/report.txt") == "550 Not enough privileges."
        assert client.nlst("/finance") == ["report.txt"]

    @pytest.mark.parametrize(
        "after",
        [
            {"alice": {**FINANCE["alice"], "enabled": False}},
            {"alice": {**FINANCE["alice"], "expires": "2020-01-01"}},
            {"alice": {**FINANCE["alice"], "home": "/finance"}},
            {"bob": {}},
        ],
        ids=["disabled", "expired", "moved", "gone"],
    )
    def test_an_idle_session_of_an_ended_account_is_closed(
        self, serve, files, permission_file, after
    ):
        client = signed_in(serve(FINANCE))
        permission_file(after)
        assert client.getline().startswith("421")
        with pytest.raises(EOFError):
            client.getline()

    def test_a_running_download_is_cut(self, serve, files, tmp_path, permission_file):
        log = tmp_path / "xferlog"
        client = signed_in(serve(FINANCE, xferlog=log))
        _cut_while_reading(client, files, permission_file)
        assert client.nlst("/") != []
        assert _when(log.read_text).split()[-1] == "i"

    def test_a_running_upload_is_cut(self, serve, files, permission_file):
        client = signed_in(serve(FINANCE))
        data = client.transfercmd("STOR /finance/new.bin")
        data.sendall(b"x" * 1000)
        permission_file({"alice": {"folders": {"/finance": "list download"}}})
        with pytest.raises(ftplib.error_temp, match=r"^426"):
            client.voidresp()
        data.close()

    def test_a_transfer_that_still_waits_is_cut(self, serve, files, permission_file):
        client = signed_in(serve(FINANCE))
        client.makepasv()
        assert client.sendcmd("RETR /finance/report.txt").startswith("150")
        permission_file({"alice": {"folders": {"/": "list"}}})
        assert client.getline().startswith("426")

    def test_a_new_sign_in_does_not_inherit_the_old_ones_transfer(self, serve, files):
        server = serve(FINANCE)
        client = signed_in(server)
        _large(files)
        data = client.transfercmd("RETR /finance/large.bin")
        data.recv(1000)
        client.putcmd("REIN")
        assert client.getline().startswith("426")
        assert client.getline().startswith("230")
        data.close()

    def test_an_allowed_transfer_is_not_cut(self, serve, files, permission_file):
        client = signed_in(serve(FINANCE))
        _large(files)
        data = client.transfercmd("RETR /finance/large.bin")
        data.recv(1000)
        permission_file({**FINANCE, "bob": {}})
        time.sleep(0.3)
        while data.recv(1 << 20):
            pass
        data.close()
        assert client.voidresp().startswith("226")

    def test_a_broken_file_leaves_the_last_good_one(self, serve, files, tmp_path, caplog):
        client = signed_in(serve(FINANCE))
        (tmp_path / "permissions.json").write_text('{"version": 1}')
        assert fetched(client, "/finance/report.txt") == b"report.txt"
        assert "the last good one still holds" in caplog.text

    def test_a_broken_file_stops_the_start(self, tmp_path):
        (tmp_path / "permissions.json").write_text("{}")
        with pytest.raises(ServerDataInvalid):
            EmbeddedServer(tmp_path / "permissions.json").start()


class TestTricks:
    def test_a_link_does_not_widen(self, serve, files):
        (files / "finance" / "listener").symlink_to("../secret")
        (files / "finance" / "plan").symlink_to("../secret/plan.txt")
        (files / "finance" / "away").symlink_to("/etc")
        alice = {"folders": {"/": "list", "/finance": EVERYTHING, "/secret": ""}}
        client = signed_in(serve({"alice": alice}))
        for command in ("CWD", "NLST", "MLSD", "STAT", "MLST", "MKD /finance/listener/x", "RMD"):
            asked = command if " " in command else f"{command} /finance/listener"
            assert refused(client, asked).startswith("550")
        for command in ("RETR", "DELE", "SIZE", "RNFR", "SITE CHMOD 600", "APPE", "STOR"):
            for path in ("plan", "listener/plan.txt"):
                assert refused(client, f"{command} /finance/{path}").startswith("550")
        assert refused(client, "CWD /finance/away").startswith("550")
        assert refused(client, "STOU /finance/listener/x").startswith("550")
        assert sorted(path.name for path in (files / "secret").iterdir()) == ["plan.txt"]

    def test_a_link_inside_a_closed_folder_is_not_removed_through_another(self, serve, files):
        (files / "finance" / "listener").symlink_to("../secret")
        (files / "secret" / "back").symlink_to("../finance/report.txt")
        alice = {"folders": {"/finance": EVERYTHING}}
        client = signed_in(serve({"alice": alice}))
        assert refused(client, "DELE /finance/listener/back").startswith("550")

    def test_a_listing_does_not_tell_where_a_link_leads(self, serve, files):
        (files / "finance" / "plan").symlink_to(files / "secret" / "plan.txt")
        client = signed_in(serve(FINANCE | {"alice": {"folders": {"/finance": "list"}}}))
        lines = []
        client.retrlines("LIST /finance", lines.append)
        assert not [line for line in lines if "secret" in line]
        facts = dict(client.mlsd("/finance"))
        assert facts["plan"]["size"] != str(len("plan.txt"))

    def test_a_folder_with_entries_can_not_be_moved_or_removed(self, serve, files):
        accounts = {
            "alice": {"folders": {"/": EVERYTHING}},
            "bob": {"folders": {"/secret/deep": "", "/later": ""}, "home": "/home/bob"},
        }
        (files / "secret" / "deep").mkdir()
        (files / "home" / "bob").mkdir(parents=True)
        (files / "other").mkdir()
        client = signed_in(serve(accounts))
        for source, target in (
            ("/secret", "/open"),
            ("/secret/deep", "/open"),
            ("/other", "/later"),
            ("/home", "/away"),
        ):
            with pytest.raises(ftplib.error_perm, match="must stay where it is"):
                client.rename(source, target)
        assert refused(client, "RMD /secret/deep") == (
            "550 This folder has entries of its own and must stay."
        )
        client.rename("/other", "/another")
        client.rmd("/another")

    def test_no_name_adds_a_line_to_a_listing(self, serve, files):
        for name in (b"a\nb.txt", b"\xff.txt", "\u202etxt.exe".encode()):
            (files / "finance" / os.fsdecode(name)).touch()
        client = signed_in(serve(FINANCE))
        lines = []
        client.retrlines("LIST /finance", lines.append)
        assert len(lines) == 1
        assert client.nlst("/finance") == ["report.txt"]
        assert [name for name, _ in client.mlsd("/finance")] == ["report.txt"]

    def test_a_rename_adds_nothing_where_nothing_may_be_added(self, serve, files):
        alice = {"folders": {"/finance": EVERYTHING, "/secret": "rename overwrite list"}}
        client = signed_in(serve({"alice": alice}))
        for target in ("/secret/new.txt", "/secret/plan.txt"):
            with pytest.raises(ftplib.error_perm, match="550"):
                client.rename("/finance/report.txt", target)
        assert (files / "secret" / "plan.txt").read_text() == "plan.txt"

    def test_a_rename_over_a_file_needs_overwrite(self, serve, files):
        (files / "finance" / "other.txt").touch()
        client = signed_in(serve(FINANCE))
        with pytest.raises(ftplib.error_perm, match="550"):
            client.rename("/finance/report.txt", "/finance/other.txt")
        client.rename("/finance/report.txt", "/finance/moved.txt")

    def test_the_source_of_a_rename_is_judged_again_at_its_end(self, serve, files, permission_file):
        client = signed_in(serve(FINANCE))
        client.sendcmd("RNFR /finance/report.txt")
        permission_file(
            {"alice": {"folders": {"/finance": "list", "/secret": "rename upload", "/": "list"}}}
        )
        assert refused(client, "RNTO /secret/report.txt") == "550 Not enough privileges."

    def test_resuming_and_unique_names_are_no_way_around_overwrite(self, serve, files):
        client = signed_in(serve(FINANCE))
        client.sendcmd("REST 1")
        assert refused(client, "STOR /finance/report.txt") == "550 Not enough privileges."
        assert refused(client, "APPE /finance/report.txt") == "550 Not enough privileges."
        client.sendcmd("REST 0")
        client.storbinary("STOU /finance/report.txt", io.BytesIO(b"x"))
        assert (files / "finance" / "report.txt").read_text() == "report.txt"
        assert refused(client, "STOU /x") == "550 Not enough privileges."

    def test_perm_facts_are_true_in_every_folder(self, serve, files):
        alice = {"folders": {"/": "list rmdir", "/finance": "upload", "/secret": ""}}
        facts = dict(signed_in(serve({"alice": alice})).mlsd("/", facts=["perm", "type"]))
        assert facts["finance"]["perm"] == "cde"
        assert facts["secret"]["perm"] == "d"


class TestTheTransferLog:
    def test_it_tells_downloads_uploads_and_deletions_by_tree_path(self, serve, files, tmp_path):
        log = tmp_path / "xferlog"
        (files / "finance" / "a b.txt").write_text("12345")
        alice = {"home": "/finance", "folders": {"/": EVERYTHING}}
        client = signed_in(serve({"alice": alice}, xferlog=log))
        fetched(client, "/a b.txt")
        stored(client, "/new.txt")
        client.delete("/new.txt")
        client.quit()
        lines = [line.split() for line in log.read_text().splitlines()]
        assert [line[7:] for line in lines] == [
            ["5", "/finance/a_b.txt", "b", "_", "o", "r", "alice", "ftp", "0", "*", "c"],
            ["3", "/finance/new.txt", "b", "_", "i", "r", "alice", "ftp", "0", "*", "c"],
            ["0", "/finance/new.txt", "b", "_", "d", "r", "alice", "ftp", "0", "*", "c"],
        ]

    def test_the_line_is_the_standard_one(self):
        transfer = xferlog.Transfer("Al Ice", True, "::1", "/a b", "i", size=7, seconds=1.6)
        line = xferlog.line_of(transfer, datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC))
        assert line == "Tue Nov  3 04:05:06 2026 2 ::1 7 /a_b b _ i a Al_Ice ftp 0 * c"


class TestTheServer:
    def test_servers_in_one_process_share_nothing(self, serve, files, tmp_path):
        other = tmp_path / "other.json"
        first = serve(FINANCE)
        stated = json.loads((tmp_path / "permissions.json").read_text())
        stated["accounts"]["bob"] = {**stated["accounts"].pop("alice"), "folders": {"/": "list"}}
        other.write_text(json.dumps(stated))
        with EmbeddedServer(other) as second:
            assert signed_in(second, "bob").nlst("/finance")
            with pytest.raises(ftplib.error_perm):
                signed_in(second, "alice")
            assert signed_in(first, "alice").nlst("/finance")

    def test_it_stops_and_starts_again_and_leaves_nothing(self, permission_file, files):
        server = EmbeddedServer(permission_file(FINANCE))
        threads = threading.active_count()
        for _ in range(5):
            server.start()
            client = signed_in(server)
            port = server.port
            server.stop()
            server.stop()
            with pytest.raises((EOFError, OSError)):
                client.voidcmd("NOOP")
            with pytest.raises(OSError, match=r"refused"):
                signed_in_at(port)
        assert threading.active_count() == threads

    def test_serve_forever_serves_until_it_is_stopped(self, permission_file, files):
        server = EmbeddedServer(permission_file(FINANCE))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        assert _when(lambda: server.port)
        assert signed_in(server).nlst("/finance")
        server.stop()
        thread.join(5)
        assert not thread.is_alive()

    def test_sixteen_clients_at_once(self, serve, files):
        server = serve(FINANCE)
        clients = [signed_in(server) for _ in range(16)]
        assert {fetched(client, "/finance/report.txt") for client in clients} == {b"report.txt"}
        assert Probe(server, files).tried("alice", "/", ["/finance"]) == {
            ("alice", "/finance"): Rights.LIST | Rights.DOWNLOAD | Rights.UPLOAD | Rights.RENAME
        }


def signed_in_at(port):
    return ftplib.FTP().connect("127.0.0.1", port, timeout=5)


def _large(files):
    with (files / "finance" / "large.bin").open("wb") as file:
        file.truncate(64 << 20)


def _cut_while_reading(client, files, permission_file):
    """Takes the download right away while a slow client reads a large file."""
    _large(files)
    data = client.transfercmd("RETR /finance/large.bin")
    got = len(data.recv(1000))
    permission_file({"alice": {"folders": {"/": "list", "/finance": "list"}}})
    time.sleep(0.5)
    try:
        while part := data.recv(1 << 20):
            got += len(part)
    except OSError:  # TLS says that the end came too early, which is true
        pass
    data.close()
    assert got < 64 << 20
    with pytest.raises(ftplib.error_temp, match=r"^426"):
        client.voidresp()


def _when(found, seconds=5.0):
    """The answer as soon as there is one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    return found()
