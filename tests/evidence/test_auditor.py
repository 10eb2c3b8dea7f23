"""What auditors may do, that nobody else may, and that it is in the trail and in the package."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from recert.campaigns.models import Campaign, Item
from recert.evidence.audit import findings
from recert.evidence.models import Judgement, Remark, Sample, Verdict
from recert.foundation import secrets
from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.foundation.separation import SecondPersonNeeded
from recert.trail.act import Act
from recert.trail.models import TrailEntry
from tests.evidence.conftest import INBOX, played
from tests.support import packages
from tests.support.house import House, staff
from tests.support.packages import Rows

Verb = Callable[..., Any]


def act(house: House, verb: Verb, campaign_id: int, *given: Any, actor: Actor | None = None) -> Any:
    """One use case of the auditor; what it made, detached."""
    with house.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        made = verb(Act(session, actor or house.auditor, house.now), campaign, *given)
        session.flush()
        return made


def told(house: House, action: str) -> dict[str, Any]:
    with house.db.reading() as session:
        query = select(TrailEntry.body).where(TrailEntry.action == action)
        details = json.loads(session.scalars(query).one())["details"]
        return dict(details)


class TestASample:
    def test_everybody_with_the_seed_draws_the_same(self, house: House) -> None:
        campaign = house.launched()
        sample = act(house, findings.draw_sample, campaign, 4, "seed of mine")
        with house.db.reading() as session:
            numbers = session.scalars(select(Item.id).where(Item.campaign_id == campaign)).all()
        by_hand = sorted(
            numbers, key=lambda n: hashlib.sha256(f"seed of mine:{n}".encode()).hexdigest()
        )
        assert sample.item_ids == by_hand[:4]
        assert told(house, "audit.sampled") == {
            "seed": "seed of mine",
            "size": 4,
            "items": by_hand[:4],
        }

    def test_a_new_seed_is_made_for_whoever_gives_none(self, house: House) -> None:
        campaign = house.launched()
        one, two = (act(house, findings.draw_sample, campaign, 4) for _ in range(2))
        assert one.seed != two.seed
        assert len(one.seed) == 16

    def test_more_than_there_are_is_all_of_them(self, house: House) -> None:
        assert len(act(house, findings.draw_sample, house.launched(), 25).item_ids) == 9

    def test_chance_is_fair(self) -> None:
        hits = [0] * 20
        for seed in range(2000):
            for number in findings.chosen(range(20), str(seed), 5):
                hits[number] += 1
        assert min(hits) > 420
        assert max(hits) < 580

    @pytest.mark.parametrize(
        ("size", "seed"), [(0, ""), (1001, ""), (-1, ""), (5, "x" * 101), (5, "a\nb")]
    )
    def test_a_strange_one_is_refused(self, house: House, size: int, seed: str) -> None:
        with pytest.raises(BadInput):
            act(house, findings.draw_sample, house.launched(), size, seed)

    def test_a_draft_has_nothing_to_draw_from(self, house: House) -> None:
        house.snapshot()
        with pytest.raises(findings.NotLaunched):
            act(house, findings.draw_sample, house.drafted("Spring"), 5)


class TestARemark:
    def test_it_is_kept_and_told(self, house: House) -> None:
        campaign = house.launched()
        item = house.item("pia", INBOX).id
        act(house, findings.remark, campaign, "  Ask for the contract. ", item)
        assert told(house, "audit.remarked") == {"item": item, "text": "Ask for the contract."}

    @pytest.mark.parametrize("text", ["", "  ", "x" * 4001, "a\x07b"])
    def test_an_empty_or_strange_one_is_refused(self, house: House, text: str) -> None:
        with pytest.raises(BadInput):
            act(house, findings.remark, house.launched(), text)

    def test_an_item_of_another_campaign_is_refused(self, house: House) -> None:
        first = house.launched(name="First")
        item = house.item("pia", INBOX).id
        second = house.launched(name="Second")
        assert act(house, findings.remark, first, "Fine.", item).item_id == item
        with pytest.raises(BadInput, match="does not belong"):
            act(house, findings.remark, second, "Not here.", item)


class TestAVerdict:
    def test_the_newest_counts_and_the_older_ones_stay(self, house: House) -> None:
        campaign = played(house)
        act(house, findings.judge, campaign, Judgement.REJECTED, "Two owners are missing.")
        act(house, findings.judge, campaign, Judgement.ACCEPTED)
        with house.db.reading() as session:
            found = findings.findings(session, campaign)
        assert [each.judgement for each in found.verdicts] == ["accepted", "rejected"]
        assert found.verdict
        assert found.verdict.judgement is Judgement.ACCEPTED

    def test_rejecting_needs_a_reason(self, house: House) -> None:
        with pytest.raises(BadInput, match="Say why"):
            act(house, findings.judge, played(house), Judgement.REJECTED, " ")

    def test_it_waits_for_the_sign_off(self, house: House) -> None:
        campaign = house.launched()
        with pytest.raises(findings.NotSignedOff):
            act(house, findings.judge, campaign, Judgement.ACCEPTED)

    def test_whoever_signed_off_does_not_judge(self, house: House) -> None:
        both = staff(house.officer.name, Role.OFFICER, Role.AUDITOR)
        with pytest.raises(SecondPersonNeeded):
            act(house, findings.judge, played(house), Judgement.ACCEPTED, actor=both)


class TestWhoMayNot:
    VERBS: dict[str, tuple[Verb, tuple[Any, ...]]] = {
        "sample": (findings.draw_sample, (5,)),
        "remark": (findings.remark, ("Fine.",)),
        "verdict": (findings.judge, (Judgement.ACCEPTED,)),
    }

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("who", ["officer", "admin", "alice"])
    def test_only_auditors_may(self, house: House, verb: str, who: str) -> None:
        campaign, before = played(house), house.trail_actions()
        actor = house.person("alice") if who == "alice" else getattr(house, who)
        act_of, given = self.VERBS[verb]
        with pytest.raises(NotAllowed):
            act(house, act_of, campaign, *given, actor=actor)
        assert house.trail_actions() == before

    @pytest.mark.parametrize("table", [Sample, Remark, Verdict])
    @pytest.mark.parametrize("statement", [delete, update])
    def test_nothing_is_changed_or_deleted_afterwards(
        self, house: House, table: Any, statement: Any
    ) -> None:
        campaign = played(house)
        for act_of, given in self.VERBS.values():
            act(house, act_of, campaign, *given)
        change = statement(table) if statement is delete else update(table).values(by="eve")
        with pytest.raises(DBAPIError, match="never changed"), house.db.transaction() as session:
            session.execute(change)


@pytest.fixture
def audited(house: House) -> dict[str, bytes]:
    """The contents of a package in which an auditor did everything."""
    campaign = played(house)
    act(house, findings.draw_sample, campaign, 3, "s")
    act(house, findings.remark, campaign, "Über.")
    act(house, findings.judge, campaign, Judgement.REJECTED, "Too few answers.")
    return packages.files(house.export(campaign))


class TestThePackage:
    def test_it_has_all_of_it(self, audited: dict[str, bytes]) -> None:
        made = [json.loads(line) for line in audited["auditor.jsonl"].splitlines()]
        assert [each["action"] for each in made] == [
            "audit.sampled",
            "audit.remarked",
            "audit.judged",
        ]
        assert made[2]["details"] == {"judgement": "rejected", "reason": "Too few answers."}

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda found: found.pop(), "what auditors did"),
            (lambda found: found[2]["details"].update(judgement="accepted"), "what auditors did"),
            (lambda found: found[1].update(actor="eve@x"), "what auditors did"),
        ],
    )
    def test_the_verifier_compares_it_with_the_trail(
        self, house: House, audited: dict[str, bytes], change: Callable[[Rows], Any], says: str
    ) -> None:
        packages.edit("auditor.jsonl", change)(audited)
        assert says in packages.refused(self.forged(house, audited))

    def test_the_verifier_draws_the_sample_again(
        self, house: House, audited: dict[str, bytes]
    ) -> None:
        wanted: list[int] = []

        def in_list(found: Rows) -> None:
            wanted.extend(sorted(found[0]["details"]["items"], reverse=True))
            found[0]["details"]["items"] = wanted[:2]

        def in_trail(found: Rows) -> None:
            for row in found:
                body = json.loads(row["body"])
                if body["action"] == "audit.sampled":
                    body["details"]["items"] = wanted[:2]
                    row["body"] = json.dumps(body)
            packages.rechained(found, self.key(house), audited)

        packages.edit("auditor.jsonl", in_list)(audited)
        packages.edit("trail.jsonl", in_trail)(audited)
        assert "chance drew" in packages.refused(self.forged(house, audited))

    def key(self, house: House) -> Ed25519PrivateKey:
        return secrets.signing_key(house.settings.keys)

    def forged(self, house: House, contents: dict[str, bytes]) -> Any:
        return packages.forged(house.folder / "evidence.zip", contents, self.key(house))
