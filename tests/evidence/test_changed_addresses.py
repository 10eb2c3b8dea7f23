"""A directory gives people other mail addresses after a review was signed: its package still
verifies, because it shows the addresses of then."""

from recert.evidence import verifier
from tests.evidence import edited
from tests.support.directory import Someone
from tests.support.house import House
from tests.support.people import joined

NAMES = ("alice", "bob", "charlie", "mona")


def test_a_package_verifies_after_everybody_got_another_address(house: House) -> None:
    campaign = edited.signed_off(house)
    people = [
        Someone(name.title(), f"{name}@house.example", more={"loginDisabled": "FALSE"})
        for name in NAMES
    ]
    with joined(house, people) as found:
        found.sync()
        verifier.check(str(house.export(campaign)))
        for name in NAMES:
            found.server.change(name.title(), mail=f"{name}.new@house.example")
        with house.later(days=30):
            assert found.sync().plan.counts["changed"] == len(NAMES)
        verifier.check(str(house.export(campaign)))
