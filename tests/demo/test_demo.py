"""The demo as a newcomer meets it: one command, a running company, Ctrl-C."""

import ftplib
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recert.demo import company, stage
from recert.demo.ports import free_port
from recert.demo.stage import DemoRuns, NotADemoFolder
from recert.foundation import clock

RECERT = Path(sys.executable).with_name("recert")


@contextmanager
def running(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`recert demo` and what it printed, up to its last line."""
    environment = {"PATH": "/usr/bin:/bin", "RECERT_HOME": str(home)}
    demo = subprocess.Popen(
        [RECERT, "demo", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout
    said = ""
    try:
        for line in demo.stdout:
            said += line
            if "Ctrl-C ends everything" in line:
                break
        yield demo, said
    finally:
        if demo.poll() is None:
            demo.send_signal(signal.SIGINT)
        demo.wait(timeout=20)
        demo.stdout.close()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
class TestTheCommand:
    def test_it_runs_ends_with_ctrl_c_and_starts_afresh(self, tmp_path: Path) -> None:
        port = free_port()
        with running(tmp_path, port) as (demo, said):
            assert f"http://127.0.0.1:{port}" in said
            assert "maria.lopez@harbourpine.example" in said
            ftp_ports = [int(number) for number in re.findall(r"on port (\d+)", said)]
            assert [is_open(each) for each in (port, *ftp_ports)] == [True, True, True]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in") as page:
                assert "Sign in" in page.read().decode()
            secure = ftplib.FTP_TLS(timeout=10)
            secure.connect("127.0.0.1", ftp_ports[0])
            secure.login("maria.lopez", company.FTP_PASSWORD)
            secure.prot_p()
            assert "about.txt" in secure.nlst("/finance")
            secure.close()
            demo.send_signal(signal.SIGINT)
            assert demo.wait(timeout=20) == 0
        assert [is_open(each) for each in (port, *ftp_ports)] == [False, False, False]
        (tmp_path / "demo" / "left-over").touch()
        with running(tmp_path, port) as (_, said):
            assert "Three things to try" in said
            assert not (tmp_path / "demo" / "left-over").exists()

    def test_it_listens_on_loopback_only(self, tmp_path: Path) -> None:
        with running(tmp_path, free_port()) as (demo, _):
            listed = subprocess.run(
                ["/bin/sh", "-c", f"cat /proc/{demo.pid}/net/tcp; ls -l /proc/{demo.pid}/fd"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        inodes = set(re.findall(r"socket:\[(\d+)\]", listed))
        sockets = [line.split() for line in listed.splitlines() if re.match(r"\s*\d+: ", line)]
        listening = [row[1] for row in sockets if row[3] == "0A" and row[9] in inodes]
        assert len(listening) >= 4
        assert {address.partition(":")[0] for address in listening} == {"0100007F"}


class TestTheFolder:
    def test_a_foreign_one_is_never_emptied(self, tmp_path: Path) -> None:
        (tmp_path / "precious.txt").touch()
        with pytest.raises(NotADemoFolder):
            stage.clear(tmp_path)
        assert (tmp_path / "precious.txt").exists()

    def test_that_of_a_running_demo_is_not_emptied(self, tmp_path: Path) -> None:
        stage.clear(tmp_path / "demo")
        with stage.held(tmp_path / "demo"):
            (tmp_path / "demo" / "recert.sqlite3").touch()
            with pytest.raises(DemoRuns):
                stage.clear(tmp_path / "demo")
            assert (tmp_path / "demo" / "recert.sqlite3").exists()
        stage.clear(tmp_path / "demo")
        assert not (tmp_path / "demo" / "recert.sqlite3").exists()


class TestTheCompany:
    def test_it_is_as_large_as_promised(self) -> None:
        sites = company.sites(clock.now())
        people = company.people()
        assert len(people) == len({person.email for person in people}) == 60
        assert sum(len(site.accounts) for site in sites) == 80
        assert sum(len(site.folders) for site in sites) == 40

    def test_it_is_the_same_every_time(self) -> None:
        def shape() -> list[object]:
            sites = company.sites(clock.now())
            return [{n: a.get("folders") for n, a in site.accounts.items()} for site in sites]

        assert shape() == shape()

    def test_it_has_what_auditors_find(self) -> None:
        internal, partners = company.sites(clock.now())
        accounts = internal.accounts | partners.accounts
        emails = {person.email for person in company.people()}
        orphans = [
            name
            for name, account in accounts.items()
            if account["kind"] == "person" and account.get("email", "") not in emails
        ]
        assert "r.schmidt" in orphans
        assert any(person.left_on for person in company.people())
        assert {"service", "shared"} <= {account["kind"] for account in accounts.values()}
        assert any("chmod" in a.get("folders", {}).get("/", "") for a in accounts.values())
        assert "/archive" not in company.owners_csv()
