"""Values of a directory: bytes that become text, names, dates and keys."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from ldap.dn import dn2str, str2dn

# Values by the attribute's name in lower case.
Entry = dict[str, list[bytes]]

GUID_OCTETS = 16
MOST_TEXT = 500
_FILETIME_START = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 2**63 - 1)  # of accountExpires in Active Directory
_FORMATS = ("%Y%m%d%H%M%S%z", "%Y%m%d%H%M%z", "%Y%m%d%H%z")


class ValueUnusable(ValueError):
    """A value is not what its attribute is configured to hold; the text says why."""


def text_of(value: bytes) -> str:
    """The text of a value in NFC, without blanks around it. Raises ValueUnusable for bytes that are
    no UTF-8, for control characters, and for what is longer than any name."""
    try:
        text = unicodedata.normalize("NFC", value.decode()).strip()
    except UnicodeDecodeError as error:
        raise ValueUnusable("it is not UTF-8 text") from error
    if not text.isprintable():
        raise ValueUnusable("it contains control characters")
    if len(text) > MOST_TEXT:
        raise ValueUnusable(f"it is longer than {MOST_TEXT} characters")
    return text


def first_text(entry: Entry, attributes: Sequence[str]) -> str:
    """The first text among several attributes, in their order; "" when none is set. Raises
    ValueUnusable."""
    for name in attributes:
        for value in entry.get(name.lower(), []):
            if text := text_of(value):
                return text
    return ""


@lru_cache(maxsize=8192)  # a manager is named by everybody they lead
def dn_key(name: str) -> str:
    """A name by which two spellings of one DN are equal: case folded, blanks squeezed. Raises
    ValueUnusable when it is no DN."""
    try:
        parts = str2dn(name)
    except Exception as error:  # the library raises errors of several families for a bad DN
        raise ValueUnusable(f"{name[:MOST_TEXT]!r} is no name of an entry") from error
    folded = [sorted((_fold(kind), _fold(value), 1) for kind, value, _ in one) for one in parts]
    return str(dn2str(folded))


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def key_of(value: bytes) -> str:
    """The stable key of an entry as text. Sixteen octets that are no text, and UUIDs in any
    spelling, become 32 hexadecimal digits."""
    if len(value) == GUID_OCTETS and not _is_plain(value):
        return value.hex().upper()
    text = text_of(value)
    digits = text.replace("-", "").strip("{}")
    is_uuid = len(digits) == 2 * GUID_OCTETS and all(
        one in "0123456789abcdefABCDEF" for one in digits
    )
    return digits.upper() if is_uuid else text


def _is_plain(value: bytes) -> bool:
    return value.isascii() and value.decode("ascii").isprintable()


def boolean(value: bytes) -> bool:
    """TRUE or FALSE, as LDAP writes them. Raises ValueUnusable."""
    text = value.strip().upper()
    if text not in (b"TRUE", b"FALSE"):
        raise ValueUnusable(f"{value[:20]!r} is neither TRUE nor FALSE")
    return text == b"TRUE"


def number(value: bytes) -> int:
    """An integer. Raises ValueUnusable."""
    try:
        return int(value)
    except ValueError as error:
        raise ValueUnusable(f"{value[:20]!r} is no number") from error


def generalized_day(value: bytes) -> date:
    """The day of a GeneralizedTime (RFC 4517) in UTC. Raises ValueUnusable."""
    text = value.decode("ascii", "replace").strip().replace(",", ".")
    whole, _, fraction = text.partition(".")
    zone = fraction.lstrip("0123456789") if fraction else ""
    text = (whole + zone).replace("Z", "+0000")
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).astimezone(UTC).date()
        except (ValueError, OverflowError):
            continue
    raise ValueUnusable(f"{value[:30]!r} is no time like 20261231235959Z")


def filetime_day(value: bytes) -> date | None:
    """The day of 100 ns since 1601, as Active Directory counts; None is never. Raises
    ValueUnusable."""
    ticks = number(value)
    if ticks in _NEVER:
        return None
    try:
        return (_FILETIME_START + timedelta(microseconds=ticks // 10)).date()
    except OverflowError as error:
        raise ValueUnusable(f"{value[:30]!r} is beyond every calendar") from error
