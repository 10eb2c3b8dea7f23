"""Fixtures for all tests: both databases, the house with its cast, the web client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask

from recert.foundation import db
from recert.people import passwords
from tests.support.compiled import SharedStatements, SharedTemplates
from tests.support.databases import PostgresServer, Template, template
from tests.support.house import House

# What the real daemons were compared with is told at the end, by the main process of all workers.
pytest_plugins = ["tests.daemons.summary"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", choices=["sqlite", "postgresql", "both"], default="both")
    parser.addoption(
        "--everywhere", action="store_true", help="also what does not depend on the database, twice"
    )
    parser.addoption("--seeds", type=int, default=3, help="random worlds; `make soak` tries 50")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--db")
        kinds = ["sqlite", "postgresql"] if chosen == "both" else [chosen]
        once = metafunc.definition.get_closest_marker("one_database")
        if once and chosen == "both" and not metafunc.config.getoption("--everywhere"):
            kinds = ["sqlite"]
        metafunc.parametrize("database_kind", kinds, scope="session")
    if "world_seed" in metafunc.fixturenames:
        metafunc.parametrize("world_seed", range(1, metafunc.config.getoption("--seeds") + 1))


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Argon2id as in the product, but not made slow on purpose: hundreds of tests sign in."""
    with pytest.MonkeyPatch.context() as patch:
        hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(passwords, "_hasher", hasher)
        patch.setattr(passwords, "_NOBODY", hasher.hash("nobody"))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Each test has an application and a database of its own, and compiles nothing anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": SharedTemplates()})
        patch.setattr(db, "create_engine", SharedStatements().create_engine)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(
    database_kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Template:
    """A migrated, empty database of each kind, from which every test gets a copy."""
    server = request.getfixturevalue("postgres") if database_kind == "postgresql" else None
    return template(database_kind, tmp_path_factory.mktemp("template"), server)


@pytest.fixture
def house(migrated: Template, tmp_path: Path) -> Iterator[House]:
    """A small company with its cast: Alice owns /finance, Bob stands in for her, Charlie owns
    /sales, Olga is the officer, Adam the administrator, Aud the auditor."""
    with migrated.copy(tmp_path) as db, House(db, tmp_path) as built:
        yield built
