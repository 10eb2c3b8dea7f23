"""Trail: the hash-chained audit log. Every package may append to it."""

from recert.trail.service import append, append_parts

__all__ = ["append", "append_parts"]
