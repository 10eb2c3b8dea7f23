"""What is compiled once and used by all tests of a process: templates, and SQL.

Each test has an application and a database of its own. Compiling the same templates and statements
anew for each of them took about half of the time of the tests.
"""

from typing import Any

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache


class SharedTemplates(BytecodeCache):
    """Compiled templates in memory, by the checksum of their source."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        known = self._compiled.get(bucket.key + bucket.checksum)
        if known is not None:
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


class SharedStatements:
    """Makes engines that share one dialect and one cache of compiled statements for each kind of
    database. Nothing of a dialect depends on the single database."""

    def __init__(self) -> None:
        self._dialects: dict[str, Dialect] = {}
        self._caches: dict[str, LRUCache[Any, Any]] = {}

    def create_engine(self, *arguments: Any, **options: Any) -> Engine:
        engine = create_engine(*arguments, **options)
        name = engine.dialect.name
        engine.dialect = self._dialects.setdefault(name, engine.dialect)
        engine.pool._dialect = engine.dialect
        engine._compiled_cache = self._caches.setdefault(name, LRUCache(20_000))
        return engine
