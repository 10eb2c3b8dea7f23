"""Audit criterion A11: the instruction for reviewers, its versions, and who read which when."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from recert.campaigns.reviewing import instructions
from recert.campaigns.reviewing.instructions import LONGEST, Read
from recert.campaigns.reviewing.models import Instruction, InstructionRead
from recert.foundation import clock
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, MovedMeanwhile, NotAllowed
from recert.trail.act import Act
from tests.support.house import NOON, House


def write(house: House, text: str = "Ask yourself: who needs it?", by: Actor | None = None) -> int:
    with house.db.transaction() as session:
        who = by or house.officer
        return instructions.write(Act(session, who, clock.now()), text).version


def read(house: House, version: int, by: str = "alice") -> None:
    with house.db.transaction() as session:
        actor = house.person(by)
        instructions.acknowledge(Act(session, actor, clock.now()), version)


class TestWriting:
    def test_each_change_is_a_new_version_in_the_trail(self, house: House) -> None:
        assert [write(house), write(house, "Another text.")] == [1, 2]
        assert house.trail_actions()[-2:] == ["instruction.written"] * 2
        with house.db.reading() as session:
            found = instructions.newest(session)
        assert found
        assert (found.version, found.text, found.by) == (2, "Another text.", house.officer.name)

    def test_what_makes_no_sense_is_refused(self, house: House) -> None:
        write(house)
        for text in ("", " \n ", "x" * (LONGEST + 1), "Ask yourself: who needs it?\n"):
            with pytest.raises(BadInput):
                write(house, text)
        with pytest.raises(NotAllowed):
            write(house, "Mine.", by=house.admin)

    def test_no_version_is_changed_or_deleted(self, house: House) -> None:
        write(house)
        read(house, 1)
        for table in (Instruction, InstructionRead):
            for act in (update(table).values(version=7), delete(table)):
                with pytest.raises(DBAPIError), house.db.transaction() as session:
                    session.execute(act)


class TestReading:
    def test_it_is_said_once_for_each_version(self, house: House) -> None:
        write(house)
        read(house, 1)
        before = house.trail_actions()
        with house.later(days=1):
            read(house, 1)
        assert house.trail_actions() == before
        alice = house.person("alice").person_id or 0
        with house.db.reading() as session:
            assert instructions.reads_of(session, [alice, 999]) == {alice: Read(1, NOON)}

    def test_only_the_newest_can_be_read(self, house: House) -> None:
        with pytest.raises(MovedMeanwhile):
            read(house, 1)
        write(house)
        write(house, "Another text.")
        with pytest.raises(MovedMeanwhile, match="newer instruction"):
            read(house, 1)

    def test_only_reviewers_are_asked(self, house: House) -> None:
        write(house)
        with house.db.transaction() as session, pytest.raises(NotAllowed):
            instructions.acknowledge(Act(session, house.officer, NOON), 1)
