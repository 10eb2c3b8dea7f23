"""The orders of one run share one survey, which stays equal to a fresh one; others still win."""

import subprocess
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from recert.changes import execution, requests
from recert.changes.models import Order, OrderState
from recert.connectors.changes import CloseAccount, SetRights
from recert.connectors.contract import Connector, EditedByOthers
from recert.connectors.posix import memory
from recert.connectors.posix.permissions import scan
from recert.connectors.rights import READ, Rights
from recert.foundation import clock, failpoints
from recert.inventory import service as inventory
from recert.inventory import snapshots
from recert.inventory.models import Account, Folder, Grant
from recert.trail.act import Act
from tests.daemons.differential import everything
from tests.daemons.residents import HASH
from tests.daemons.test_robustness import Site
from tests.daemons.worlds import Ground
from tests.support.house import House

pytestmark = pytest.mark.daemon


@pytest.fixture
def site() -> Iterator[Site]:
    with Ground.of("openssh", 1) as ground:
        yield Site(ground)


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each walk over all folders of the machine."""
    done: list[str] = []
    real = scan._scanned

    def counted(host, roots, also, keep_names):  # type: ignore[no-untyped-def]
        done.append(host.title)
        return real(host, roots, also, keep_names)

    monkeypatch.setattr(scan, "_scanned", counted)
    return done


def known(connector: Connector, site: Site) -> dict[str, object]:
    return everything(connector, {site.anna.name, site.ben.name})


class TestTheSharedSurvey:
    def test_stays_equal_to_a_fresh_one_through_all_kinds_of_edits(
        self, site: Site, walks: list[str]
    ) -> None:
        inbox, below = str(site.inbox), str(site.below)
        edits = [
            SetRights(site.anna.name, inbox, READ),
            SetRights(site.ben.name, below, Rights.NONE),
            SetRights(site.ben.name, inbox, Rights.NONE),
            SetRights(site.anna.name, below, Rights.LIST),
            CloseAccount(site.anna.name),
        ]
        with site.connector().for_one_run() as run:
            for change in edits:
                plan = run.plan(change)
                assert (plan.before, plan.after) == _native(site.connector().plan(change))
                run.apply(plan)
                mine = len(walks)
                kept = known(run, site)
                assert len(walks) == mine  # from what the run knows
                assert kept == known(site.connector(), site)

    def test_an_undo_is_noticed_too(self, site: Site) -> None:
        with site.connector().for_one_run() as run:
            before = known(run, site)
            plan = run.plan(SetRights(site.anna.name, str(site.inbox), Rights.NONE))
            run.apply(plan)
            assert known(run, site) != before
            run.apply(run.undo_plan(plan))
            assert known(run, site) == before == known(site.connector(), site)

    def test_is_read_anew_when_it_is_old(
        self, site: Site, walks: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with site.connector().for_one_run() as run:
            run.read()
            run.read()
            assert len(walks) == 1
            monkeypatch.setattr(memory, "OLDEST", 0.0)
            run.read()
            assert len(walks) == 2

    def test_somebody_elses_edit_of_the_same_folder_wins(self, site: Site) -> None:
        with site.connector().for_one_run() as run:
            run.read()
            subprocess.run(["setfacl", "-m", "u:4711:rwx", str(site.inbox)], check=True)
            plan = run.plan(SetRights(site.anna.name, str(site.inbox), Rights.NONE))
            assert "4711" in plan.before  # what is edited is always looked at anew
            subprocess.run(["setfacl", "-m", "u:4712:rwx", str(site.inbox)], check=True)
            seen = site.acls()
            with pytest.raises(EditedByOthers):
                run.apply(plan)
            assert site.acls() == seen
            assert known(run, site) == known(site.connector(), site)

    @pytest.mark.parametrize("place", ["inbox", "way", "file"])
    def test_an_edit_on_the_way_to_a_folder_is_noticed(self, site: Site, place: str) -> None:
        paths = {"inbox": site.inbox, "way": site.ground.root, "file": site.inbox / "file 1"}
        with site.connector().for_one_run() as run:
            run.read()
            subprocess.run(["setfacl", "-m", f"u:{site.anna.uid}:r", str(paths[place])], check=True)
            run.notice_edits(str(site.inbox))
            assert known(run, site) == known(site.connector(), site)

    def test_an_edit_of_the_configuration_is_noticed_after_a_while(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, walks: list[str]
    ) -> None:
        monkeypatch.setattr(memory, "OLDEST_FACTS", 0.0)
        monkeypatch.setattr(memory, "TIMES", 0)
        with site.connector().for_one_run() as run:
            before = known(run, site)
            text = site.config.read_text()
            site.config.write_text(f"DenyUsers {site.ben.name}\n{text}")
            assert known(run, site) != before
            assert len(walks) == 1
            assert known(run, site) == known(site.connector(), site)


def _native(plan: object) -> tuple[str, str]:
    return plan.before, plan.after  # type: ignore[attr-defined]


class Office:
    """A real tree of many folders that an sshd serves, known to a house."""

    def __init__(self, house: House, site: Site, folders: int, users: int) -> None:
        self.house, self.site = house, site
        for number in range(folders):
            folder = site.inbox / f"folder {number}"
            folder.mkdir()
            folder.chmod(0o777 if number % 2 else 0o755)
        self.users = [
            site.ground.new_user(f"user{number}", site.ground.root, password=HASH)
            for number in range(users)
        ]
        settings = {
            "config": str(site.config),
            "root": str(site.widest),
            "prefix": site.connector()._settings["prefix"],  # type: ignore[attr-defined]
        }
        with house.db.transaction() as session:
            server = inventory.add_server(
                Act(session, house.admin, house.now), "sftp", "openssh", settings
            )
            inventory.enable_writes(Act(session, house.admin, house.now), server, True)
            self.server_id = server.id
        taken = snapshots.take(house.db, self.server_id, actor=house.admin, now=clock.now)
        assert taken.reason == ""

    def order_all(self) -> int:
        """One order for each grant of the users; how many."""
        names = [user.name for user in self.users]
        query = (
            select(Grant.account_id, Grant.folder_id, Grant.rights, Account.name, Folder.path)
            .join(Account, Account.id == Grant.account_id)
            .join(Folder, Folder.id == Grant.folder_id)
            .where(Grant.server_id == self.server_id, Account.name.in_(names))
            .where(Folder.path.like(f"{self.site.inbox}/folder %"))
            .order_by(Folder.path.desc(), Account.name)
        )
        at, who = self.house.now, self.house.admin
        with self.house.db.transaction() as session:
            rows = session.execute(query).all()
            for row in rows:
                origin = f"test:{row.name}:{row.path}"
                requests.propose(Act(session, who, at), origin, *row[:3], 0)
        return len(rows)


class TestOrdersOfOneRun:
    def test_are_planned_from_one_survey_and_verified_by_a_second(
        self, house: House, site: Site, walks: list[str]
    ) -> None:
        office = Office(house, site, folders=10, users=4)
        count = office.order_all()
        assert count >= 20
        walks.clear()
        assert execution.run_server(house.db, office.server_id, now=clock.now) == count
        assert {order.state for order in house.orders()} == {OrderState.VERIFIED}
        assert len(walks) == 2

    def test_the_second_survey_sees_what_others_gave_back(self, house: House, site: Site) -> None:
        office = Office(house, site, folders=4, users=2)
        office.order_all()
        mine = next(one for one in house.orders() if one.account == office.users[0].name)

        def give_back() -> None:
            entry = f"u:{office.users[0].uid}:rwx"
            subprocess.run(["setfacl", "-m", entry, mine.folder], check=True)

        with failpoints.armed("before verify", give_back):
            execution.run_server(house.db, office.server_id, now=clock.now)
        states = {order.id: order.state for order in house.orders()}
        assert states.pop(mine.id) is OrderState.STILL_REACHABLE
        assert set(states.values()) == {OrderState.VERIFIED}

    def test_rights_that_changed_in_the_middle_of_a_run_are_a_conflict(
        self, house: House, site: Site
    ) -> None:
        office = Office(house, site, folders=4, users=2)
        office.order_all()
        last = house.orders()[-1]
        begun: list[bool] = []

        def change_another() -> None:
            if not begun:
                begun.append(True)
                entry = f"u:{_uid(office, last)}:-wx"
                subprocess.run(["setfacl", "-m", entry, last.folder], check=True)

        with failpoints.armed("plan written", change_another):
            execution.run_server(house.db, office.server_id, now=clock.now)
        found = house.orders()[-1]
        entry = subprocess.run(
            ["getfacl", "-nc", last.folder], capture_output=True, text=True, check=True
        ).stdout
        assert found.state is OrderState.CONFLICT, (found.explanation, entry)
        assert f"user:{_uid(office, last)}:-wx" in entry


def _uid(office: Office, order: Order) -> int:
    return next(user.uid for user in office.users if user.name == order.account)
