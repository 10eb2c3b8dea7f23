"""Connectors: read and change one kind of server each. No database, no Flask."""
