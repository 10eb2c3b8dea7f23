"""Scope, exclusions, delegations and keeps that end, on the command line."""

from sqlalchemy import select

from recert.campaigns.models import Campaign
from recert.campaigns.reviewing.models import Delegation
from recert.campaigns.setup import exclusions
from recert.campaigns.setup.scope import Holder, Scope
from recert.connectors.rights import Rights
from tests.cli.conftest import Type
from tests.support.house import House


class TestScope:
    def test_it_is_said_by_options(self, house: House, recert: Type) -> None:
        house.snapshot()
        recert("campaign launch Deleters --holder service --holder partner --right delete,share")
        with house.db.reading() as session:
            kept = Scope.of(session.scalars(select(Campaign.scope)).one())
        assert kept.holders == (Holder.SERVICE, Holder.PARTNER)
        assert kept.rights == Rights.DELETE | Rights.SHARE

    def test_a_dry_run_counts_and_keeps_nothing(self, house: House, recert: Type) -> None:
        house.snapshot()
        said = recert("campaign launch Sample --sample 2 --seed 7 --dry-run")
        assert "2 items" in said
        assert "Nothing was launched." in said
        assert "Sample" not in recert("campaign list")

    def test_nonsense_is_named(self, house: House, recert: Type) -> None:
        house.snapshot()
        assert "days up to 3650" in recert("campaign launch Odd --unused -5", 1)


class TestExclusions:
    def test_asked_listed_and_ended(self, house: House, recert: Type) -> None:
        said = recert("exclusion ask main --account batch --reason Moves --until 2026-12-31")
        assert "waits for a second person" in said
        assert "not approved" in recert("exclusion list")
        assert "is ended" in recert("exclusion end 1")
        with house.db.reading() as session:
            assert exclusions.exclusion_by_id(session, 1).ended_at
        assert "no exclusion" in recert("exclusion end 9", 1)
        assert "not a date" in recert("exclusion ask main --account b --reason x --until soon", 1)


class TestDelegations:
    def test_somebody_answers_until_a_date(self, house: House, recert: Type) -> None:
        said = recert(
            "delegate alice@house.example charlie@house.example --until 2026-12-01 --reason Away"
        )
        assert "answers for alice@house.example" in said
        with house.db.reading() as session:
            assert session.scalars(select(Delegation.reason)).all() == ["Away"]
        said = recert("delegate alice@house.example x@y.example --until 2026-12-01 --reason A", 1)
        assert "Nobody has the address 'x@y.example'." in said


def test_a_keep_until_a_date(house: House, recert: Type) -> None:
    house.launched()
    item = house.item("batch", "/finance/inbox")
    recert(f"decide {item.id} keep --as alice@house.example --until 2027-01-31")
    until = house.item("batch", "/finance/inbox").keep_until
    assert until
    assert until.date().isoformat() == "2027-01-31"


def test_emergency_accounts(house: House, recert: Type) -> None:
    house.snapshot()
    assert "Each use of it" in recert("emergency mark main batch --reason Outages")
    assert "Outages" in recert("emergency list")
    assert "like others" in recert("emergency end 1")
    assert "ended" in recert("emergency list")
