"""The instruction for reviewers: one text for the installation, in versions. Each reviewer confirms
once per version that they have read it; evidence lists who read which version, and when."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recert.campaigns.reviewing.models import Instruction, InstructionRead
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, MovedMeanwhile, NotAllowed
from recert.people.models import Person
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST = 10_000


@dataclass(frozen=True)
class Read:
    """The newest version that somebody has read, and when they confirmed it."""

    version: int
    at: datetime


def newest(session: Session, *, until: datetime | None = None) -> Instruction | None:
    """The version that counts, now or at a moment of the past; None when there is none."""
    query = select(Instruction).order_by(Instruction.version.desc()).limit(1)
    if until is not None:
        query = query.where(Instruction.at <= until)
    return session.scalar(query)


def write(act: Act, text: str) -> Instruction:
    """A new version. Every reviewer is asked to read it."""
    act.actor.require(Role.OFFICER)
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if not 0 < len(text) <= LONGEST:
        raise BadInput(f"An instruction has 1 to {LONGEST:,} characters.")
    one_at_a_time(act.session, "instruction")
    before = newest(act.session)
    if before and before.text == text:
        raise BadInput(f"That is the text of version {before.version} already.")
    version = before.version + 1 if before else 1
    made = Instruction(version=version, text=text, by=act.actor.name, at=act.now)
    act.session.add(made)
    subject, details = f"instruction:{version}", {"version": version, "text": text}
    act.record(Action.INSTRUCTION_WRITTEN, subject, details)
    return made


def acknowledge(act: Act, version: int) -> None:
    """Records that a person has read the newest version. A second call changes nothing."""
    if act.actor.person_id is None:
        raise NotAllowed("Only reviewers are asked to read the instruction.")
    found = newest(act.session)
    if found is None or found.version != version:
        raise MovedMeanwhile("There is a newer instruction: look at it first.")
    if act.session.get(InstructionRead, (act.actor.person_id, version)):
        return
    act.session.add(InstructionRead(person_id=act.actor.person_id, version=version, at=act.now))
    person = act.session.get_one(Person, act.actor.person_id)
    subject, details = f"instruction:{version}", {"person": person.email}
    act.record(Action.INSTRUCTION_READ, subject, details)


def reads_of(session: Session, person_ids: Collection[int]) -> dict[int, Read]:
    """What each of some people has read last."""
    query = select(InstructionRead).where(InstructionRead.person_id.in_(person_ids))
    ordered = query.order_by(InstructionRead.version)
    return {one.person_id: Read(one.version, one.at) for one in session.scalars(ordered)}
