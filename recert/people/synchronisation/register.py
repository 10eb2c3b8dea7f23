"""The sources of people: add, list, switch on and off, remove, confirm what one holds back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from recert.connectors.contract import ConnectorError
from recert.connectors.file_store import read_bytes
from recert.foundation.actor import Role
from recert.foundation.db import one_at_a_time
from recert.foundation.errors import BadInput, NotFound, RefusedByPolicy
from recert.people.sources.ldap import LdapPeople, refuse_without_password
from recert.people.sources.ldap_profiles import settings_of
from recert.people.synchronisation.models import (
    LONGEST_NAME,
    RegisteredSource,
    SourceRequest,
    SourceState,
)
from recert.trail.act import Act
from recert.trail.actions import Action

LDAP = "ldap"
MOST_LOST_PERCENT = 10


class NoSuchSource(NotFound):
    """There is no such source of people. `recert people source list` shows them."""


class NothingHeld(RefusedByPolicy):
    """This source holds nothing back, so there is nothing to confirm."""


@dataclass(frozen=True)
class NewSource:
    """What an administrator states about a directory."""

    name: str
    settings: dict[str, str]
    secret_file: str
    enabled: bool = True
    most_lost_percent: int = MOST_LOST_PERCENT
    kind: str = field(default=LDAP)


def save(act: Act, new: NewSource) -> RegisteredSource:
    """Adds a source, or gives an existing one other settings. The secret itself is not kept, only
    where it lies. Raises BadInput naming what is wrong."""
    act.actor.require(Role.ADMINISTRATOR)
    name = new.name.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME or name == "csv":
        raise BadInput(f"A source needs a name of at most {LONGEST_NAME} printable characters.")
    settings_of(new.settings)
    if not Path(new.secret_file).is_absolute():
        raise BadInput("The secret file needs its full path, such as /etc/recert/ldap.")
    if not 0 <= new.most_lost_percent <= 100:
        raise BadInput("The share of people who may leave at once is a number from 0 to 100.")
    one_at_a_time(act.session, "people sources")
    source = act.session.scalar(select(RegisteredSource).where(RegisteredSource.name == name))
    if source is None:
        source = RegisteredSource(
            name=name,
            state=SourceState.NEVER_RUN,
            problem="",
            counts={},
            warnings=[],
            cursor="",
            confirmed_by="",
        )
        act.session.add(source)
    source.kind, source.settings, source.secret_file = new.kind, dict(new.settings), new.secret_file
    source.enabled, source.most_lost_percent = new.enabled, new.most_lost_percent
    act.session.flush()
    details = {
        "name": name,
        "kind": new.kind,
        "settings": dict(new.settings),
        "secret_file": new.secret_file,
        "enabled": new.enabled,
        "most_lost_percent": new.most_lost_percent,
    }
    act.record(Action.PEOPLE_SOURCE_SAVED, source.ref, details)
    return source


def enable(act: Act, source: RegisteredSource, enabled: bool) -> None:
    """Lets the worker synchronise a source, or stops it."""
    act.actor.require(Role.ADMINISTRATOR)
    source.enabled = enabled
    details = {"name": source.name, "enabled": enabled}
    act.record(Action.PEOPLE_SOURCE_SAVED, source.ref, details)


def remove(act: Act, name: str) -> None:
    """Forgets a source. Its people stay as they are, and a source of the same name recognises them
    again."""
    act.actor.require(Role.ADMINISTRATOR)
    source = named(act.session, name)
    ref, details = source.ref, {"name": source.name, "kind": source.kind}
    act.session.execute(delete(SourceRequest).where(SourceRequest.source_id == source.id))
    act.session.delete(source)
    act.session.flush()
    act.record(Action.PEOPLE_SOURCE_REMOVED, ref, details)


def confirm(act: Act, source: RegisteredSource) -> int:
    """A person confirms the leavers that a source holds back: the next run applies them, unless
    they have become more. Returns how many."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    if source.state is not SourceState.HELD:
        raise NothingHeld(f"Source: {source.name}.")
    lost = int(source.counts.get("leaving", 0))
    source.confirmed_lost, source.confirmed_by = lost, act.actor.name
    source.wanted_at = act.now
    details = {"name": source.name, "leaving": lost, "problem": source.problem}
    act.record(Action.PEOPLE_SOURCE_CONFIRMED, source.ref, details)
    return lost


def want_run(act: Act, source: RegisteredSource) -> None:
    """Asks the worker to synchronise a source now instead of at its time."""
    act.actor.require(Role.ADMINISTRATOR)
    source.wanted_at = act.now
    act.record(Action.PEOPLE_SOURCE_RUN_ASKED, source.ref, {"name": source.name})


def all_sources(session: Session) -> Sequence[RegisteredSource]:
    """Every source, by name."""
    return session.scalars(select(RegisteredSource).order_by(RegisteredSource.name)).all()


def named(session: Session, name: str) -> RegisteredSource:
    """One source. Raises NoSuchSource."""
    found = session.scalar(select(RegisteredSource).where(RegisteredSource.name == name))
    if found is None:
        raise NoSuchSource(f"Asked for: {name!r}.")
    return found


def numbered(session: Session, number: int) -> RegisteredSource:
    """One source by its number. Raises NoSuchSource."""
    found = session.get(RegisteredSource, number)
    if found is None:
        raise NoSuchSource
    return found


def opened(source: RegisteredSource) -> LdapPeople:
    """The source, ready to be read. Raises BadInput for its settings and its secret file."""
    settings = settings_of(source.settings)
    try:
        secret = read_bytes(Path(source.secret_file)).decode("utf-8", "replace").strip("\r\n")
    except ConnectorError as error:
        raise BadInput(
            f"The secret file {source.secret_file} cannot be read by the user who runs Recert: "
            "check its path and its owner."
        ) from error
    refuse_without_password(secret)
    return LdapPeople(settings, secret)
