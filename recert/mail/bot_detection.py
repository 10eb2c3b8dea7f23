"""Distinguishes programs from people: mail scanners open links, run scripts and press buttons.

A link in a mail is not secret from the scanners on its way. A press that decides must look like a
person at a browser; any other press is held, and the reviewer signs in instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

READING = timedelta(seconds=1.5)  # nobody reads a question faster
# More links of one reviewer from one address than a person opens in that time.
BURSTS = ((timedelta(seconds=10), 3), (timedelta(seconds=60), 10))
LONGEST_BURST = max(window for window, _ in BURSTS)
CONTRADICTION = timedelta(seconds=20)  # two different answers to one question
ROBOTS = re.compile(
    r"headless|(?<!cu)bot\b|crawler|spider|scan|phantom|selenium|puppeteer|playwright|python|curl|wget|"
    r"okhttp|java/|go-http|libwww|httpclient|axios|node-fetch|safelinks|barracuda|mimecast|"
    r"proofpoint",
    re.IGNORECASE,
)
PRESSED_BY_HAND = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
}


@dataclass(frozen=True)
class Press:
    """One press of a button on the page of a link. `opened` are (window, links) as counted around
    the moment the link was opened and around now; None of `after` means that nobody opened it."""

    headers: Mapping[str, str]
    after: timedelta | None
    busiest: Mapping[timedelta, int]
    asked_head: bool = False


def why_held(press: Press, base_url: str) -> str:
    """Why this was no person, as a text for the page and the trail; "" when it was."""
    if press.after is None:
        return "the link was used without being opened"
    if press.after < READING:
        return "the answer came faster than anybody can read the question"
    for window, most in BURSTS:
        if press.busiest.get(window, 0) > most:
            seconds = int(window.total_seconds())
            return f"more than {most} of the links were opened within {seconds} seconds"
    if press.asked_head:
        return "the same program had tested the link before, as link scanners do"
    return _strange_headers(press.headers, base_url)


def _strange_headers(headers: Mapping[str, str], base_url: str) -> str:
    if not headers.get("User-Agent") or ROBOTS.search(headers["User-Agent"]):
        return "the program that sent it is no browser of a person"
    if not headers.get("Accept-Language"):
        return "it came without the language that every browser names"
    if not _is_trustworthy(base_url):  # there browsers do not say how a page was left
        return ""
    if any(headers.get(name) != value for name, value in PRESSED_BY_HAND.items()):
        return "the button was not pressed by a hand in a browser"
    return ""


def _is_trustworthy(base_url: str) -> bool:
    """Where browsers send the headers that tell how a request came about."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")
