"""The command line: noun, then action. Parse, allow, call one use case, answer. The modules of a
noun are loaded when it is used: see `nouns`."""

from recert.cli.base import Shell, cli

__all__ = ["Shell", "cli"]
