"""Addresses: the short way for plain ones finds what the library finds."""

import random

import pytest
from email_validator import EmailNotValidError, validate_email

from recert.people.addresses import clean_email
from recert.people.csv_rows import CellError

LOCALS = ("a", "A.b", "a..b", ".a", "a.", "a+b", "-a", "a_b", "ä", "a b", "a" * 64, "a" * 65, '"x"')
DOMAINS = ("b.example", "B.Example", "b", "localhost", "x.local", "-b.de", "b-.de", "münchen.de")
MORE_DOMAINS = ("b..de", "1.2.3.4", "[1.2.3.4]", "b.invalid", "a@b.de", "b.de.", f"{'x' * 60}.de")


def by_the_library(text: str) -> str:
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return "none"
    return (found.ascii_email or found.normalized).lower()


def ours(text: str) -> str:
    try:
        return clean_email(text)
    except CellError:
        return "none"


@pytest.mark.parametrize("domain", [*DOMAINS, *MORE_DOMAINS])
@pytest.mark.parametrize("local", LOCALS)
def test_both_ways_agree(local: str, domain: str) -> None:
    assert ours(f"{local}@{domain}") == by_the_library(f"{local}@{domain}")


def test_they_agree_about_random_text() -> None:
    dice = random.Random(7)
    for _ in range(3000):
        text = "".join(dice.choice("aZ0.-_+@ ü\u0130ſ") for _ in range(dice.randrange(12)))
        assert ours(text) == by_the_library(text), repr(text)
