"""Reading the output of a command ahead, so that two commands can run at once."""

import contextlib
import queue
import threading
from collections.abc import Iterator

from recert.connectors.hosts.contract import Stream

_MOST_PIECES = 256  # of at most 256 KiB each: then the command waits for us


class Ahead:
    """A stream whose command starts now. Errors of the reading rise where it is used."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(_MOST_PIECES)
        self._abandoned = False
        self._thread = threading.Thread(target=self._fetch, daemon=True)
        self._thread.start()

    def _fetch(self) -> None:
        try:
            for piece in self._stream:
                if not self._abandoned:
                    self._pieces.put(piece)
        except BaseException as error:
            self._pieces.put(error)
        else:
            self._pieces.put(None)

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
        self._thread.join()

    def abandon(self) -> None:
        """Nobody reads on: the command may end by itself, and its output goes nowhere."""
        self._abandoned = True
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._pieces.get(timeout=0.05)

    @property
    def code(self) -> int:
        return self._stream.code

    @property
    def errors(self) -> str:
        return self._stream.errors
