"""How long to wait before trying something again: quickly at first, then with patience."""

import random
from datetime import timedelta

FIRST_WAIT = timedelta(seconds=10)
QUICK_TRIES = 6  # together about ten minutes
SLOW_WAIT = timedelta(minutes=30)


def wait(tries: int, spread: float | None = None) -> timedelta:
    """The wait after so many tries: 10 s doubling with a spread of half, six times; then 30
    minutes each. The spread keeps many waiting things from coming back at once."""
    if tries > QUICK_TRIES:
        return SLOW_WAIT
    factor = random.uniform(0.5, 1.5) if spread is None else spread  # noqa: S311  not a secret
    return FIRST_WAIT * (float(2 ** max(tries - 1, 0)) * factor)
