"""Permissions of a machine, and who can do what by them."""
