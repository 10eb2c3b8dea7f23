"""Trail: the hash-chained audit log. Every room may write to it."""

from recert.trail.service import append

__all__ = ["append"]
