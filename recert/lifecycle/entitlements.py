"""Entitlements: what an account can hold on a server, under names that other systems can keep.

An entitlement is a bundle of rights in one folder, or the membership in one group. Its id is made
from what it stands for, so it stays the same from snapshot to snapshot and never names
something else.
"""

import base64
import binascii
from dataclasses import dataclass

from recert.connectors.rights import ADD, ALL, EDIT, FULL, READ, Rights, label, phrases
from recert.foundation.errors import NotFound

# Offered for every folder, also where nobody holds them yet.
STANDARD_BUNDLES = (Rights.UPLOAD, READ, ADD, EDIT, FULL)


class NoSuchEntitlement(NotFound):
    """There is no such entitlement. Read the list of entitlements again."""


@dataclass(frozen=True)
class FolderAccess:
    """A bundle of rights in one folder."""

    folder: str
    rights: Rights

    @property
    def id(self) -> str:
        return f"f.{_encoded(self.folder)}.{int(self.rights)}"

    @property
    def kind(self) -> str:
        return label(self.rights)

    @property
    def name(self) -> str:
        return f"{self.folder}: {self.kind}"

    @property
    def description(self) -> str:
        return f"In folder {self.folder}: {', '.join(phrases(self.rights))}."


@dataclass(frozen=True)
class Membership:
    """Being a member of a group of the server."""

    group: str

    @property
    def id(self) -> str:
        return f"g.{_encoded(self.group)}"

    @property
    def kind(self) -> str:
        return "group"

    @property
    def name(self) -> str:
        return f"Group {self.group}"

    @property
    def description(self) -> str:
        return f"Member of the server's group {self.group}, with all that it opens."


Entitlement = FolderAccess | Membership


def entitlement_of(entitlement_id: str) -> Entitlement:
    """What an id stands for; NoSuchEntitlement when it is none of ours."""
    try:
        found = _parsed(entitlement_id)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise NoSuchEntitlement(f"Asked for: {entitlement_id!r}.") from error
    if found.id != entitlement_id:  # base64 has several spellings of one text
        raise NoSuchEntitlement(f"Asked for: {entitlement_id!r}.")
    return found


def _parsed(entitlement_id: str) -> Entitlement:
    kind, _, rest = entitlement_id.partition(".")
    if kind == "g":
        return Membership(_decoded(rest))
    name, _, mask = rest.partition(".")
    if kind != "f" or not 0 < int(mask) <= int(ALL):
        raise ValueError(entitlement_id)
    return FolderAccess(_decoded(name), Rights(int(mask)))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(text: str) -> str:
    if not text:
        raise binascii.Error("empty")
    plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    if "\0" in plain:  # no name has one, and no database takes it
        raise ValueError("NUL")
    return plain
