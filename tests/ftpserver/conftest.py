"""The permission file of the cast, as the tests of its kind of server write it."""

from tests.connectors.conftest import permission_file

__all__ = ["permission_file"]
