"""The file of last sign-ins beside the permission file: {"alice": "2026-11-23T10:00:00+00:00"}."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from recert.connectors import file_store
from recert.connectors.contract import ConnectorError, ServerDataInvalid, ServerUnreachable

_PAUSE = timedelta(minutes=1)


def path_of(permissions: Path) -> Path:
    return permissions.with_name(permissions.name + ".logins")


def read(path: Path) -> dict[str, datetime]:
    """The last sign-ins; empty when nobody has signed in yet."""
    try:
        raw = file_store.read_bytes(path)
    except ServerUnreachable:
        return {}
    return parse(raw, path.name)


def parse(raw: bytes, title: str) -> dict[str, datetime]:
    """The same from what the file holds; ServerDataInvalid when it is no such file."""
    try:
        return {str(name): _moment(text) for name, text in json.loads(raw).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ServerDataInvalid(f"{title}: {error}.") from error


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time needs its zone")
    return found


class LoginBook:
    """Writes sign-ins down, each account at most once a minute."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: dict[str, datetime] = {}

    def note(self, account: str, now: datetime) -> None:
        """Raises a ConnectorError when the file cannot be written."""
        last = self._written.get(account)
        if last is not None and now - last < _PAUSE:
            return
        known = {**self._known(), account: now}
        texts = {name: at.isoformat(timespec="seconds") for name, at in sorted(known.items())}
        content = json.dumps(texts, indent=2, ensure_ascii=False) + "\n"
        file_store.replace(self._path, content.encode())
        self._written[account] = now

    def _known(self) -> dict[str, datetime]:
        """A book nobody can read is begun anew: it only says when, never who may."""
        try:
            return read(self._path)
        except ConnectorError:
            return {}
