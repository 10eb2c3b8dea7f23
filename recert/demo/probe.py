"""What accounts can really do: tried with the FTP client of the standard library."""

import ftplib
import io
from pathlib import Path

from recert.demo.company import FTP_PASSWORD

Cells = dict[tuple[str, str, str], bool]
PROBE = "recert-probe.tmp"
TIMEOUT = 10


def connect(port: int, account: str) -> ftplib.FTP:
    """A signed-in client."""
    client = ftplib.FTP(timeout=TIMEOUT)
    client.connect("127.0.0.1", port)
    client.login(account, FTP_PASSWORD)
    return client


def may_upload(client: ftplib.FTP, folder: str, name: str = PROBE) -> bool:
    """Tries to store a new file."""
    return _works(lambda: client.storbinary(f"STOR {_join(folder, name)}", io.BytesIO(b"probe")))


def _works(act: object) -> bool:
    try:
        act()  # type: ignore[operator]
    except ftplib.error_perm:
        return False
    return True


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def try_everything(
    port: int, permissions: Path, accounts: dict[str, str], folders: list[str]
) -> Cells:
    """For every account (name: home) and folder: can it list, download, upload? Files that the
    trial stores are removed behind the server's back."""
    cells: Cells = {}
    for account, home in accounts.items():
        try:
            client = connect(port, account)
        except ftplib.error_perm:
            cells[account, "/", "sign in"] = False
            continue
        with client:
            for folder in folders:
                inside = _inside(folder, home)
                if inside is not None:
                    _try_folder(client, account, folder, inside, permissions, cells)
    return cells


def _inside(folder: str, home: str) -> str | None:
    """A folder as the account sees it; None when it lies outside of its home."""
    if home == "/":
        return folder
    if folder == home or folder.startswith(home + "/"):
        return folder[len(home) :] or "/"
    return None


def _try_folder(
    client: ftplib.FTP, account: str, folder: str, inside: str, permissions: Path, cells: Cells
) -> None:
    cells[account, folder, "list"] = _works(lambda: client.nlst(inside))
    got = _works(lambda: client.retrbinary(f"RETR {_join(inside, 'about.txt')}", lambda _: None))
    cells[account, folder, "download"] = got
    cells[account, folder, "upload"] = may_upload(client, inside)
    probe = permissions.parent / "files" / folder.strip("/") / PROBE
    probe.unlink(missing_ok=True)
