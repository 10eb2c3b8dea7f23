"""Redacts password fields of line files: hashes are dropped, but whether there is a usable
password is kept, because it decides who can log in."""

from collections.abc import Callable

_MARKS = ("!", "*")


def state_of(field: str) -> str:
    """A field of shadow: empty, locked and marked fields stay what they are."""
    if field.strip("!*") == "" or field == "x":
        return field
    return f"{field[0]}removed" if field[0] in _MARKS else "removed"


def second_field(state: Callable[[str], str] = state_of) -> Callable[[bytes], bytes]:
    """A cleaner for lines like "name:hash:...", also those that are commented out."""

    def clean(content: bytes) -> bytes:
        lines = content.decode(errors="surrogateescape").split("\n")
        return "\n".join(_cleaned(line, state) for line in lines).encode(errors="surrogateescape")

    return clean


def _cleaned(line: str, state: Callable[[str], str]) -> str:
    name, colon, rest = line.partition(":")
    if not colon:
        return line
    field, colon, rest = rest.partition(":")
    end = "\r" if field.endswith("\r") else ""  # a line of two fields only
    return f"{name}:{state(field.removesuffix(end))}{end}{colon}{rest}"
