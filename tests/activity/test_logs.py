"""Transfer logs: lines as real daemons write them, sums, and what reviewers see of them."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from recert.activity import queries, service
from recert.activity.formats import FORMATS, FormatUnknown, Line, format_of
from recert.activity.models import ActivityLog, LastUse, Use
from recert.activity.service import Loaded, LogUnreadable
from recert.campaigns.reviewing import queries as campaigns
from recert.campaigns.reviewing import recommendations
from recert.ftpserver.xferlog import Transfer, line_of
from recert.inventory.models import Account, Folder
from tests.support.house import House

BERLIN = ZoneInfo("Europe/Berlin")
PROFTPD = b"Mon Nov 23 08:53:01 2026 0 127.0.0.1 5 /srv/a/two__blanks.txt b _ i r ben ftp 0 * c"
LINES = [
    ("xferlog", PROFTPD, (b"ben", b"/srv/a/two__blanks.txt", Use.UPLOAD)),
    (
        "xferlog",
        "Mon Nov  2 08:53:01 2026 0 ::1 5 /x/y b _ o r max müller ftp 0 * c".encode(),
        ("max müller".encode(), b"/x/y", Use.DOWNLOAD),
    ),
    (
        "clf",
        b'127.0.0.1 - anna [23/Nov/2026:08:10:33 -0000] "PUT /srv/hr/a%20%22q%22.txt" 200 5',
        (b"anna", b'/srv/hr/a "q".txt', Use.UPLOAD),
    ),
    (
        "vsftpd",
        b"Mon Nov 23 08:05:04 2026 [pid 20967] [vp_anna] OK UPLOAD: "
        b'Client "127.0.0.1", "/hr/a "quoted", name.txt", 5 bytes, 31.91Kbyte/sec',
        (b"vp_anna", b'/hr/a "quoted", name.txt', Use.UPLOAD),
    ),
    (
        "vsftpd",
        b'Mon Nov 23 08:05:04 2026 [pid 2] [anna] OK DELETE: Client "::1", "/hr/x"',
        (b"anna", b"/hr/x", Use.DELETE),
    ),
]


def transfer(account: str, path: str, direction: str = "o", *, complete: bool = True) -> Transfer:
    return Transfer(account, False, "127.0.0.1", path, direction, complete=complete)


def log(folder: Path, *lines: tuple[Transfer, datetime], name: str = "xferlog") -> Path:
    file = folder / name
    file.write_text("".join(f"{line_of(one, at)}\n" for one, at in lines))
    return file


def load(house: House, file: Path, **more: object) -> Loaded:
    said: dict[str, object] = {"zone": UTC, "actor": house.admin, "now": house.now, **more}
    return service.load(house.db, house.server_id, file, "xferlog", **said)  # type: ignore[arg-type]


def uses(house: House) -> dict[tuple[str, str, Use], tuple[datetime, int]]:
    with house.db.reading() as session:
        query = (
            select(Account.name, Folder.path, LastUse)
            .join(LastUse, LastUse.account_id == Account.id)
            .join(Folder, Folder.id == LastUse.folder_id)
        )
        return {(n, p, use.use): (use.at, use.count) for n, p, use in session.execute(query)}


def day(number: int, hour: int = 8) -> datetime:
    return datetime(2026, 11, number, hour, tzinfo=UTC)


class TestLines:
    @pytest.mark.parametrize(("form", "line", "told"), LINES)
    def test_each_form_is_read(self, form: str, line: bytes, told: tuple[object, ...]) -> None:
        found = format_of(form).read(line)
        assert found is not None
        assert found[1:] == told

    def test_what_is_cut_off_denied_or_no_transfer_says_nothing(self) -> None:
        read = FORMATS["xferlog"].read
        assert read(PROFTPD[:-1] + b"i") is None  # incomplete
        assert read(PROFTPD[:40]) is None
        assert FORMATS["clf"].read(b"nonsense") is None
        failed = b'Mon Nov 23 08:05:04 2026 [pid 2] [a] FAIL UPLOAD: Client "::1", "/x"'
        assert FORMATS["vsftpd"].read(failed) is None

    def test_times_are_of_the_zone_they_were_written_in(self) -> None:
        line = format_of("xferlog").read(PROFTPD)
        assert line
        at = format_of("xferlog").time(line.stamp, BERLIN)
        assert at.astimezone(UTC) == datetime(2026, 11, 23, 7, 53, 1, tzinfo=UTC)
        zoned = Line(b"23/Nov/2026:08:10:33 +0200", b"a", b"/", Use.UPLOAD)
        assert format_of("clf").time(zoned.stamp, BERLIN).astimezone(UTC).hour == 6

    def test_an_unknown_format_is_named(self) -> None:
        with pytest.raises(FormatUnknown, match="'w3c'"):
            format_of("w3c")


class TestLoading:
    def test_the_last_use_of_each_folder_is_kept(self, house: House, tmp_path: Path) -> None:
        house.snapshot()
        file = log(
            tmp_path,
            (transfer("batch", "/finance/inbox/deep/a.csv"), day(2)),
            (transfer("batch", "/finance/inbox/b.csv"), day(3)),
            (transfer("batch", "/finance/inbox/b.csv", "d"), day(4)),
            (transfer("nobody", "/finance/x"), day(5)),
            (transfer("batch", "/finance/inbox/c", complete=False), day(6)),
        )
        assert load(house, file) == Loaded(lines=5, other=1, kept=2, unknown=1)
        assert uses(house) == {
            ("batch", "/finance/inbox", Use.DOWNLOAD): (day(3), 2),
            ("batch", "/finance/inbox", Use.DELETE): (day(4), 1),
        }

    def test_a_file_counts_once_and_is_read_on(self, house: House, tmp_path: Path) -> None:
        house.snapshot()
        first = (transfer("batch", "/finance/inbox/a"), day(2))
        file = log(tmp_path, first)
        load(house, file)
        assert load(house, file).lines == 0
        with file.open("a") as more:
            more.write(f"{line_of(transfer('batch', '/finance/inbox/b'), day(9))}\nMon Nov 2")
        assert load(house, file).lines == 1
        assert uses(house)["batch", "/finance/inbox", Use.DOWNLOAD] == (day(9), 2)

    def test_a_rotated_file_is_read_from_its_beginning(self, house: House, tmp_path: Path) -> None:
        house.snapshot()
        load(house, log(tmp_path, (transfer("batch", "/finance/inbox/a"), day(2))))
        load(house, log(tmp_path, (transfer("pia", "/finance/inbox/a", "i"), day(3))))
        assert len(uses(house)) == 2

    def test_older_lines_do_not_make_a_use_older(self, house: House, tmp_path: Path) -> None:
        house.snapshot()
        load(house, log(tmp_path, (transfer("batch", "/finance/inbox/a"), day(9))))
        older = log(tmp_path, (transfer("batch", "/finance/inbox/a"), day(1)), name="xferlog.1")
        packed = tmp_path / "xferlog.1.gz"
        packed.write_bytes(gzip.compress(older.read_bytes()))
        load(house, packed)
        assert uses(house)["batch", "/finance/inbox", Use.DOWNLOAD] == (day(9), 2)
        with house.db.reading() as session:
            known = queries.covered(session, [house.server_id])[house.server_id]
            assert (known.since, known.until) == (day(1), day(9))

    def test_a_name_that_could_be_two_is_not_guessed(self, house: House, tmp_path: Path) -> None:
        house.give("batch", "/in box", "list download")
        house.give("batch", "/in_box", "list download")
        house.snapshot()
        file = log(tmp_path, (transfer("batch", "/in box/a"), day(2)))
        assert load(house, file).unknown == 1
        assert uses(house) == {}

    def test_paths_inside_of_a_jail_are_put_below_it(self, house: House, tmp_path: Path) -> None:
        house.snapshot()
        file = log(tmp_path, (transfer("batch", "/inbox/a"), day(2)))
        load(house, file, roots={"batch": "/finance"})
        assert list(uses(house)) == [("batch", "/finance/inbox", Use.DOWNLOAD)]

    def test_a_file_that_is_not_there_is_named(self, house: House, tmp_path: Path) -> None:
        with pytest.raises(LogUnreadable, match=r"none: No such file"):
            load(house, tmp_path / "none")

    def test_the_log_beside_a_server_is_read_by_itself_once_an_hour(self, house: House) -> None:
        house.snapshot()
        log(house.folder, (transfer("batch", "/finance/inbox/a"), day(2)))
        assert service.read_due(house.db, UTC, now=house.now) == 1
        assert service.read_due(house.db, UTC, now=house.now) == 0
        with house.later(hours=1):
            assert service.read_due(house.db, UTC, now=house.now) == 1
        assert "activity.loaded" in house.trail_actions()
        with house.db.reading() as session:
            assert len(session.scalars(select(ActivityLog)).all()) == 1


class TestHints:
    def said(self, house: House, account: str) -> str:
        item = house.item(account, "/finance/inbox")
        with house.db.reading() as session:
            row = campaigns.item_row(session, item.id)
            assert row
            found = recommendations.hints_for(session, [row], now=house.now)[item.id]
        return " ".join(f"{one.level.value}: {one.text}" for one in found)

    def test_without_a_log_it_says_that_there_is_no_data(self, house: House) -> None:
        house.launched()
        assert "plain: Use of this folder: no data." in self.said(house, "batch")

    def test_the_last_use_is_told(self, house: House, tmp_path: Path) -> None:
        house.launched()
        load(house, log(tmp_path, (transfer("batch", "/finance/inbox/a"), day(2))))
        told = "plain: With it somebody last downloaded files on 2 November 2026 here."
        assert told in self.said(house, "batch")
        assert "plain: Not used here since 2 November 2026" in self.said(house, "pia")
        with house.later(days=100):
            assert "amber: With it" in self.said(house, "batch")
            assert "amber: Not used here" in self.said(house, "pia")
