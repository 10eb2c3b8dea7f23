"""A program that uses the interface with an access token."""

import base64
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse


@dataclass
class Program:
    """A client that sends its token with every request."""

    app: Flask
    secret: str
    name: str = ""  # with a name: Basic

    def request(self, method: str, path: str, **more: Any) -> TestResponse:
        credentials = f"Bearer {self.secret}"
        if self.name:
            both = base64.b64encode(f"{self.name}:{self.secret}".encode()).decode()
            credentials = f"Basic {both}"
        headers = {"Authorization": credentials, **more.pop("headers", {})}
        return self.app.test_client().open(path, method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> TestResponse:
        return self.request("POST", path, **more)
