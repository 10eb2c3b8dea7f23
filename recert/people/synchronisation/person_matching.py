"""Which person each entry of a source is, decided before anything is compared. Set statements on
the staged rows only."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Date, String, TextClause, bindparam, text
from sqlalchemy.orm import Session

# Other sources that still state a person: they do not leave then.
ELSEWHERE = """
EXISTS (SELECT 1 FROM person_identity o JOIN people_source r ON r.name = o.source
        WHERE o.person_id = i.person_id AND o.source <> :source AND o.gone_at IS NULL
          AND r.enabled)
"""
_WITHOUT_KEY = """
UPDATE staged_person SET aside = TRUE,
    problem = CASE WHEN problem = '' THEN 'it has no stable key' ELSE problem END
WHERE key = ''
"""
_SAME_KEY = """
UPDATE staged_person SET aside = TRUE, problem = 'it has the same key as '
    || (SELECT o.label FROM staged_person o WHERE o.key = staged_person.key
        AND o.entry <> staged_person.entry ORDER BY o.entry LIMIT 1)
WHERE key <> '' AND key IN (SELECT key FROM staged_person GROUP BY key HAVING count(*) > 1)
"""
_KNOWN = """
UPDATE staged_person SET person_id = i.person_id FROM person_identity i
WHERE i.source = :source AND i.key = staged_person.key
"""
# The address of a disabled entry counts for nothing when an active one has it: somebody was hired
# again, or somebody else got the address.
_MAIL_OF_A_DISABLED_ENTRY = """
UPDATE staged_person SET email = NULL
WHERE active = FALSE AND email IN
    (SELECT email FROM staged_person WHERE NOT aside AND active = TRUE)
"""
_SAME_MAIL = """
UPDATE staged_person SET problem = 'it has the same mail address ' || email
    || ' as ' || (SELECT o.label FROM staged_person o WHERE o.email = staged_person.email
        AND o.entry <> staged_person.entry AND NOT o.aside ORDER BY o.entry LIMIT 1)
WHERE NOT aside AND email IN
    (SELECT email FROM staged_person WHERE NOT aside GROUP BY email HAVING count(*) > 1)
"""
# A statement of its own: SQLite would look for the other entry among rows that it has changed.
_NO_SHARED_MAIL = """
UPDATE staged_person SET email = NULL WHERE NOT aside AND email IN
    (SELECT email FROM staged_person WHERE NOT aside GROUP BY email HAVING count(*) > 1)
"""
# Somebody whom no entry of this source was so far. Never somebody who has left: their address may
# have gone to another person, who inherits nothing.
_ADOPTED = """
UPDATE staged_person SET adopted = TRUE, person_id = (SELECT p.id FROM person p
    WHERE p.email = staged_person.email)
WHERE person_id IS NULL AND NOT aside AND email IS NOT NULL AND EXISTS (
    SELECT 1 FROM person p WHERE p.email = staged_person.email
      AND (p.active OR staged_person.active = FALSE)
      AND NOT EXISTS (SELECT 1 FROM person_identity i
                      WHERE i.source = :source AND i.person_id = p.id))
"""
_STAGED_INDEX = "CREATE INDEX staged_person_person ON staged_person (person_id)"
_LEAVERS = f"""
INSERT INTO planned_leaver (person_id)
SELECT DISTINCT i.person_id FROM person_identity i JOIN person p ON p.id = i.person_id
WHERE i.source = :source AND p.active
  AND NOT EXISTS (SELECT 1 FROM staged_person s WHERE s.key = i.key)
  AND NOT EXISTS (SELECT 1 FROM staged_person s WHERE s.person_id = i.person_id)
  AND NOT {ELSEWHERE}
"""  # noqa: S608  # both texts stand in this module
# Of somebody who is known: a last day that nothing states stays, and ends with a return.
_STATE = """
UPDATE staged_person SET
    want_left_on = CASE
        WHEN staged_person.active = TRUE AND states_left_on THEN staged_person.left_on
        WHEN staged_person.active = TRUE THEN CASE WHEN p.active THEN p.left_on END
        WHEN staged_person.active = FALSE THEN CASE
            WHEN staged_person.left_on <= :today THEN staged_person.left_on
            WHEN p.active THEN :today
            ELSE coalesce(p.left_on, :today) END
        ELSE p.left_on END,
    want_active = CASE
        WHEN staged_person.active IS NULL THEN p.active
        WHEN staged_person.active = FALSE THEN FALSE
        WHEN states_left_on
            THEN staged_person.left_on IS NULL OR staged_person.left_on > :today
        ELSE NOT p.active OR p.left_on IS NULL OR p.left_on > :today END
FROM person p WHERE p.id = staged_person.person_id
"""
_STATE_OF_UNKNOWN = """
UPDATE staged_person SET
    want_left_on = CASE
        WHEN active = FALSE THEN CASE WHEN left_on <= :today THEN left_on ELSE :today END
        WHEN states_left_on THEN left_on END,
    want_active = CASE
        WHEN active = FALSE THEN FALSE
        ELSE NOT states_left_on OR left_on IS NULL OR left_on > :today END
WHERE person_id IS NULL
"""
# Another person holds the address and keeps it: neither can be guessed to be the other.
_TAKEN_MAIL = """
UPDATE staged_person SET email = NULL, problem = 'the mail address ' || email || ' is already that '
    || 'of the person ' || (SELECT p.name FROM person p WHERE p.email = staged_person.email)
WHERE NOT aside AND email IS NOT NULL AND EXISTS (
    SELECT 1 FROM person p LEFT JOIN staged_person h ON h.person_id = p.id AND NOT h.aside
    WHERE p.email = staged_person.email
      AND (staged_person.person_id IS NULL OR p.id <> staged_person.person_id)
      AND NOT (h.email IS NOT NULL AND h.email <> p.email)
      AND coalesce(h.want_active, p.active)
      AND NOT EXISTS (SELECT 1 FROM planned_leaver l WHERE l.person_id = p.id))
"""
_INCOMPLETE = """
UPDATE staged_person SET aside = TRUE
WHERE person_id IS NULL AND (email IS NULL OR name IS NULL)
"""
_NEW = "UPDATE staged_person SET is_new = TRUE WHERE person_id IS NULL AND NOT aside"
_MANAGERS = """
UPDATE staged_person SET manager_entry = (SELECT min(m.entry) FROM staged_person m
    WHERE m.ref = staged_person.manager_ref AND m.entry <> staged_person.entry
      AND (m.person_id IS NOT NULL OR NOT m.aside))
WHERE manager_ref <> ''
"""

_WHO = (
    *(_WITHOUT_KEY, _SAME_KEY, _KNOWN, _MAIL_OF_A_DISABLED_ENTRY, _SAME_MAIL, _NO_SHARED_MAIL),
    *(_ADOPTED, _STAGED_INDEX, _LEAVERS, _STATE, _STATE_OF_UNKNOWN),
)
_REST = (_INCOMPLETE, _NEW, _MANAGERS)


@dataclass(frozen=True)
class Run:
    """What the statements of one run are about."""

    source: str
    fallback_organisation: str
    today: date

    def execute(self, session: Session, *statements: str) -> None:
        """Runs statements in their order, each with what it names of the run."""
        for statement in statements:
            session.execute(self.bound(statement))

    def bound(self, statement: str) -> TextClause:
        """A statement with the values of this run."""
        values = {
            "source": self.source,
            "organisation": self.fallback_organisation,
            "today": self.today,
        }
        used = [
            bindparam(name, value, type_=Date() if name == "today" else String())
            for name, value in values.items()
            if f":{name}" in statement
        ]
        return text(statement).bindparams(*used)


def match_people(session: Session, run: Run) -> None:
    """Finds the person of each staged entry, sets aside what contradicts itself, and notes who is
    missing."""
    run.execute(session, *_WHO)
    # An address that its holder cannot give up keeps others from moving as well.
    while getattr(session.execute(run.bound(_TAKEN_MAIL)), "rowcount", 0):
        pass
    run.execute(session, *_REST)
