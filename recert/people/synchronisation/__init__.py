"""Bringing people up to date from directories: read, plan, guard, apply."""
