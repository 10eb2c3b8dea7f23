"""Visitors of the pages, as in the tests of the pages."""

from tests.web.conftest import alice, app, auditor, bob, officer, stranger

__all__ = ["alice", "app", "auditor", "bob", "officer", "stranger"]
