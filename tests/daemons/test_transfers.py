"""Transfer logs that the real daemons wrote, beside what real clients could do."""

import os
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from sqlalchemy import select

from recert.activity import service
from recert.activity.models import LastUse, Use
from recert.connectors import registry
from recert.connectors.rights import Rights
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.inventory.models import Account, Folder
from recert.trail.act import Act
from tests.daemons.differential import Opinion
from tests.daemons.rig_proftpd import ProftpdRig
from tests.daemons.rig_pureftpd import PureftpdRig
from tests.daemons.rig_vsftpd import VsftpdRig
from tests.daemons.rigs import Rig
from tests.daemons.running import Daemon
from tests.daemons.worlds import Ground
from tests.support.house import House

pytestmark = pytest.mark.daemon
NEEDS = {
    Use.DOWNLOAD: Rights.DOWNLOAD,
    Use.UPLOAD: Rights.UPLOAD | Rights.OVERWRITE,
    Use.DELETE: Rights.DELETE | Rights.UPLOAD | Rights.OVERWRITE,
}


def log_of_vsftpd(rig: Rig, file: Path, *, standard: bool = False) -> None:
    lines = ["xferlog_enable=YES", "dual_log_enable=NO", "syslog_enable=NO"]
    name = "xferlog_file" if standard else "vsftpd_log_file"
    lines += [f"xferlog_std_format={'YES' if standard else 'NO'}", f"{name}={file}"]
    with rig.config().open("a") as config:
        config.write("\n" + "\n".join(lines) + "\n")


def log_of_proftpd(rig: Rig, file: Path) -> None:
    config = rig.config()
    config.write_text(config.read_text().replace("TransferLog none", f"TransferLog {file}"))


def log_of_pureftpd(rig: Rig, file: Path) -> None:
    assert isinstance(rig, PureftpdRig)
    rig._option("AltLog", f"clf:{file}")
    rig.daemon = Daemon(rig._command(), [rig.port], rig.ground.place / "log")


Prepare = Callable[[Rig, Path], None]
CASES: list[tuple[Callable[[Ground], Rig], Prepare]] = [
    (VsftpdRig, log_of_vsftpd),
    (VsftpdRig, lambda rig, file: log_of_vsftpd(rig, file, standard=True)),
    (ProftpdRig, log_of_proftpd),
    (PureftpdRig, log_of_pureftpd),
]
NAMES = ["vsftpd", "vsftpd-xferlog", "proftpd", "pureftpd"]


def plain(folder: str) -> bool:
    """Whether a log keeps the name as it is."""
    return folder.isascii() and not any(letter.isspace() for letter in folder)


@pytest.mark.parametrize(("make", "prepare"), CASES, ids=NAMES)
@pytest.mark.parametrize("seed", [2, 5])
def test_what_clients_did_is_found_and_nothing_else(
    make: Callable[[Ground], Rig], prepare: Prepare, seed: int, house: House
) -> None:
    with Ground.of(make.kind, seed) as ground:  # type: ignore[attr-defined]
        rig = make(ground)
        file = ground.place / "transfers.log"
        prepare(rig, file)
        connector = registry.connect(rig.kind, rig.settings())
        opinion = Opinion(connector, ground.folders, {one.account for one in rig.logins})
        number = _looked_at(house, rig)
        with rig:
            tried = rig.probed("ftp")
        owned = {
            (opinion.boundary_of(str(one.parent)), one.stat().st_uid)
            for one in ground.root.rglob("*")
            if one.is_file() and not one.is_symlink()
        }
        (log,) = [one for one in connector.log_sources() if one.path == str(file)
                  and one.kind == "transfers"]  # fmt: skip
        said = {"zone": UTC, "roots": connector.log_roots(), "actor": house.admin}
        service.load(house.db, number, file, log.format, now=house.now, **said)
        found = _uses(house, number)
    assert found or not any(Rights.DOWNLOAD in has for has in tried.values())
    for account, folder, use in found:
        region = opinion.region(folder) or [folder]
        could = Rights.NONE
        for place in region:
            could |= tried.get((account, place), Rights.NONE)
        # Rights speak of the files of others; one's own can be used without them.
        uid = next(one.uid for one in rig.logins if one.account == account)
        assert could & NEEDS[use] or (folder, uid) in owned, (account, folder, use)
    told = {(account, folder) for account, folder, use in found if use is Use.DOWNLOAD}
    for (account, folder), has in tried.items():
        boundary = opinion.boundary_of(folder) or ""
        is_named = account != "anonymous" and plain(folder) and plain(account)
        if Rights.DOWNLOAD in has and is_named:
            assert (account, boundary) in told, (account, folder, os.fspath(file))


def _looked_at(house: House, rig: Rig) -> int:
    with house.db.transaction() as session:
        server = inventory.add_server(
            Act(session, house.admin, house.now), "real", rig.kind, rig.settings()
        )
        number = server.id
    snapshots.take(house.db, number, actor=house.admin, now=lambda: house.now)
    return number


def _uses(house: House, server_id: int) -> set[tuple[str, str, Use]]:
    with house.db.reading() as session:
        query = (
            select(Account.name, Folder.path, LastUse.use)
            .join(LastUse, LastUse.account_id == Account.id)
            .join(Folder, Folder.id == LastUse.folder_id)
            .where(Account.server_id == server_id)
        )
        return {(row[0], row[1], row[2]) for row in session.execute(query)}
