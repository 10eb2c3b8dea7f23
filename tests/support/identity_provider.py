"""A real identity provider on this machine: npm's oidc-provider, shaped like OpenText's OSP."""

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import requests

HERE = Path(__file__).parent / "oidc"
MODULES = Path(__file__).parents[2] / ".cache" / "oidc" / "node_modules"
PATH = "/osp/a/idm/auth/oauth2"
SECRET = "a secret of the tests that is long enough"


class IdentityProvider:
    """Started for a test module, ended by its process number."""

    def __init__(self, callback: str, logout: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._arguments = [str(self.port), callback, logout]

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["node", str(HERE / "provider.mjs"), *self._arguments],
            env={**os.environ, "OIDC_MODULES": str(MODULES)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_details: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def stop(self) -> None:
        """It is down."""
        self._process.terminate()
        self._process.wait(10)

    def next_is(self, subject: str, **claims: Any) -> None:
        """Who signs in next, and what the provider states about them."""
        answer = requests.put(
            f"http://127.0.0.1:{self.port}/tests/person", json={"sub": subject, **claims}, timeout=5
        )
        assert answer.text == "ok"

    def follow(self, url: str, browser: requests.Session | None = None) -> str:
        """What a browser does at the provider: the address to which it is sent back."""
        browser = browser or requests.Session()
        for _ in range(12):
            answer = browser.get(url, allow_redirects=False, timeout=10)
            assert answer.is_redirect, (answer.status_code, answer.text[:300])
            url = requests.compat.urljoin(url, answer.headers["Location"])
            if f":{self.port}/" not in url:
                return url
            time.sleep(0)
        raise AssertionError("it goes round in circles")
