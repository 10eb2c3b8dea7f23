"""Labelled points at which a test may let the process die or fail. Unarmed they do nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_armed: dict[str, Callable[[], None]] = {}


def reach(label: str) -> None:
    """Does what a test armed for this place, if any."""
    act = _armed.get(label)
    if act is not None:
        act()


@contextmanager
def armed(label: str, act: Callable[[], None]) -> Iterator[None]:
    """Arms one place for a while."""
    _armed[label] = act
    try:
        yield
    finally:
        del _armed[label]
