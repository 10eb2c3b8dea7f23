"""What became of live sessions stands in the log of a change, and in the trail."""

import json

import pytest
from sqlalchemy import select

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer
from recert.changes import queries
from recert.connectors.contract import Plan
from recert.connectors.embedded.connector import EmbeddedConnector
from recert.trail.models import TrailEntry
from tests.support.house import House


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (True, "The server took the change. Its live sessions were ended."),
        (False, "The server took the change. It had no live session."),
        (None, "The server took the change."),
    ],
)
def test_they_are_named_with_the_time(
    house: House, monkeypatch: pytest.MonkeyPatch, ended: bool | None, said: str
) -> None:
    really = EmbeddedConnector.apply

    def apply(connector: EmbeddedConnector, plan: Plan) -> bool | None:
        really(connector, plan)
        return ended

    monkeypatch.setattr(EmbeddedConnector, "apply", apply)
    house.launched()
    house.decide("pia", "/finance/inbox", Reply(Answer.REVOKE))
    house.finish("alice")
    house.carry_out()
    with house.db.reading() as session:
        steps = [step.detail for step in queries.steps(session, 1)]
        query = select(TrailEntry.body).where(TrailEntry.action == "order.applied")
        body = json.loads(session.scalars(query).one())
    assert said in steps
    assert body["details"]["live_sessions_ended"] is ended
