"""Checks names that come from servers for hostile characters, and makes them displayable."""

import unicodedata

_HOSTILE = {"Cc", "Cs", "Zl", "Zp"}  # controls, surrogates, line and paragraph separators
# Bidirectional controls: with them a person reads another name than the stored one.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_clean(text: str) -> bool:
    """False when the text holds characters that no name may hold."""
    if text.isascii():
        return text.isprintable()
    return not any(
        character in _TURNING or unicodedata.category(character) in _HOSTILE for character in text
    )


def shown(path: str) -> str:
    """A path as it is stored and displayed. Characters that no name may hold, bytes that are no
    text, and then also backslashes become octal numbers; such a folder can be reviewed, but is
    changed only by hand."""
    if is_clean(path):
        return path
    parts = []
    for character in path:
        if character != "\\" and is_clean(character):
            parts.append(character)
        else:
            raw = character.encode("utf-8", errors="surrogateescape")
            parts.append("".join(f"\\{byte:03o}" for byte in raw))
    return "".join(parts)
