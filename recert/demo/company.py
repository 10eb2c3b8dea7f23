"""The fictitious company: about 60 people, 2 servers, 80 accounts, 40 folders. Always the same."""

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recert.connectors.embedded.passwords import hash_password

DOMAIN = "harbourpine.example"
COMPANY = "Harbour & Pine"
FTP_PASSWORD = "ftp-demo"  # noqa: S105  of accounts that exist only inside the demo

DEPARTMENTS = {
    "finance": ("Finance", ("month-end", "payroll", "invoices", "budget")),
    "logistics": ("Logistics", ("routes", "customs", "stock", "claims")),
    "sales": ("Sales", ("offers", "orders", "price-lists", "forecasts")),
    "hr": ("Human Resources", ("contracts", "applications", "training", "time-sheets")),
    "it": ("IT", ("backups", "releases", "monitoring", "licences")),
}
PARTNERS = {
    "acme-freight": ("Acme Freight", ("in", "out", "claims")),
    "blue-carrier": ("Blue Carrier", ("in", "out")),
    "castor-print": ("Castor Print", ("in", "out", "proofs")),
}
FIRST = (
    *("Maria", "Jonas", "Aisha", "Pieter", "Lena", "Tomas", "Grace", "Ivan", "Nora", "Samuel"),
    *("Helen", "Mateo", "Ingrid", "Kofi", "Paula", "Emil", "Yuki", "Oskar", "Clara", "Rafael"),
)
LAST = (
    *(
        "Lopez",
        "Berg",
        "Rahman",
        "de Vries",
        "Hoffmann",
        "Novak",
        "Okafor",
        "Petrov",
        "Lind",
        "Cohen",
    ),
    *("Carter", "Silva", "Dahl", "Mensah", "Moretti", "Koch", "Tanaka", "Wolff", "Duarte", "Reyes"),
)
STAFF_PER_DEPARTMENT = 9
PEOPLE_PER_PARTNER = 5


@dataclass(frozen=True)
class DemoPerson:
    """One line of the people file."""

    email: str
    name: str
    organisation: str
    kind: str
    department: str = ""
    manager: str = ""
    left_on: str = ""

    @property
    def login(self) -> str:
        """The account name on the servers."""
        return self.email.partition("@")[0]


@dataclass
class Site:
    """One server of the company: its permission file and its files."""

    name: str
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_logins: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def write(self, home: Path) -> Path:
        """Writes permission file, folders and some files; the path of the permission file."""
        base = home / self.name
        for folder in self.folders:
            real = base / "files" / folder.strip("/")
            real.mkdir(parents=True, exist_ok=True)
            (real / "about.txt").write_text(f"A file in {folder} of {COMPANY}.\n", encoding="utf-8")
        content = {"version": 1, "root": "files", "groups": self.groups, "accounts": self.accounts}
        path = base / "permissions.json"
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        logins = base / "permissions.json.logins"
        logins.write_text(json.dumps(self.last_logins), encoding="utf-8")
        return path


def people() -> list[DemoPerson]:
    """45 employees in 5 departments and 15 people of 3 partners."""
    names = iter(_names())
    found = []
    for title, _ in DEPARTMENTS.values():
        head = ""
        for number in range(STAFF_PER_DEPARTMENT):
            name = next(names)
            email = f"{_login(name)}@{DOMAIN}"
            left = "2026-08-31" if (title, number) == ("Logistics", 4) else ""
            found.append(DemoPerson(email, name, COMPANY, "own", title, head, left))
            head = head or email
    for key, (title, _) in PARTNERS.items():
        for _ in range(PEOPLE_PER_PARTNER):
            name = next(names)
            found.append(DemoPerson(f"{_login(name)}@{key}.example", name, title, "partner"))
    return found


def _names() -> list[str]:
    """60 different names, the same in every run."""
    return [f"{FIRST[at % 20]} {LAST[(at * 7 + at // 20 * 3) % 20]}" for at in range(60)]


def _login(name: str) -> str:
    return name.lower().replace(" ", ".")


def head_of(title: str) -> DemoPerson:
    """The person who answers for a department's folders."""
    return next(person for person in people() if person.department == title)


def people_csv() -> str:
    """The file for `recert people import`."""
    header = (
        *("email", "name", "organisation", "organisation_kind", "department"),
        *("manager_email", "left_on"),
    )
    rows = [
        (p.email, p.name, p.organisation, p.kind, p.department, p.manager, p.left_on)
        for p in people()
    ]
    return _csv(header, rows)


def owners_csv() -> str:
    """The file for `recert owners import`. /archive has no owner, on purpose."""
    rows = []
    for key, (title, _) in DEPARTMENTS.items():
        staff = [person for person in people() if person.department == title]
        rows.append(("files-internal", f"/{key}", staff[0].email, staff[1].email))
    rows.append(("files-internal", "/shared", head_of("IT").email, ""))
    sales, logistics = head_of("Sales").email, head_of("Logistics").email
    for key in PARTNERS:
        owner = sales if key == "castor-print" else logistics
        rows.append(("files-partners", f"/{key}", owner, head_of("Finance").email))
    return _csv(("server", "folder", "owner_email", "substitute_email"), rows)


def _csv(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def sites(now: datetime) -> list[Site]:
    """Both servers."""
    dice = random.Random(2026)  # noqa: S311  the same company in every run
    return [_internal(dice, now), _partners(dice, now)]


def _account(person: DemoPerson | None, kind: str = "person", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"password": hash_password(FTP_PASSWORD, cheap=True), "kind": kind}
    if person:
        made |= {"name": person.name, "email": person.email}
    return made | more


def _internal(dice: random.Random, now: datetime) -> Site:
    site = Site("files-internal")
    site.folders = ["/", "/archive", "/shared"]
    site.groups["everybody"] = {"folders": {"/shared": "list download upload"}}
    for key, (title, parts) in DEPARTMENTS.items():
        site.folders += [f"/{key}", *(f"/{key}/{part}" for part in parts)]
        site.groups[key] = {"folders": {f"/{key}": "list download"}}
        for person in people():
            if person.department == title:
                site.accounts[person.login] = _staff(dice, person, key, parts)
                _set_last_login(site, person.login, now, days=dice.randrange(0, 60))
    _oddities(site, now)
    return site


def _staff(
    dice: random.Random, person: DemoPerson, key: str, parts: tuple[str, ...]
) -> dict[str, Any]:
    work = dice.sample(parts, 2)
    full = "list download upload overwrite delete rename mkdir rmdir"
    folders = {f"/{key}/{work[0]}": full, f"/{key}/{work[1]}": "list download upload"}
    secret = parts[1]  # payroll and the like are closed to most
    folders.setdefault(f"/{key}/{secret}", "list download" if dice.random() < 0.3 else "")
    return _account(person, groups=[key, "everybody"], folders=folders)


def _oddities(site: Site, now: datetime) -> None:
    """What every auditor finds: batch, shared, orphan, dormant, expired, far too many rights."""
    batches = {
        "batch-payroll": {"/finance/payroll": "list download upload delete"},
        "batch-invoices": {"/finance/invoices": "list download upload delete"},
        "batch-stock": {"/logistics/stock": "list download upload overwrite"},
        "batch-backup": {"/": "list download", "/it/backups": "list download upload delete"},
        "batch-old-erp": {"/sales/orders": "list download upload delete"},
        "batch-monitoring": {"/it/monitoring": "upload"},
    }
    for name, folders in batches.items():
        site.accounts[name] = _account(None, "service", folders=folders)
        _set_last_login(site, name, now, days=0 if name != "batch-old-erp" else 521)
    everything = "list download upload overwrite delete rename mkdir rmdir chmod"
    helper = next(person for person in people() if person.department == "IT" and person.manager)
    site.accounts[helper.login]["folders"] = {"/": everything}
    site.accounts["frontdesk"] = _account(
        None, "shared", folders={"/shared": "list download upload"}
    )
    site.accounts["r.schmidt"] = _account(
        None,
        name="R. Schmidt",
        email=f"r.schmidt@{DOMAIN}",
        folders={"/sales": "list download upload"},
    )
    _set_last_login(site, "r.schmidt", now, days=412)
    site.accounts["frontdesk"]["folders"]["/archive"] = "list download"
    site.accounts["r.schmidt"]["folders"]["/archive"] = "list download upload delete"


def _partners(dice: random.Random, now: datetime) -> Site:
    site = Site("files-partners")
    site.folders = ["/"]
    for key, (title, parts) in PARTNERS.items():
        site.folders += [f"/{key}", *(f"/{key}/{part}" for part in parts)]
        site.groups[key] = {"folders": {f"/{key}/out": "list download"}}
        for number, person in enumerate(p for p in people() if p.organisation == title):
            folders = {f"/{key}/in": "list upload", f"/{key}": "list"}
            if number == 0:
                folders[f"/{key}/in"] = "list download upload overwrite delete"
            if number == 3 and len(parts) > 2:
                folders[f"/{key}/{parts[2]}"] = "list download upload"
            more = {"expires": "2026-06-30"} if number == 4 and key == "blue-carrier" else {}
            site.accounts[person.login] = _account(
                person, home=f"/{key}", groups=[key], folders=folders, **more
            )
            _set_last_login(site, person.login, now, days=dice.randrange(0, 120))
        site.accounts[f"feed-{key}"] = _account(
            None, "service", folders={f"/{key}/in": "list download delete", f"/{key}/out": "upload"}
        )
        _set_last_login(site, f"feed-{key}", now, days=0)
    staff = [p for p in people() if p.department in ("Logistics", "Sales") and p.manager][:8]
    for person in staff:
        key = "castor-print" if person.department == "Sales" else "acme-freight"
        folders = {f"/{key}": "list download upload"}
        site.accounts[person.login] = _account(person, folders=folders)
        _set_last_login(site, person.login, now, days=dice.randrange(0, 30))
    site.accounts["old-courier"] = _account(
        None, enabled=False, name="Old courier", folders={"/blue-carrier": "list download"}
    )
    return site


def _set_last_login(site: Site, account: str, now: datetime, *, days: int) -> None:
    site.last_logins[account] = (now - timedelta(days=days, hours=2)).isoformat(timespec="seconds")
