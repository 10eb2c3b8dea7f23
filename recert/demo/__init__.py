"""Demo: a whole fictitious company on this machine, and a check that plays the main job."""

from recert.demo.command import command

__all__ = ["command"]
