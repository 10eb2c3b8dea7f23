"""Visitors of the web pages, each signed in as a member of the cast."""

from typing import Any

import pytest
from flask import Flask, has_request_context

from recert.connectors import registry
from recert.connectors.contract import Connector
from tests.support.browser import Visitor
from tests.support.house import House


@pytest.fixture(autouse=True)
def no_connector_in_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The web process opens no connection to a server: whatever a page needs of one, the worker
    fetches."""
    real = registry.connect

    def connect(*given: Any, **more: Any) -> Connector:
        assert not has_request_context(), "a page asked for a connector"
        return real(*given, **more)

    monkeypatch.setattr(registry, "connect", connect)


@pytest.fixture
def app(house: House) -> Flask:
    return house.app()


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    return Visitor(app)


@pytest.fixture
def alice(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(house.person("alice")))


@pytest.fixture
def bob(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(house.person("bob")))


@pytest.fixture
def officer(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(house.officer))


@pytest.fixture
def admin(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(house.admin))


@pytest.fixture
def auditor(house: House, app: Flask) -> Visitor:
    return Visitor(app).sign_in(house.user(house.auditor))
