"""`recert demo --check`: the main job from the first look to the proof, played without a person."""

import ftplib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import click
from flask import Flask
from sqlalchemy import select

from recert.campaigns.completion import close, early_close, sign_off
from recert.campaigns.decisions.models import Decision
from recert.campaigns.models import Campaign, CampaignState, Item, ItemState
from recert.changes.models import Order, OrderState
from recert.demo import company, probe, stage
from recert.demo.ports import free_port
from recert.demo.stage import Stage
from recert.evidence import verifier
from recert.evidence.package import export as evidence
from recert.foundation import clock, secrets
from recert.foundation.settings import Settings
from recert.inventory.models import Account, Folder
from recert.mail import bot_detection
from recert.trail.act import Act
from recert.trail.actions import Action
from recert.trail.models import TrailEntry
from recert.trail.service import verify as verify_trail

ACCOUNT, FOLDER, SERVER = "batch-invoices", "/finance/invoices", "files-internal"
PATIENCE = 60.0
# The check plays a person at a browser; what does not look like one decides nothing.
BROWSER = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept-Language", "en"),
    *bot_detection.PRESSED_BY_HAND.items(),
]


class CheckFailed(Exception):
    """A step of the check did not hold."""


def play(
    settings: Settings,
    create_app: Callable[[Settings], Flask],
    start_worker: Callable[[Flask], Any],
) -> int:
    """0 when every step held, 1 at the first that did not."""
    port = free_port()
    with stage.open_stage(settings, create_app, port=port, undo_minutes=0) as running:
        ticker = start_worker(running.app)
        try:
            _play(running)
        except CheckFailed as error:
            click.echo(f"FAIL  {error}")
            return 1
        finally:
            ticker.shutdown()
    click.echo("The main job holds.")
    return 0


def _play(running: Stage) -> None:
    port = running.ftp[SERVER].port
    with probe.connect(port, ACCOUNT) as session:
        _step(probe.may_upload(session, FOLDER, "before.txt"), f"{ACCOUNT} uploads to {FOLDER}")
        before = _try_all(running)
        _step(before[ACCOUNT, FOLDER, "upload"], f"{len(before)} rights tried with a real client")
        campaign_id = stage.look_and_launch(running)
        item_id = _item(running, campaign_id)
        link = _await(lambda: _link(running, item_id), "the owner's mail arrives by SMTP")
        _answer(running, item_id, link)
        _await(lambda: _is_verified(running, item_id), "the change is carried out and verified")
        _step(not probe.may_upload(session, FOLDER, "after.txt"), "the open session is refused")
    with probe.connect(port, ACCOUNT) as fresh:
        refused = not probe.may_upload(fresh, FOLDER, "again.txt") and _cannot_list(fresh)
        _step(refused, "a new session is refused")
    _compare(before, _try_all(running))
    _check_records(running, item_id)
    _sign_off(running, campaign_id)
    _check_evidence(running, campaign_id)


def _step(holds: bool, text: str) -> None:
    if not holds:
        raise CheckFailed(text)
    click.echo(f"ok    {text}")


def _await(look: Callable[[], Any], text: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            _step(True, text)
            return found
        time.sleep(0.2)
    raise CheckFailed(f"{text}: not within {PATIENCE:.0f} seconds")


def _try_all(running: Stage) -> probe.Cells:
    cells: probe.Cells = {}
    for name, server in running.ftp.items():
        file = running.permission_files[name]
        content = json.loads(file.read_text(encoding="utf-8"))
        homes = {login: account.get("home", "/") for login, account in content["accounts"].items()}
        folders = next(s.folders for s in company.sites(clock.now()) if s.name == name)
        tried = probe.try_everything(server.port, file, homes, folders)
        cells |= {
            (login, f"{name}:{folder}" if name != SERVER else folder, right): can
            for (login, folder, right), can in tried.items()
        }
    return cells


def _cannot_list(client: ftplib.FTP) -> bool:
    try:
        client.nlst(FOLDER)
    except ftplib.error_perm:
        return True
    return False


def _item(running: Stage, campaign_id: int) -> int:
    with running.db.reading() as session:
        query = (
            select(Item.id)
            .join(Account, Account.id == Item.account_id)
            .join(Folder, Folder.id == Item.folder_id)
            .where(Item.campaign_id == campaign_id, Account.name == ACCOUNT, Folder.path == FOLDER)
        )
        found = session.scalar(query)
    _step(found is not None, "snapshot taken, campaign launched, the item is in it")
    return int(found or 0)


def _link(running: Stage, item_id: int) -> str:
    """The one-click link of the item, from the mail to its reviewer."""
    with running.db.reading() as session:
        item = session.get_one(Item, item_id)
        account = session.get_one(Account, item.account_id).name
    owner = company.head_of("Finance").email
    for path in running.post.mails():
        mail = message_from_bytes(path.read_bytes(), policy=default)
        body = mail.get_body(("plain",)) if isinstance(mail, EmailMessage) else None
        if not isinstance(body, EmailMessage) or owner not in str(mail["To"]):
            continue
        wanted = rf"{re.escape(account)} in {re.escape(FOLDER)} on .*\n.*\n\s+Answer: (\S+)"
        found = re.search(wanted, body.get_content())
        if found:
            return found.group(1)
    return ""


def _answer(running: Stage, item_id: int, link: str) -> None:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    browser.addheaders = BROWSER
    for _ in range(2):
        with browser.open(link) as page:
            place, html = page.geturl(), page.read().decode()
    time.sleep(bot_detection.READING.total_seconds() + 0.2)
    _step(_state(running, item_id) is ItemState.OPEN, "opening the link changed nothing")
    fields = dict(re.findall(r'name="(csrf_token|version|seen)" value="([^"]+)"', html))
    form = urllib.parse.urlencode({**fields, "answer": "revoke"}).encode()
    with browser.open(place, form) as page:
        _step("Saved" in page.read().decode(), "the button was pressed over HTTP")


def _state(running: Stage, item_id: int) -> ItemState:
    with running.db.reading() as session:
        return session.get_one(Item, item_id).state


def _is_verified(running: Stage, item_id: int) -> bool:
    state = _state(running, item_id)
    if state in (ItemState.NEEDS_ATTENTION, ItemState.STILL_REACHABLE):
        raise CheckFailed(f"the change ended as {state.value}")
    return state is ItemState.VERIFIED


def _compare(before: probe.Cells, after: probe.Cells) -> None:
    changed = {cell for cell in before.keys() | after.keys() if before.get(cell) != after.get(cell)}
    wanted = {(ACCOUNT, FOLDER, right) for right in ("list", "download", "upload")}
    others = changed - wanted
    if others:
        raise CheckFailed(f"other rights changed as well: {sorted(others)[:5]}")
    _step(wanted <= changed, f"all other {len(before) - len(wanted)} rights are as they were")


def _check_records(running: Stage, item_id: int) -> None:
    with running.db.reading() as session:
        order = session.scalar(select(Order).where(Order.origin == f"item:{item_id}"))
        decision = session.scalar(select(Decision).where(Decision.item_id == item_id))
        checked = session.scalars(
            select(TrailEntry.body).where(
                TrailEntry.action == Action.ORDER_CHECKED,
                TrailEntry.object == (order.ref if order else ""),
            )
        ).all()
        verified = order is not None and order.state is OrderState.VERIFIED
        _step(verified and len(checked) == 1, "the verification is recorded in the trail")
        by = decision.assurance.value if decision else ""
        _step("mail" in by, f"the decision says how its reviewer was recognised: {by}")
        _step(verify_trail(session) is None, "the trail is unbroken")


def _sign_off(running: Stage, campaign_id: int) -> None:
    key = secrets.signing_key(running.settings.keys)
    with running.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        if early_close.is_early(session, campaign, now=clock.now()):
            second = stage.acting(session, "officer2")
            early_close.ask(Act(session, second, clock.now()), campaign, "Played.")
        officer = stage.acting(session, "officer")
        close.close(Act(session, officer, clock.now()), campaign)
        statement = "Played by the check."
        sign_off.sign_off(Act(session, officer, clock.now()), campaign, statement, key)
        _step(campaign.state is CampaignState.SIGNED_OFF, "the campaign is closed and signed off")


def _check_evidence(running: Stage, campaign_id: int) -> None:
    path = running.settings.home / "evidence.zip"
    key = secrets.signing_key(running.settings.keys)
    evidence.export(running.db, campaign_id, path, key, actor=stage.DIRECTOR, now=clock.now())
    with _stand_alone(path) as program:
        finger = verifier.fingerprint(key.public_key().public_bytes_raw())
        _step(_accepts(program, path, finger), "the evidence is exported and verified")
        whole = path.read_bytes()
        broken = path.with_name("broken.zip")
        for at in (0, len(whole) // 3, len(whole) // 2, len(whole) - 300, len(whole) - 1):
            broken.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            if _accepts(program, broken, finger):
                raise CheckFailed(f"the evidence was accepted with byte {at} changed")
        _step(True, "the evidence is refused after one byte is changed")


@contextmanager
def _stand_alone(path: Path) -> Iterator[Path]:
    """The verifier as the auditor gets it: out of the package, without the product."""
    program = path.with_name("verify.py")
    with zipfile.ZipFile(path) as package:
        program.write_bytes(package.read("verify.py"))
    yield program


def _accepts(program: Path, path: Path, finger: str) -> bool:
    command = [sys.executable, "-I", "-S", str(program), str(path), "--key", finger]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
