"""Simulates PAM: whether a login is refused, allowed or in doubt."""
