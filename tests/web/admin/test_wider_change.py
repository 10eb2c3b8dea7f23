"""The page of a change that touches more than was decided."""

from dataclasses import replace

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes.models import OrderState
from recert.connectors.contract import Cell
from recert.connectors.embedded.connector import EmbeddedConnector
from recert.connectors.rights import READ, Rights
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
