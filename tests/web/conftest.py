"""Visitors of the web pages, each signed in as a member of the cast."""

import pytest
from flask import Flask

from tests.support.browser import Visitor
from tests.support.house import House


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
