"""Last logins of daemons that tell syslog only: real lines of real sign-ins."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recert.connectors import registry
from recert.connectors.posix import syslog
from tests.daemons.rig_openssh import OpensshRig
from tests.daemons.rig_pureftpd import PureftpdRig
from tests.daemons.rigs import Rig
from tests.daemons.running import Daemon
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
SOCKET = Path("/dev/log")
RIGS: tuple[Callable[[Ground], Rig], ...] = (OpensshRig, PureftpdRig)


class Syslog:
    """Listens where daemons speak, and writes what it hears as Debian 12's rsyslog does."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(SOCKET))
        SOCKET.chmod(0o666)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while said := self._socket.recv(8192):
            head, text = said[: said.index(b">") + 16], said[said.index(b">") + 17 :]
            assert head.startswith(b"<")
            now = datetime.now(UTC).isoformat().encode()
            with self._file.open("ab") as file:
                file.write(b"%s ftp1 %s\n" % (now, text.rstrip(b"\0")))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(SOCKET))
        self._thread.join()
        self._socket.close()
        SOCKET.unlink()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The setting that names the log; none where the machine has a syslog of its own."""
    if SOCKET.exists():
        yield {}
        return
    file = tmp_path / "auth.log"
    file.touch()
    heard = Syslog(file)
    yield {"log": str(file)}
    heard.close()


@pytest.mark.parametrize("make", RIGS, ids=lambda rig: rig.kind)
def test_who_signed_in_has_a_date_and_nobody_else(
    make: Callable[[Ground], Rig], log: dict[str, str]
) -> None:
    with Ground.of(make.kind, 3) as ground:  # type: ignore[attr-defined]
        rig = make(ground)
        if isinstance(rig, OpensshRig):
            program = str(rig.prefix / "usr/sbin/sshd")
            command = [program, "-D", "-f", str(rig.config()), "-o", "LogLevel=INFO"]
            rig.daemon = Daemon(command, [rig.port], ground.place / "log")
        before = datetime.now(UTC) - timedelta(seconds=2)
        with rig:
            came = {}
            for login in rig.logins[::2]:
                client = rig.sign_in(login, rig.listeners[0])
                came[login.account] = client is not None
                if client:
                    client.close()
            assert any(came.values())
            dates = _read(rig, log)
        for login in rig.logins:
            date, is_in = dates.get(login.account), came.get(login.account, False)
            assert (date is not None) is is_in or login.account == "anonymous", login.account
            assert date is None or before <= date <= datetime.now(UTC)


def _read(rig: Rig, log: dict[str, str]) -> dict[str, datetime | None]:
    connector = registry.connect(rig.kind, {**rig.settings(), **log})
    return {one.name: one.last_login for one in connector.read().accounts}


NOW = datetime(2026, 1, 3, 12, tzinfo=UTC)


class TestLines:
    @pytest.fixture(autouse=True)
    def in_utc(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "UTC")
            time.tzset()
            yield
        time.tzset()

    def newest(self, *lines: str) -> dict[str, datetime]:
        return syslog.newest((line.encode() for line in lines), NOW)

    def test_a_date_without_a_year_is_the_last_such_day(self) -> None:
        said = "%s ftp1 sshd[7]: Accepted publickey for anna from 10.0.0.1 port 4 ssh2: X"
        assert self.newest(said % "Dec 31 23:00:00", said % "Jan  2 01:00:00") == {
            "anna": datetime(2026, 1, 2, 1, tzinfo=UTC)
        }
        assert self.newest(said % "Dec 31 23:00:00") == {
            "anna": datetime(2025, 12, 31, 23, tzinfo=UTC)
        }

    def test_the_journal_has_zones(self) -> None:
        said = "2026-01-02T03:00:00+0200 ftp1 sshd-session[7]: "
        said += "Accepted password for b c from ::1 port 4 ssh2"
        assert self.newest(said) == {"b c": datetime(2026, 1, 2, 1, tzinfo=UTC)}

    def test_a_name_that_looks_like_a_line_is_none(self) -> None:
        forged = "sshd[7]: Accepted password for anna from 10.0.0.1 port 4 ssh2"
        assert not self.newest(
            f"Jan  2 01:00:00 ftp1 sshd[7]: Invalid user Jan 2 01:00:00 x {forged} from ::1 port 3",
            f"Jan  2 01:00:00 ftp1 cron[7]: {forged}",
            "Feb 30 01:00:00 ftp1 sshd[7]: Accepted password for anna from ::1 port 4 ssh2",
        )
