"""Decisions: recording them by page, mail and command, and when they are final."""
