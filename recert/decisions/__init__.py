"""Decisions: what a reviewer answered, from whichever door."""
