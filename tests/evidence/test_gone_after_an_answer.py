"""Access that vanished after it was answered and before the answer was final."""

import pytest

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, ItemState
from recert.evidence import verifier
from tests.evidence.edited import INBOX
from tests.support import packages
from tests.support.house import House


@pytest.mark.parametrize("answer", [Answer.REVOKE, Answer.KEEP])
def test_the_lists_do_not_contradict_each_other(house: House, answer: Answer) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, Reply(answer, reason="Over."))
    house.give("pia", INBOX)
    house.snapshot()
    house.refresh()
    said = f"Gone before the answer ({answer.value}) was final: it does not count."
    assert (house.item("pia", INBOX).state, house.item("pia", INBOX).outcome) == (
        ItemState.GONE,
        said,
    )
    package = house.export(campaign)
    verifier.check(str(package))
    contents = packages.files(package)
    (made,) = packages.rows(contents["decisions.csv"])
    assert (made["answer"], made["counts"]) == (answer.value, "no")
    for name in ("items.csv", "annex/items.csv"):
        (row,) = [row for row in packages.rows(contents[name]) if row["account"] == "pia"]
        assert (row["answer"], row["outcome"]) == ("", said)


def test_only_the_answer_that_counts_is_marked(house: House) -> None:
    campaign = house.launched()
    house.decide("pia", INBOX, Reply(Answer.KEEP))
    house.decide("pia", INBOX, Reply(Answer.REVOKE, reason="Over."))
    contents = packages.files(house.export(campaign))
    rows = packages.rows(contents["decisions.csv"])
    assert [(row["answer"], row["counts"]) for row in rows] == [("keep", "no"), ("revoke", "yes")]
