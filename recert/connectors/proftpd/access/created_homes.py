"""Homes that CreateHome makes at the first sign-in, with the modes that the directive gives."""

import itertools
from collections.abc import Iterator, Mapping, Sequence

from recert.connectors.posix.permissions.created_homes import FutureHome
from recert.connectors.proftpd.access.login_rules import Session
from recert.connectors.proftpd.configuration.sections import Section, on

_DEFAULT_MODE, _DEFAULT_ABOVE = 0o700, 0o711


def future_homes(
    server: Section, sessions: Sequence[Session | None], resolved: Mapping[str, str]
) -> Iterator[FutureHome]:
    """The homes of the accounts that come in; anonymous clients get none."""
    directive = server.value("createhome")
    if directive is None or not on(directive, False):
        return
    mode, above, options = _modes(directive.args[1:])
    for session in sessions:
        if session is None or session.refused or session.anonymous is not None:
            continue
        entry = session.entry
        path = resolved.get(entry.home, "")
        if path.startswith("/"):
            yield FutureHome(
                path,
                entry.uid,
                _number(options.get("homegid"), entry.gid, entry.gid),
                mode,
                (
                    _number(options.get("uid"), entry.uid, 0),
                    _number(options.get("gid"), entry.gid, 0),
                    above,
                ),
            )


def _modes(args: Sequence[str]) -> tuple[int, int, dict[str, str]]:
    """[MODE] [skel FOLDER] [dirmode MODE] [uid N|~] [gid N|~] [homegid N] [NoRootPrivs]"""
    remaining = list(args)
    mode = int(remaining.pop(0), 8) if remaining and _is_mode(remaining[0]) else _DEFAULT_MODE
    named = {
        key.lower(): value
        for key, value in itertools.pairwise(remaining)
        if key.lower() in ("skel", "dirmode", "uid", "gid", "homegid")
    }
    above = named.get("dirmode", "")
    return mode, int(above, 8) if _is_mode(above) else _DEFAULT_ABOVE, named


def _is_mode(text: str) -> bool:
    return bool(text) and all(digit in "01234567" for digit in text)


def _number(value: str | None, own: int, default: int) -> int:
    if value == "~":
        return own
    return int(value) if value is not None and value.isdecimal() else default
