"""A small web client for tests: follows forms as a browser without scripts would."""

import re
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from recert.foundation.actor import Actor
from tests.support.house import PASSWORD

# What a browser sends when a person presses a button.
BY_HAND = {
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
    "HTTP_SEC_FETCH_SITE": "same-origin",
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_USER": "?1",
    "HTTP_SEC_FETCH_DEST": "document",
}


class Visitor:
    """One browser with its cookies."""

    def __init__(self, app: Flask, **environ: str) -> None:
        self.client = app.test_client()
        self.client.environ_base = {**self.client.environ_base, **BY_HAND, **environ}
        self.token = ""

    def follow(self, link: str) -> tuple[str, str]:
        """Opens a link from a mail: the address it leads to and the page there."""
        place = self.client.get(link).headers["Location"]
        return place, self.get(place)

    def get(self, path: str, code: int = 200) -> str:
        """Opens a page; its text."""
        return self._text(self.client.get(path), code)

    def post(self, path: str, code: int = 302, **fields: Any) -> str:
        """Sends a form with the token of the last page; where it leads, or the page's text."""
        answer = self.client.post(path, data={"csrf_token": self.token, **fields})
        text = self._text(answer, code)
        return answer.headers.get("Location", "") if code == 302 else text

    def _text(self, answer: TestResponse, code: int) -> str:
        text = answer.get_data(as_text=True)
        assert answer.status_code == code, (answer.status_code, visible(text)[:600])
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
        self.token = found.group(1) if found else self.token
        return text

    def sign_in(self, actor: Actor) -> "Visitor":
        """Signs a member of the cast in."""
        self.get("/sign-in")
        self.post("/sign-in", email=actor.name, password=PASSWORD)
        return self


def visible(html: str) -> str:
    """What a person reads on a page."""
    body = html.partition("<main")[2].partition(">")[2] or html
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def form_fields(html: str, action: str) -> dict[str, str]:
    """The hidden fields of the form with this action."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}[^"]*".*?</form>', html, re.DOTALL)
    assert form, f"no form for {action}"
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.group(0)))
