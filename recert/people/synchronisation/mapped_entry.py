"""What the mapping of a source makes of one entry, for whoever sets it up."""

from datetime import date

from recert.people.sources.contract import UNSTATED
from recert.people.sources.ldap import LdapPeople


def looked_up(people: LdapPeople, text: str) -> dict[str, str]:
    """What the mapping makes of one entry, field by field, as text; without "entry" when there is
    none. Raises DirectoryUnreadable."""
    found = people.look_up(text)
    if not found:
        return {"found": f"No entry has {text!r} as mail address, cn, uid or workforceID."}
    fact, entry = found[0]
    left_on = fact.left_on if isinstance(fact.left_on, date) else None
    shown = {
        "entry": fact.label,
        "key": fact.key,
        "email": fact.email,
        "name": fact.name,
        "organisation": fact.organisation or f"{people.settings.organisation} (of the source)",
        "department": _as_text(fact.department),
        "manager": _as_text(fact.manager_ref),
        "language": _as_text(fact.language),
        "active": _as_text(fact.active).replace("True", "yes").replace("False", "no"),
        "last day": left_on.isoformat() if left_on else "none",
        "problem": fact.problem or "none",
        "attributes": ", ".join(sorted(entry)),
    }
    more = "Another entry fits as well." if len(found) > 1 else ""
    return {**shown, "also": more} if more else shown


NOT_STATED = "not stated: stays as it is"


def _as_text(value: object) -> str:
    return NOT_STATED if value is UNSTATED else str(value) or "none"
