"""A generated embedded server: 1,000 accounts, 20,000 folders, 2,000 boundaries, 100,000 grants."""

import json
from pathlib import Path

from recert.connectors.embedded.passwords import hash_password

PEOPLE = 100


def people_csv() -> str:
    """The people who own the folders, and those who hold the accounts."""
    rows = [f"p{number}@bench.example,Person {number},Bench" for number in range(1000)]
    return "email,name,organisation\n" + "\n".join(rows) + "\n"


def owners_csv() -> str:
    """Every top folder has an owner."""
    rows = [f"bench,/d{top:02},p{top}@bench.example" for top in range(40)]
    return "server,folder,owner_email\n" + "\n".join(rows) + "\n"


def write(
    home: Path,
    *,
    accounts: int = 1000,
    boundaries: int = 2000,
    per_boundary: int = 50,
    deep: int = 9,
) -> Path:
    """Writes permission file and folders; `per_boundary` accounts have rights in each boundary."""
    password = hash_password("bench", cheap=True)
    made: dict[str, dict[str, object]] = {
        f"account{number:04}": {
            "password": password,
            "email": f"p{number}@bench.example",
            "folders": {},
        }
        for number in range(accounts)
    }
    names = list(made)
    words = ("list download", "list download upload", "list upload", "list")
    for number in range(boundaries):
        folder = f"/d{number % 40:02}/s{number:04}"
        real = home / "files" / folder.strip("/")
        real.mkdir(parents=True)
        for below in range(deep):
            (real / f"x{below}").mkdir()
        for step in range(per_boundary):
            name = names[(number * 7 + step * 13) % accounts]
            folders = made[name]["folders"]
            assert isinstance(folders, dict)
            folders[folder] = words[(number + step) % 4]
    path = home / "permissions.json"
    content = {"version": 1, "root": "files", "groups": {}, "accounts": made}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
