"""Parses the lines of a PAM service and their control values."""

from collections.abc import Iterator

_FINE = {"success": "ok", "new_authtok_reqd": "ok"}
_SIMPLE = {
    "required": {**_FINE, "ignore": "ignore", "default": "bad"},
    "requisite": {**_FINE, "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
    "optional": {**_FINE, "default": "ignore"},
}


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that go on after a backslash, by the number of the first."""
    kept, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first or number
        if line.endswith("\\"):
            kept += line[:-1] + " "
            continue
        yield first, kept + line
        kept, first = "", 0


def pam_path(name: str) -> str:
    return name if name.startswith("/") else f"/etc/pam.d/{name}"


def control(text: str) -> dict[str, str]:
    """The action for each return code of libpam, from "required" or "[success=1 ...]"."""
    if not text.startswith("["):
        return _SIMPLE.get(text.lower(), _SIMPLE["required"])
    pairs = (part.partition("=") for part in text[1:-1].split())
    return {key.lower(): value.lower() for key, _, value in pairs}
