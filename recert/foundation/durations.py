"""Lengths of time: median and percentile of many, and their names."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from babel.units import format_unit


@dataclass(frozen=True)
class Duration:
    """How many lengths of time there were, and how long they were."""

    count: int
    median: timedelta
    percentile_95: timedelta
    longest: timedelta


def summed(seconds: Sequence[float]) -> Duration | None:
    """Median and nearest-rank 95th percentile; None of nothing."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    rank = math.ceil(0.95 * len(ordered)) - 1
    chosen = (median(ordered), ordered[rank], ordered[-1])
    return Duration(len(ordered), *(timedelta(seconds=value) for value in chosen))


def lasted(gap: timedelta, language: str = "en") -> str:
    """A length of time in its two largest units: 3 days 4 hours."""
    minutes = round(gap.total_seconds() / 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [(days, "duration-day"), (hours, "duration-hour"), (minutes, "duration-minute")]
    named = [format_unit(count, unit, locale=language) for count, unit in parts if count]
    return " ".join(named[:2]) or "less than a minute"
