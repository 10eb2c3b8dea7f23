"""A schedule asks about less than everything, each time with a sample of its own."""

from datetime import time, timedelta

from sqlalchemy import select

from recert.campaigns.models import Campaign
from recert.campaigns.schedule import runner, service
from recert.campaigns.schedule.service import Wanted
from recert.campaigns.setup.scope import Scope
from recert.connectors.rights import Rights
from recert.trail.act import Act
from tests.support.house import House


def test_its_campaigns_take_its_scope(house: House) -> None:
    house.snapshot()
    first = (house.now + timedelta(days=1)).date()
    scope = Scope(rights=Rights.DELETE, sample=5, seed=1)
    wanted = Wanted(
        "Deleters", "monthly", first, time(8), "UTC", [house.server_id], scope=scope
    )  # fmt: skip
    with house.db.transaction() as session:
        service.add(Act(session, house.officer, house.now), wanted)
    with house.later(days=1):
        assert runner.launch_due(house.db, now=house.now) == 1
    with house.db.reading() as session:
        kept = Scope.of(session.scalars(select(Campaign.scope)).one())
    assert (kept.rights, kept.sample) == (Rights.DELETE, 5)
    assert kept.seed == first.toordinal()
