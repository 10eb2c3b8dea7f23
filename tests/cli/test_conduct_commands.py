"""Remind, give away, extend and close on the command line."""

import json

from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, CampaignState
from tests.cli.conftest import Type
from tests.support.house import OTTO, House


class TestRunning:
    def test_one_reviewer_is_reminded(self, house: House, recert: Type) -> None:
        house.launched("Winter")
        line = "campaign remind Winter --reviewer alice@house.example"
        assert "1 reminders" in recert(line)
        assert "reminded today already" in recert(line, 1)
        assert "2 reminders" in recert("campaign remind Winter")  # not Alice a second time
        assert "Nobody has the address" in recert("campaign remind Winter --reviewer x@y.z", 1)

    def test_questions_go_to_somebody_else(self, house: House, recert: Type) -> None:
        house.give("pia", "/orphaned", "list")
        house.launched("Winter")
        line = "campaign reassign Winter --reason 'She is ill'"
        done = recert(f"{line} --from alice@house.example --to bob@house.example")
        assert "items go to bob@house.example" in done
        assert "2 stay where they are" in done
        recert(f"{line} --queue --to mona@house.example")
        recert(f"{line} --folder main:/sales --to mona@house.example")
        mona = house.person("mona").person_id
        assert house.item("seller", "/sales").reviewer_id == mona
        assert house.item("pia", "/orphaned").reviewer_id == mona
        assert "no folder '/nowhere'" in recert(f"{line} --folder main:/nowhere --to a@b.c", 1)
        assert "Say one of" in recert(f"{line} --queue --folder main:/sales --to a@b.c", 1)

    def test_there_is_more_time_and_a_zone(self, house: House, recert: Type) -> None:
        house.snapshot()
        launch = "campaign launch Winter --due 2026-12-01 --zone"
        assert "Asked for: 'Mars'" in recert(f"{launch} Mars", 1)
        recert(f"{launch} Asia/Tokyo")
        assert "3 mails" in recert("campaign extend Winter --due 2026-12-08 --reason Holidays")
        assert house.campaign(1).due_at.isoformat() == "2026-12-08T14:59:59+00:00"
        line = "campaign extend Winter --reason So --due"
        assert "only become later" in recert(f"{line} 2026-12-02", 1)
        assert "not a date" in recert(f"{line} soon", 1)

    def test_an_early_close_takes_two(self, house: House, recert: Type) -> None:
        house.user(house.officer)
        house.launched("Winter")
        assert "another one closes it" in recert("campaign close Winter", 4)
        house.user(OTTO)
        recert("--as otto@house.example campaign close Winter --reason Enough")
        assert "Say who you are" in recert("campaign close Winter", 4)
        again = recert("campaign close Winter --as otto@house.example", 4)
        assert "You asked to close the campaign early" in again
        assert "has the address" in recert("campaign close Winter --as nobody@house.example", 1)
        assert "is closed" in recert("campaign close Winter --as olga@house.example")
        assert house.campaign(1).state is CampaignState.CLOSING

    def test_a_question_is_put_off(self, house: House, recert: Type) -> None:
        house.snapshot()
        recert("campaign launch Winter --due 2026-12-07 --postpone-days 10")
        item = house.item("pia", "/finance/inbox").id
        line = f"postpone {item} --as alice@house.example --until"
        assert "put off until the end of 2026-12-12" in recert(f"{line} 2026-12-12")
        assert "once only" in recert(f"{line} 2026-12-13", 4)
        assert "not a date" in recert(f"{line} soon", 1)

    def test_the_instruction_and_how_reviewers_answered(self, house: House, recert: Type) -> None:
        assert "no instruction yet" in recert("instruction show", 1)
        assert "Version 1" in recert("instruction write -", stdin="Read it.")
        assert "Read it." in recert("instruction show")
        house.launched("Winter")
        assert "MEDIAN SECONDS" in recert("campaign quality Winter")
        row = recert("campaign quality Winter --json").splitlines()[0]
        assert json.loads(row)["in_bulk"] == 0

    def test_late_changes_are_findings(self, house: House, recert: Type) -> None:
        house.launched("Winter")
        house.decide("lea", "/finance", Reply(Answer.REVOKE))
        house.finish("alice")
        assert "ITEM" in recert("campaign late Winter")
        with house.later(days=2):
            assert "lea" in recert("campaign late Winter", 2)
            assert json.loads(recert("campaign late Winter --json", 2))["risk"] == "high"
