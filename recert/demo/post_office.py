"""The demo's SMTP server: takes every mail and keeps it as a file."""

import itertools
from pathlib import Path
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from recert.demo.ports import free_port


class _Keep:
    """Writes each mail to a numbered file, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, itertools.count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        name = f"{next(self.numbers):06d}.eml"
        content = envelope.content
        draft = self.folder / f"{name}.draft"
        draft.write_bytes(content if isinstance(content, bytes) else (content or "").encode())
        draft.rename(self.folder / name)
        return "250 OK"


class PostOffice:
    """An SMTP server on loopback with a folder of mails."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = port or free_port()
        self._controller = Controller(_Keep(folder), hostname="127.0.0.1", port=self.port)

    def mails(self) -> list[Path]:
        """The mails so far, oldest first."""
        return sorted(self.folder.glob("*.eml"))

    def __enter__(self) -> "PostOffice":
        self._controller.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._controller.stop()
