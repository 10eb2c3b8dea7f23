"""What a synchronisation would change: counted and listed before anything is written."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from recert.foundation.db import AnyRow
from recert.people.synchronisation.person_matching import Run, match_people

MOST_LISTED = 50
SMALL = 20  # below that many people a share says nothing, as for snapshots
_DIFFERENCE = """
INSERT INTO planned_change (person_id, field, before, after)
SELECT p.id, '{field}', {before}, {after} FROM staged_person s JOIN person p ON p.id = s.person_id
{join} WHERE NOT s.aside AND {differs}
"""


def _difference(field: str, before: str, after: str, differs: str, join: str = "") -> str:
    return _DIFFERENCE.format(field=field, before=before, after=after, differs=differs, join=join)


DIFFERENCES = (
    *(
        _difference(name, f"p.{name}", f"s.{name}", f"s.{name} <> p.{name}")
        for name in ("email", "name", "department", "language")
    ),
    _difference(
        "organisation",
        "o.name",
        "s.organisation",
        "s.organisation <> o.name",
        "JOIN organisation o ON o.id = p.organisation_id",
    ),
    _difference(
        "manager",
        "coalesce(b.email, '')",
        "coalesce(m.email, n.email, '')",
        "s.manager_ref IS NOT NULL AND (m.person_id IS DISTINCT FROM p.manager_id"
        " OR (m.entry IS NOT NULL AND m.person_id IS NULL))",
        "LEFT JOIN staged_person m ON m.entry = s.manager_entry"
        " LEFT JOIN person n ON n.id = m.person_id LEFT JOIN person b ON b.id = p.manager_id",
    ),
    _difference(
        "left_on",
        "coalesce(CAST(p.left_on AS TEXT), '')",
        "coalesce(CAST(s.want_left_on AS TEXT), '')",
        "s.want_left_on IS DISTINCT FROM p.left_on",
    ),
    _difference(
        "active",
        "CASE WHEN p.active THEN 'yes' ELSE 'no' END",
        "CASE WHEN s.want_active THEN 'yes' ELSE 'no' END",
        "s.want_active <> p.active",
    ),
    """
INSERT INTO planned_change (person_id, field, before, after)
SELECT l.person_id, 'active', 'yes', 'no' FROM planned_leaver l
""",
    """
INSERT INTO planned_change (person_id, field, before, after)
SELECT p.id, 'left_on', coalesce(CAST(p.left_on AS TEXT), ''), CAST(:today AS TEXT)
FROM planned_leaver l JOIN person p ON p.id = l.person_id
WHERE p.left_on IS NULL OR p.left_on <> :today
""",
    # Whoever has left gives the address up when somebody else has it now.
    """
INSERT INTO planned_change (person_id, field, before, after)
SELECT p.id, 'email', p.email, 'left-' || p.id || '@retired.invalid'
FROM person p JOIN staged_person s ON s.email = p.email AND NOT s.aside
WHERE (s.person_id IS NULL OR s.person_id <> p.id)
  AND NOT EXISTS (SELECT 1 FROM planned_change c WHERE c.person_id = p.id AND c.field = 'email')
""",
    "CREATE INDEX planned_change_person ON planned_change (person_id, field)",
)
_COUNTS = {
    "entries": "SELECT count(*) FROM staged_person",
    "new": "SELECT count(*) FROM staged_person WHERE is_new",
    "adopted": "SELECT count(*) FROM staged_person WHERE adopted AND NOT aside",
    "leaving": "SELECT count(*) FROM planned_change WHERE field = 'active' AND after = 'no'",
    "returning": "SELECT count(*) FROM planned_change WHERE field = 'active' AND after = 'yes'",
    "changed": """
SELECT count(DISTINCT c.person_id) FROM planned_change c WHERE NOT EXISTS (
    SELECT 1 FROM planned_change a WHERE a.person_id = c.person_id AND a.field = 'active')""",
    "unchanged": """
SELECT count(*) FROM staged_person s WHERE NOT s.aside AND NOT s.is_new AND NOT EXISTS (
    SELECT 1 FROM planned_change c WHERE c.person_id = s.person_id)""",
    "without_mail": "SELECT count(*) FROM staged_person WHERE aside AND problem = ''",
    "problems": "SELECT count(*) FROM staged_person WHERE problem <> ''",
    "active_before": """
SELECT count(*) FROM person p WHERE p.active AND (
    EXISTS (SELECT 1 FROM person_identity i WHERE i.person_id = p.id AND i.source = :source)
    OR EXISTS (SELECT 1 FROM staged_person s WHERE s.person_id = p.id AND s.adopted))""",
    "identities": """
SELECT count(*) FROM person_identity i WHERE i.source = :source AND (
    (i.gone_at IS NULL AND NOT EXISTS (SELECT 1 FROM staged_person s WHERE s.key = i.key))
    OR (i.gone_at IS NOT NULL AND EXISTS (SELECT 1 FROM staged_person s WHERE s.key = i.key)))""",
}
_NEW = """
SELECT s.email AS person, s.name, s.label FROM staged_person s WHERE s.is_new
ORDER BY s.entry LIMIT :most
"""
_CHANGED = """
SELECT p.email AS person, p.name, c.field, c.before, c.after
FROM planned_change c JOIN person p ON p.id = c.person_id
WHERE c.person_id IN (SELECT person_id FROM planned_change ORDER BY person_id LIMIT :most)
ORDER BY c.person_id, c.field
"""
_STATES = """
SELECT p.email AS person, p.name FROM planned_change c JOIN person p ON p.id = c.person_id
WHERE c.field = 'active' AND c.after = :after ORDER BY c.person_id LIMIT :most
"""
_PROBLEMS = """
SELECT s.label AS entry, s.problem FROM staged_person s WHERE s.problem <> ''
ORDER BY s.entry LIMIT :most
"""
_WITHOUT_MANAGER = """
SELECT s.label, s.manager_ref, s.ref FROM staged_person s
WHERE s.manager_ref <> '' AND s.manager_entry IS NULL AND NOT s.aside ORDER BY s.entry
"""


@dataclass(frozen=True)
class Plan:
    """Numbers of a planned synchronisation, and the first of each list."""

    counts: Mapping[str, int]
    warnings: tuple[str, ...] = ()
    new: tuple[Mapping[str, Any], ...] = ()
    changed: tuple[Mapping[str, Any], ...] = ()
    leaving: tuple[Mapping[str, Any], ...] = ()
    returning: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def differs(self) -> bool:
        """Whether applying it would change a person."""
        return any(self.counts[name] for name in ("new", "changed", "leaving", "returning"))

    @property
    def writes(self) -> bool:
        """Whether applying it would write anything, also what no page shows."""
        return self.differs or bool(self.counts["adopted"] or self.counts["identities"])

    def held(self, most_percent: int) -> str:
        """Why so many leavers wait for a confirmation; "" when they do not."""
        lost, before = self.counts["leaving"], self.counts["active_before"]
        much = before >= SMALL and lost * 100 > before * most_percent
        if not (much or (lost and lost == before)):
            return ""
        return f"{lost} of {before} people would leave, which is more than {most_percent} %."

    def as_json(self) -> dict[str, Any]:
        """What a page shows of it later."""
        return asdict(self)


def make(session: Session, run: Run) -> Plan:
    """Compares what is staged with the register, as sets. Reads the register and writes only to
    temporary tables."""
    match_people(session, run)
    run.execute(session, *DIFFERENCES)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ANALYZE staged_person, planned_change"))
    counts = {name: session.scalar(run.bound(query)) or 0 for name, query in _COUNTS.items()}
    return Plan(
        counts=counts,
        warnings=tuple(_manager_warnings(session)),
        new=_listed(session, _NEW),
        changed=_listed(session, _CHANGED),
        leaving=_listed(session, _STATES, after="no"),
        returning=_listed(session, _STATES, after="yes"),
        problems=_listed(session, _PROBLEMS),
    )


def _listed(session: Session, query: str, **values: str) -> tuple[Mapping[str, Any], ...]:
    rows = session.execute(text(query), {"most": MOST_LISTED, **values})
    return tuple(dict(row) for row in rows.mappings())


def _manager_warnings(session: Session) -> Iterator[str]:
    """Managers that are missing, and circles of managers: both are kept as nobody and as stated."""
    rows = session.execute(text(_WITHOUT_MANAGER)).all()
    own = [row for row in rows if row.manager_ref == row.ref]
    if missing := [row for row in rows if row.manager_ref != row.ref]:
        yield (
            f"{len(missing)} people have a manager who is no entry of this source, such as "
            f"{_named(missing)}: they have no manager in Recert."
        )
    if own:
        yield f"{len(own)} people are their own managers, such as {_named(own)}."
    for circle in circles(session):
        yield f"These people are managers of each other in a circle: {', '.join(circle)}."


def _named(rows: list[AnyRow]) -> str:
    return "; ".join(row.label for row in rows[:3])


def circles(session: Session) -> list[list[str]]:
    """Each circle of managers, by the names of its entries; the first ones only."""
    query = text("SELECT entry, manager_entry FROM staged_person WHERE manager_entry IS NOT NULL")
    manager: dict[int, int] = {row.entry: row.manager_entry for row in session.execute(query)}
    done: set[int] = set()
    found: list[list[int]] = []
    for start in manager:
        path: dict[int, None] = {}
        at: int | None = start
        while at is not None and at not in done and at not in path:
            path[at] = None
            at = manager.get(at)
        if at is not None and at in path:
            members = list(path)
            found.append(members[members.index(at) :])
        done.update(path)
    return [_labels(session, members) for members in found[:MOST_LISTED]]


def _labels(session: Session, members: list[int]) -> list[str]:
    query = text("SELECT label FROM staged_person WHERE entry = :entry")
    return [str(session.scalar(query, {"entry": one})) for one in members[:MOST_LISTED]]
