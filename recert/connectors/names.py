"""Names that come from servers are hostile: which characters none of them may hold."""

import unicodedata

_HOSTILE = {"Cc", "Cs", "Zl", "Zp"}  # controls, half characters, line and paragraph separators
# They turn the text around them: a person reads another name than the one that stands there.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_clean(text: str) -> bool:
    """False when the text holds characters that no name may hold."""
    if text.isascii():
        return text.isprintable()
    return not any(
        letter in _TURNING or unicodedata.category(letter) in _HOSTILE for letter in text
    )


def shown(path: str) -> str:
    """A path as it can be kept and read. One with characters that no name may hold, or with bytes
    that are no text, gets them (and its backslashes) as octal numbers; such a folder can be
    reviewed, and is changed only by hand."""
    if is_clean(path):
        return path
    parts = []
    for letter in path:
        if letter != "\\" and is_clean(letter):
            parts.append(letter)
        else:
            raw = letter.encode("utf-8", errors="surrogateescape")
            parts.append("".join(f"\\{byte:03o}" for byte in raw))
    return "".join(parts)
