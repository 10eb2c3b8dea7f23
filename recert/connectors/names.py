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
