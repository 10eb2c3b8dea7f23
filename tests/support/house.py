"""A small company to test with, built through the product's own use cases."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.app import create_app
from recert.campaigns.completion import approvals, challenges, close, early_close, sign_off
from recert.campaigns.decisions import finalisation, stage_outcomes
from recert.campaigns.decisions import service as decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import Campaign, CampaignState, Item, Subject
from recert.campaigns.policy import Policy
from recert.campaigns.reviewing import snapshot_refresh
from recert.campaigns.setup import drafts, policy_agreement
from recert.campaigns.setup import launch as campaigns
from recert.campaigns.setup.stages import ONE_STAGE, Stages
from recert.changes import execution, undo
from recert.changes import service as changes
from recert.changes.models import Order, OrderState, OrderStep
from recert.connectors.embedded.passwords import hash_password
from recert.evidence.package import export as evidence
from recert.foundation import clock, secrets
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.db import Database
from recert.foundation.settings import MailSettings, Settings
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.inventory.models import Account, Folder, Server
from recert.inventory.recordings import RecordingStore
from recert.people import queries as people_queries
from recert.people import service as people
from recert.people import users
from recert.remediation import register_updates
from recert.remediation import service as remediation
from recert.trail.act import Act
from recert.trail.models import TrailEntry

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
FTP_PASSWORD = "open sesame"
_HASH = hash_password(FTP_PASSWORD, cheap=True)

PEOPLE = """\
email,name,organisation,organisation_kind,department,manager_email,left_on
alice@house.example,Alice Archer,House,own,Finance,mona@house.example,
bob@house.example,Bob Brook,House,own,Finance,mona@house.example,
charlie@house.example,Charlie Cole,House,own,Sales,mona@house.example,
mona@house.example,Mona Mill,House,own,Board,,
lea@house.example,Lea Left,House,own,Finance,mona@house.example,2026-01-31
pia@partner.example,Pia Partner,Partner Ltd,partner,,,
"""
OWNERS = """\
server,folder,owner_email,substitute_email
main,/finance,alice@house.example,bob@house.example
main,/sales,charlie@house.example,
"""
ACCOUNTS: dict[str, dict[str, Any]] = {
    "alice": {"email": "alice@house.example", "groups": ["finance"]},
    "bob": {"email": "bob@house.example", "groups": ["finance"]},
    "lea": {"email": "lea@house.example", "groups": ["finance"]},
    "pia": {"email": "pia@partner.example", "folders": {"/finance/inbox": "list upload"}},
    "batch": {"kind": "service", "folders": {"/finance/inbox": "list download delete"}},
    "seller": {"folders": {"/sales": "list download upload overwrite"}},
    "off": {"enabled": False, "folders": {"/sales": "list"}},
}
GROUPS: dict[str, Any] = {"finance": {"folders": {"/finance": "list download upload"}}}


class House:
    """The company, its one server `main`, and shortcuts to what tests do all the time."""

    def __init__(self, db: Database, folder: Path) -> None:
        self.db, self.folder = db, folder
        self.settings = Settings(
            home=folder / "home",
            database_url=str(db.url),
            base_url="http://localhost",
            mail=MailSettings("127.0.0.1", 1, sender="recert@house.example", timeout=5),
            zone=ZoneInfo("Europe/Berlin"),
            undo_minutes=60,
            secure_cookies=False,
        )
        self.officer = staff("olga@house.example", Role.OFFICER)
        self.admin = staff("adam@house.example", Role.ADMINISTRATOR)
        self.auditor = staff("aud@house.example", Role.AUDITOR)
        self.permissions = folder / "permissions.json"
        self._clock = clock.frozen(NOON)

    def __enter__(self) -> Self:
        self._clock.__enter__()
        self.write_permissions(ACCOUNTS)
        with self.db.transaction() as session:
            people.import_people(Act(session, self.admin, NOON), PEOPLE)
            server = inventory.add_server(
                Act(session, self.admin, NOON), "main", "embedded", {"file": str(self.permissions)}
            )
            self.server_id = server.id
            inventory.enable_writes(Act(session, self.admin, NOON), server, True)
            inventory.import_owners(Act(session, self.admin, NOON), OWNERS)
        return self

    def __exit__(self, *_details: object) -> None:
        self._clock.__exit__(None, None, None)

    def write_permissions(
        self, accounts: dict[str, dict[str, Any]], groups: dict[str, Any] = GROUPS
    ) -> None:
        """The permission file of server `main`, in canonical form."""
        made = {name: {"password": _HASH, **account} for name, account in accounts.items()}
        (self.folder / "files").mkdir(exist_ok=True)
        content = {"version": 1, "root": "files", "groups": groups, "accounts": made}
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        self.permissions.write_text(text, encoding="utf-8")

    def person(self, name: str) -> Actor:
        """Somebody of the cast as a signed-in reviewer: "alice"."""
        with self.db.reading() as session:
            found = people_queries.person_by_email(session, f"{name}@house.example")
            assert found, name
            return Actor(found.email, Channel.WEB, Assurance.SIGNED_IN, person_id=found.id)

    def snapshot(self, **more: Any) -> snapshots.Outcome:
        """A look at server `main`."""
        more = {"recording_store": RecordingStore(self.settings.recordings), **more}
        return snapshots.take(self.db, self.server_id, actor=self.admin, now=clock.now, **more)

    def drafted(
        self,
        name: str,
        prefix: str = "/",
        undo_minutes: int = 60,
        policy: Policy = drafts.DEFAULT_POLICY,
        about: Subject = Subject.ACCESS,
        stages: Stages = ONE_STAGE,
    ) -> int:
        """A campaign over server `main` that was not launched yet; its number."""
        with self.db.transaction() as session:
            return drafts.draft(
                Act(session, self.officer, clock.now()),
                drafts.CampaignDraft(
                    name,
                    [self.server_id],
                    prefix,
                    clock.now() + timedelta(days=14),
                    undo_minutes=undo_minutes,
                    policy=policy,
                    about=about,
                    stages=stages,
                ),
            ).id

    def launched(self, name: str = "Autumn", prefix: str = "/", **more: Any) -> int:
        """A running campaign over server `main`, right after a snapshot; its number."""
        self.snapshot()
        campaign_id = self.drafted(name, prefix, **more)
        with self.db.transaction() as session:
            made = session.get_one(Campaign, campaign_id)
            if made.weaker:
                self.agree_policy(session, made)
            campaigns.launch(Act(session, self.officer, clock.now()), made)
        return campaign_id

    def agree_policy(self, session: Session, campaign: Campaign) -> None:
        """Another officer, Otto, agrees to rules that protect less than usual."""
        rules, reason, at = campaign.weaker, "Small and well known.", clock.now()
        policy_agreement.agree(Act(session, OTTO, at), campaign.ref, rules, reason)

    def item(self, account: str, folder: str) -> Item:
        """The newest item about an account in a folder, detached."""
        with self.db.reading() as session:
            query = (
                select(Item)
                .join(Account, Account.id == Item.account_id)
                .join(Folder, Folder.id == Item.folder_id)
                .where(Account.name == account, Folder.path == folder)
                .order_by(Item.id.desc())
                .limit(1)
            )
            return session.scalars(query).one()

    def decide(self, account: str, folder: str, reply: Reply, by: str = "alice") -> None:
        """A reviewer answers."""
        item = self.item(account, folder)
        with self.db.transaction() as session:
            decisions.record(Act(session, self.person(by), clock.now()), item.id, reply)

    def decide_all(self, account: str, folder: str, reply: Reply, by: str = "alice") -> None:
        """A reviewer answers everything of one folder at once; the account names the item."""
        item = self.item(account, folder)
        with self.db.transaction() as session:
            campaign, me = session.get_one(Campaign, item.campaign_id), self.person(by)
            at = clock.now()
            decisions.record_many(Act(session, me, at), campaign, item.folder_id, None, reply)

    def finish(self, name: str) -> None:
        """A reviewer says that all his answers are final."""
        with self.db.transaction() as session:
            campaign = session.scalars(select(Campaign).order_by(Campaign.id.desc()).limit(1)).one()
            finalisation.finish(Act(session, self.person(name), clock.now()), campaign)

    def carry_out(self) -> None:
        """One round of the worker: orders are written and carried out, items follow."""
        stage_outcomes.move_on(self.db, now=clock.now())
        challenges.open_due(self.db, now=clock.now())
        remediation.order_final(self.db, now=clock.now())
        execution.run_due(self.db, now=clock.now)
        remediation.follow_orders(self.db, now=clock.now())
        register_updates.note_final(self.db, now=clock.now())

    def take_back(self, order_id: int) -> Order:
        """The administrator asks to take a change back, and the officer agrees; the new order."""
        with self.db.transaction() as session:
            found, at = changes.order_by_id(session, order_id), clock.now()
            undo.ask(Act(session, self.admin, at), found, "It was a mistake.")
            made = undo.approve(Act(session, self.officer, at), found)
            session.flush()
            session.expunge_all()
            return made

    def campaign(self, campaign_id: int) -> Campaign:
        """A campaign, detached."""
        with self.db.reading() as session:
            return session.get_one(Campaign, campaign_id)

    def orders(self) -> list[Order]:
        """All orders, oldest first, detached."""
        with self.db.reading() as session:
            return list(session.scalars(select(Order).order_by(Order.id)))

    def server(self) -> Server:
        """Server `main`, detached."""
        with self.db.reading() as session:
            return session.get_one(Server, self.server_id)

    def trail_actions(self) -> list[str]:
        """The actions in the trail, oldest first."""
        with self.db.reading() as session:
            return list(session.scalars(select(TrailEntry.action).order_by(TrailEntry.seq)))

    @property
    def now(self) -> datetime:
        """The moment at which the clock stands."""
        return clock.now()

    @contextmanager
    def later(self, **time: float) -> Iterator[datetime]:
        """Some time later: `with house.later(days=3):`."""
        at = clock.now() + timedelta(**time)
        with clock.frozen(at):
            yield at

    def give(self, account: str, folder: str | None = None, words: str | None = None) -> None:
        """Somebody edits the permission file: the account's own entry (None: it goes)."""
        content = json.loads(self.permissions.read_text(encoding="utf-8"))
        if folder is None:
            content["accounts"].pop(account)
        elif words is None:
            content["accounts"][account]["folders"].pop(folder)
        else:
            content["accounts"][account].setdefault("folders", {})[folder] = words
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        self.permissions.write_text(text, encoding="utf-8")

    def entries(self, account: str) -> dict[str, str]:
        """The account's own entries in the permission file."""
        content = json.loads(self.permissions.read_text(encoding="utf-8"))
        return dict(content["accounts"][account].get("folders", {}))

    def refresh(self) -> int:
        """Items are compared with the newest snapshot."""
        return snapshot_refresh.refresh_due(self.db, now=clock.now())

    def close(self, campaign_id: int) -> int:
        """The officer ends the asking, early when another one asked for it; how many items nobody
        answered are kept."""
        with self.db.transaction() as session:
            found = session.get_one(Campaign, campaign_id)
            _ask_when_early(session, found)
            return close.close(Act(session, self.officer, clock.now()), found).kept

    def ask_to_close(self, campaign_id: int) -> None:
        """Another officer, Otto, asks to close a campaign before its due date."""
        with self.db.transaction() as session:
            _ask_when_early(session, session.get_one(Campaign, campaign_id))

    def release(self, campaign_id: int, actor: Actor | None = None, **more: Any) -> int:
        """A second person (the administrator) lets waiting changes go; how many."""
        with self.db.transaction() as session:
            found = session.get_one(Campaign, campaign_id)
            who, at, reason = actor or self.admin, clock.now(), more.pop("reason", "Looked at it.")
            return approvals.release(Act(session, who, at), found, reason, **more).count

    def sign_off(self, campaign_id: int, statement: str = "Seen and agreed.") -> None:
        """The officer signs."""
        with self.db.transaction() as session:
            found = session.get_one(Campaign, campaign_id)
            key, at = secrets.signing_key(self.settings.keys), clock.now()
            sign_off.sign_off(Act(session, self.officer, at), found, statement, key)

    def void(self, campaign_id: int, reason: str = "Wrong scope.") -> None:
        """The officer stops a campaign."""
        with self.db.transaction() as session:
            found = session.get_one(Campaign, campaign_id)
            sign_off.void(Act(session, self.officer, clock.now()), found, reason)

    def export(self, campaign_id: int) -> Path:
        """An evidence package."""
        key, target = secrets.signing_key(self.settings.keys), self.folder / "evidence.zip"
        zone, now = self.settings.zone, clock.now()
        evidence.export(self.db, campaign_id, target, key, zone=zone, actor=self.auditor, now=now)
        return target

    def ordered(self, account: str, folder: str, reply: Reply, by: str = "alice") -> Order:
        """A final decision of a new campaign as an order that is not begun; the order."""
        self.launched(name=f"For {account} {folder} {clock.now():%H%M%S}")
        self.decide(account, folder, reply, by=by)
        self.finish(by)
        remediation.order_final(self.db, now=clock.now())
        return self.orders()[-1]

    def run(self) -> Order:
        """One round of orders; the newest order after it."""
        execution.run_due(self.db, now=clock.now)
        return self.orders()[-1]

    def retry(self, order_id: int, actor: Actor | None = None) -> None:
        """A person puts an order back into the queue."""
        with self.db.transaction() as session:
            order = changes.order_by_id(session, order_id)
            changes.retry(Act(session, actor or self.admin, clock.now()), order)

    def order_log(self, order_id: int) -> list[tuple[OrderState, str]]:
        """The log of an order, oldest first."""
        with self.db.reading() as session:
            query = select(OrderStep.state, OrderStep.detail).where(OrderStep.order_id == order_id)
            return [(row[0], row[1]) for row in session.execute(query.order_by(OrderStep.id))]

    @property
    def head(self) -> Letterhead:
        """What mails need."""
        return Letterhead.of(self.settings)

    def app(self, **changes: Any) -> Flask:
        """The web application on this house's database."""
        made = create_app(replace(self.settings, **changes), self.db)
        made.config["TESTING"] = False
        return made

    def user(self, actor: Actor) -> Actor:
        """Lets a member of the cast sign in with PASSWORD."""
        with self.db.transaction() as session:
            users.add_user(
                Act(session, self.admin, clock.now()),
                actor.name,
                actor.name.partition("@")[0].title(),
                PASSWORD,
                actor.roles,
            )
        return actor


def _ask_when_early(session: Session, found: Campaign) -> None:
    running = found.state is CampaignState.ACTIVE
    if running and early_close.is_early(session, found, now=clock.now()):
        early_close.ask(Act(session, OTTO, clock.now()), found, "It is enough.")


def staff(email: str, *roles: Role) -> Actor:
    """Somebody with a role in Recert."""
    return Actor(email, Channel.WEB, Assurance.SIGNED_IN, roles=frozenset(roles))


OTTO = staff("otto@house.example", Role.OFFICER)
