"""Programs with an access token, talking to the interface of one house."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, has_request_context

from recert.connectors import registry
from recert.foundation import clock
from recert.people import tokens
from recert.people.models import TokenScope
from recert.trail.act import Act
from tests.support.house import House
from tests.support.program import Program

EVERYTHING = frozenset(TokenScope)


@pytest.fixture
def app(house: House) -> Flask:
    house.snapshot()
    return house.app()


@pytest.fixture
def issued(house: House) -> Callable[..., str]:
    """Issues a token; its secret."""

    def issue(name: str = "suite", scopes: Any = EVERYTHING, servers: Any = ("main",)) -> str:
        with house.db.transaction() as session:
            act = Act(session, house.admin, clock.now())
            return tokens.issue(act, name, scopes, servers, clock.now() + timedelta(days=90))

    return issue


@pytest.fixture
def program(app: Flask, issued: Callable[..., str]) -> Program:
    """A program that may do everything on server `main`."""
    return Program(app, issued())


@pytest.fixture(autouse=True)
def no_connector_in_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interface opens no connection to a server either."""
    real = registry.connect

    def connect(*arguments: Any, **more: Any) -> Any:
        assert not has_request_context(), "an interface asked for a connector"
        return real(*arguments, **more)

    monkeypatch.setattr(registry, "connect", connect)
