"""Remediation: turns final decisions into orders and closes items when they are verified."""
