"""The page of a change that touches more than was decided."""

from dataclasses import replace

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes import requests
from recert.changes.models import OrderState
from recert.connectors.changes import JoinGroup
from recert.connectors.contract import Cell
from recert.connectors.embedded.connector import EmbeddedConnector
from recert.connectors.rights import READ, Rights
from recert.foundation import clock
from recert.inventory.models import Server
from recert.trail.act import Act
from tests.support.browser import Visitor, visible
from tests.support.house import House


@pytest.fixture
def waiting(house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page's path; the plan touches Bob as well."""
    plain = EmbeddedConnector.plan
    cell = Cell("bob", "/finance", READ, Rights.NONE)
    monkeypatch.setattr(
        EmbeddedConnector,
        "plan",
        lambda self, change: replace(plain(self, change), side_effects=(cell,)),
    )
    house.ordered("pia", "/finance/inbox", Reply(Answer.REVOKE))
    return f"/orders/{house.run().id}"


def test_it_shows_what_else_it_touches_before_anybody_decides(
    officer: Visitor, auditor: Visitor, waiting: str
) -> None:
    page = visible(officer.get(waiting))
    assert "Side effects" in page
    assert "bob /finance list, download no access" in " ".join(page.split())
    assert "Apply with all side effects" in page
    assert "Apply with all side effects" not in visible(auditor.get(waiting))


def test_the_button_approves_it(house: House, officer: Visitor, waiting: str) -> None:
    officer.get(waiting)
    officer.post(f"{waiting}/approve")
    assert "Approved by olga@house.example" in visible(officer.get(waiting))
    assert house.run().state is OrderState.VERIFIED


def test_twice_is_refused_in_words(officer: Visitor, waiting: str) -> None:
    officer.get(waiting)
    officer.post(f"{waiting}/approve")
    assert "cannot be approved" in visible(officer.post(f"{waiting}/approve", 409))


def test_it_shows_what_a_change_opens(house: House, auditor: Visitor) -> None:
    house.snapshot()
    with house.db.transaction() as session:
        act = Act(session, house.admin, clock.now())
        server = session.get_one(Server, house.server_id)
        joins = JoinGroup("seller", "finance")
        requests.request(act, "test:1", server, joins, reason="Asked for by a test.")
    page = " ".join(visible(auditor.get(f"/orders/{house.run().id}")).split())
    assert "What the account can do more" in page
    assert "seller /finance no access list, download" in page
    assert "Side effects" not in page
