"""The IMAP mailbox in which replies and bounces arrive, over verified TLS."""

import contextlib
import imaplib
import ssl
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from recert.foundation.errors import RecertError
from recert.foundation.settings import ReplySettings
from recert.mail.received import MOST_BYTES

AT_A_TIME = 50
DONE, FAILED = "Recert-Done", "Recert-Failed"


class MailboxUnreachable(RecertError):
    """The mailbox for replies cannot be read. We will try again."""


class Mailbox:
    """One connection: `with Mailbox(settings) as box`."""

    def __init__(self, settings: ReplySettings) -> None:
        self._settings = settings
        self._line: imaplib.IMAP4 | None = None
        self._able: set[str] = set()  # asked for after signing in: before it servers say less

    def __enter__(self) -> "Mailbox":
        try:
            self._line = self._connected()
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxUnreachable(f"{type(error).__name__}: {error}") from error
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):  # it is over anyway
                self._line.logout()

    def _connected(self) -> imaplib.IMAP4:
        wanted = self._settings
        context = ssl.create_default_context(cafile=wanted.ca_file or None)
        if wanted.security == "tls":
            line: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                wanted.server, wanted.port, ssl_context=context, timeout=wanted.timeout
            )
        else:
            line = imaplib.IMAP4(wanted.server, wanted.port, timeout=wanted.timeout)
        try:
            if wanted.security != "tls":
                line.starttls(context)
            line.login(wanted.username, wanted.password)
            _must(line.select(_quoted(wanted.folder)))
            self._able = set(_must(line.capability())[0].decode("ascii").upper().split())
        except BaseException:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):  # the first error is raised
                line.shutdown()
            raise
        return line

    def each(self, act: Callable[[bytes], bool]) -> int:
        """Gives each waiting mail to `act` and puts it away after that, among the done ones or,
        when `act` says False, among the failed ones; how many. A mail that was acted on and not
        put away comes again: whoever acts must know it by its bytes."""
        try:
            return sum(self._give(uid, act) for uid in self._waiting())
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxUnreachable(f"{type(error).__name__}: {error}") from error

    def _waiting(self) -> Iterator[str]:
        answer = _must(self._open.uid("SEARCH", "UNDELETED"))
        numbers = (answer[0] or b"").split()
        return iter([number.decode("ascii") for number in numbers[:AT_A_TIME]])

    def _give(self, uid: str, act: Callable[[bytes], bool]) -> int:
        got = _must(self._open.uid("FETCH", uid, f"(BODY.PEEK[]<0.{MOST_BYTES}>)"))
        raw = next((part[1] for part in got if isinstance(part, tuple)), None)
        if raw is None:
            return 0  # another worker has just put it away
        self._put_away(uid, DONE if act(raw) else FAILED)
        return 1

    def _put_away(self, uid: str, folder: str) -> None:
        """Into a folder of its own, where an administrator finds it."""
        line = self._open
        if "MOVE" in self._able:
            if line.uid("MOVE", uid, folder)[0] != "OK":
                line.create(folder)
                _must(line.uid("MOVE", uid, folder))
            return
        if line.uid("COPY", uid, folder)[0] != "OK":
            line.create(folder)
            _must(line.uid("COPY", uid, folder))
        _must(line.uid("STORE", uid, "+FLAGS", r"(\Deleted)"))
        if "UIDPLUS" in self._able:
            _must(line.uid("EXPUNGE", uid))

    @property
    def _open(self) -> imaplib.IMAP4:
        if self._line is None:
            raise MailboxUnreachable("It is not open.")
        return self._line


def _must(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(str(data[:1]))
    return data


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
