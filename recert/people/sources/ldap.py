"""Persons from an LDAP directory: eDirectory, Active Directory, OpenLDAP and what is like them."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

from ldap.filter import filter_format

from recert.connectors.contract import Check
from recert.foundation.errors import BadInput
from recert.foundation.settings import LANGUAGES
from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError
from recert.people.sources.contract import UNSTATED, PersonFact, Unstated
from recert.people.sources.ldap_connection import Directory, DirectoryUnreadable
from recert.people.sources.ldap_profiles import LdapSettings
from recert.people.sources.ldap_status import status_of
from recert.people.sources.ldap_values import (
    Entry,
    ValueUnusable,
    dn_key,
    first_text,
    key_of,
)


class StatusUnreadable(DirectoryUnreadable):
    """The directory shows a status attribute on no entry at all, so nothing was changed: without it
    everybody would look active."""


class NobodyThere(DirectoryUnreadable):
    """The directory shows no entry at all, so nothing was changed."""


class LdapPeople:
    """The people below one base. `warnings` is filled while `persons` is read to its end."""

    def __init__(self, settings: LdapSettings, password: str) -> None:
        self.settings, self._password = settings, password
        self.warnings: list[str] = []

    @property
    def states_last_day(self) -> bool:
        """Whether a rule speaks of a last day, so that its absence states that there is none."""
        return any(rule.kind in ("date", "filetime") for rule in self.settings.rules)

    def persons(self) -> Iterator[PersonFact]:
        """Every person, page by page. Raises DirectoryUnreadable; then what came so far is not to
        be used."""
        present: Counter[str] = Counter()
        count = 0
        with Directory(self.settings, self._password) as directory:
            for count, (name, entry) in enumerate(directory.people(), start=1):
                present.update(
                    rule.attribute
                    for rule in self.settings.rules
                    if rule.attribute.lower() in entry
                )
                yield self.fact(count, name, entry)
            continuations = directory.continuations
        self._check_visible(count, present, continuations)

    def _check_visible(self, count: int, present: Counter[str], continuations: int) -> None:
        settings = self.settings
        if not count:
            raise NobodyThere(
                f"Check base {settings.base!r}, filter {settings.filter!r}, and what "
                f"{settings.bind_dn} may read."
            )
        for rule in settings.rules:
            if present[rule.attribute]:
                continue
            if not rule.optional:
                raise StatusUnreadable(_unreadable(rule.attribute, settings))
            self.warnings.append(
                f"No entry shows {rule.attribute}. If some have it, {settings.bind_dn} lacks the "
                "right to read it."
            )
        if continuations:
            self.warnings.append(
                f"{continuations} parts of {settings.base} lie on other servers and were not read."
            )

    def fact(self, number: int, name: str, entry: Entry) -> PersonFact:
        """What the mapping makes of one entry; what cannot be used stands in `problem`."""
        reader = _Reader(entry, self.settings)
        active, last_day = reader.status()
        return PersonFact(
            entry=number,
            label=name,
            ref=reader.name_key(name),
            key=reader.key(),
            email=reader.email(),
            name=reader.text("name"),
            organisation=reader.text("organisation"),
            department=reader.stated("department"),
            manager_ref=reader.manager(),
            language=reader.language(),
            active=active,
            left_on=last_day if self.states_last_day else UNSTATED,
            problem="; ".join(reader.problems),
        )

    def look_up(self, value: str) -> list[tuple[PersonFact, Entry]]:
        """The entries with this mail address, name or key, at most two, each with its values."""
        names = [*self.settings.attributes["email"], "cn", "uid", "workforceID"]
        condition = "(|" + "".join(filter_format(f"({one}=%s)", [value]) for one in names) + ")"
        with Directory(self.settings, self._password) as directory:
            found = directory.look_up(condition)
        return [
            (self.fact(number, name, entry), entry)
            for number, (name, entry) in enumerate(found, start=1)
        ]

    def checks(self) -> Iterator[Check]:
        """Named tests from the connection to the rights of the account; stops after the first that
        failed."""
        settings = self.settings
        try:
            with Directory(settings, self._password) as directory:
                yield Check("connection and sign-in", True)
                found = directory.look_up("(objectClass=*)", most=20)
                if not found:
                    why = f"Nobody below {settings.base!r} fits {settings.filter!r}."
                    yield Check("people", False, why, "Check base, filter and rights.")
                    return
                yield Check("people", True)
                facts = [self.fact(at, *one) for at, one in enumerate(found, start=1)]
                yield _some_have("stable key", [one.key for one in facts], settings, "key")
                yield _some_have("mail address", [one.email for one in facts], settings, "email")
                for rule in settings.rules:
                    is_fine = rule.optional or directory.is_set_anywhere(rule.attribute)
                    why = "" if is_fine else _unreadable(rule.attribute, settings)
                    yield Check(f"status {rule.attribute}", is_fine, why, RIGHT if why else "")
        except DirectoryUnreadable as error:
            yield Check("directory", False, str(error), "Correct what is named and test again.")


RIGHT = "Give the account the right to read the attribute."


def _unreadable(attribute: str, settings: LdapSettings) -> str:
    return (
        f"Give {settings.bind_dn} the right to read {attribute}; or, if really nobody has it, add "
        f":optional to the rule of {attribute} in status."
    )


def _some_have(what: str, values: list[str], settings: LdapSettings, mapped: str) -> Check:
    names = " ".join(settings.attributes[mapped])
    why = "" if any(values) else f"None of {len(values)} entries has one in {names}."
    return Check(what, not why, why, f"Map another attribute with map.{mapped}." if why else "")


class _Reader:
    """One entry, field by field; a field that cannot be used is noted and counts as not stated."""

    def __init__(self, entry: Entry, settings: LdapSettings) -> None:
        self._entry, self._settings = entry, settings
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        """The text of a mapped field, "" when it is absent or cannot be used."""
        try:
            return first_text(self._entry, self._settings.attributes[name])
        except ValueUnusable as error:
            self.problems.append(f"{name}: {error}")
            return ""

    def stated(self, name: str) -> str | Unstated:
        """A field that may be empty; not stated when nothing is mapped to it."""
        if not self._settings.attributes[name]:
            return UNSTATED
        before = len(self.problems)
        found = self.text(name)
        return UNSTATED if len(self.problems) > before else found

    def email(self) -> str:
        """The address as mail servers write it."""
        found = self.text("email")
        try:
            return clean_email(found) if found else ""
        except CellError as error:
            self.problems.append(f"email: {error}")
            return ""

    def key(self) -> str:
        """The stable key; an entry with none, or with several, cannot be recognised again."""
        names = self._settings.attributes["key"]
        values = [value for name in names for value in self._entry.get(name.lower(), [])]
        try:
            if len(values) == 1:
                return key_of(values[0])
            self.problems.append(f"key: {' '.join(names)} has {len(values) or 'no'} values")
        except ValueUnusable as error:
            self.problems.append(f"key: {error}")
        return ""

    def name_key(self, name: str) -> str:
        """The entry's name, as other entries refer to it."""
        try:
            return dn_key(name)
        except ValueUnusable as error:
            self.problems.append(f"name of the entry: {error}")
            return ""

    def manager(self) -> str | Unstated:
        """The name of the manager's entry; the first one where there are several."""
        names = self._settings.attributes["manager"]
        if not names:
            return UNSTATED
        found = self.text("manager")
        try:
            return dn_key(found) if found else ""
        except ValueUnusable as error:
            self.problems.append(f"manager: {error}")
            return UNSTATED

    def language(self) -> str | Unstated:
        """A language in which Recert has mails; another one is not stated."""
        code = self.text("language").lower().partition("-")[0].partition("_")[0]
        return code if code in LANGUAGES else UNSTATED

    def status(self) -> tuple[bool | Unstated, date | None]:
        """Whether they are active. What cannot be read leaves the person as they are."""
        try:
            return status_of(self._entry, self._settings.rules)
        except ValueUnusable as error:
            self.problems.append(f"status: {error}")
            return UNSTATED, None


def refuse_without_password(secret: str) -> None:
    """Raises BadInput for an empty password: directories take it as a sign-in of nobody."""
    if not secret.strip():
        raise BadInput("The secret file is empty: write the password of bind_dn into it.")
