"""Rules that say who may still work here, from attributes of a directory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from recert.foundation.errors import BadInput
from recert.people.sources.ldap_values import (
    Entry,
    ValueUnusable,
    boolean,
    filetime_day,
    generalized_day,
    number,
    text_of,
)

FORM = (
    "A status rule looks like loginDisabled:boolean, userAccountControl:bit:2, "
    "loginExpirationTime:date, accountExpires:filetime or employeeStatus:values:T,Terminated; "
    ":absent=inactive and :optional may follow"
)


class StatusKind(StrEnum):
    BOOLEAN = "boolean"  # TRUE: inactive
    BIT = "bit"  # any of the bits set: inactive
    DATE = "date"  # GeneralizedTime: inactive from that day on
    FILETIME = "filetime"  # the same as 100 ns since 1601
    VALUES = "values"  # one of these texts, whatever their case: inactive


@dataclass(frozen=True)
class StatusRule:
    """One attribute and what makes a person inactive. A rule that is not optional refuses a
    directory in which no entry has the attribute: without the right to read it, everybody would
    look active."""

    attribute: str
    kind: StatusKind
    bits: int = 0
    values: frozenset[str] = frozenset()
    absent_is_inactive: bool = False
    optional: bool = False

    def state(self, entry: Entry) -> tuple[bool, date | None]:
        """Whether the entry is active by this rule alone, and its last day where it has one.
        Raises ValueUnusable."""
        found = entry.get(self.attribute.lower(), [])
        if not found:
            return not self.absent_is_inactive, None
        if self.kind is StatusKind.BOOLEAN:
            return not any(boolean(value) for value in found), None
        if self.kind is StatusKind.BIT:
            return not any(number(value) & self.bits for value in found), None
        if self.kind is StatusKind.VALUES:
            return not any(text_of(value).casefold() in self.values for value in found), None
        read = generalized_day if self.kind is StatusKind.DATE else filetime_day
        days = [day for day in map(read, found) if day is not None]
        return True, min(days, default=None)


def rules_of(text: str) -> tuple[StatusRule, ...]:
    """The rules of a setting, with semicolons between. Raises BadInput naming the rule."""
    return tuple(_rule(part.strip()) for part in text.split(";") if part.strip())


def _rule(text: str) -> StatusRule:
    attribute, _, rest = text.partition(":")
    kind, *more = (part.strip() for part in rest.split(":"))
    flags = {part for part in more if part == "optional" or part.startswith("absent=")}
    wanted = [part for part in more if part not in flags]
    absent = next((part[7:] for part in flags if part != "optional"), "active")
    try:
        rule_kind = StatusKind(kind)
        bits = int(wanted[0], 0) if rule_kind is StatusKind.BIT else 0
    except (ValueError, IndexError) as error:
        raise BadInput(f"{text!r}: {FORM}.") from error
    takes = rule_kind in (StatusKind.BIT, StatusKind.VALUES)
    values = frozenset(one.strip().casefold() for one in ",".join(wanted).split(",") if one.strip())
    is_wrong = (
        absent not in ("active", "inactive") or len(wanted) != takes or (takes and not values)
    )
    if is_wrong or not attribute.replace("-", "").isalnum() or bits < 0:
        raise BadInput(f"{text!r}: {FORM}.")
    return StatusRule(
        attribute,
        rule_kind,
        bits=bits,
        values=values if rule_kind is StatusKind.VALUES else frozenset(),
        absent_is_inactive=absent == "inactive",
        optional="optional" in flags,
    )


def status_of(entry: Entry, rules: Sequence[StatusRule]) -> tuple[bool, date | None]:
    """Whether an entry is active by all rules, and the earliest last day. Raises ValueUnusable
    naming the attribute."""
    active, last = True, None
    for rule in rules:
        try:
            is_active, day = rule.state(entry)
        except ValueUnusable as error:
            raise ValueUnusable(f"{rule.attribute}: {error}") from error
        active = active and is_active
        if day is not None and (last is None or day < last):
            last = day
    return active, last
