"""Passwords of users: hashing with Argon2id, and which ones are too easy to guess."""

from importlib import import_module

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from recert.foundation import secrets
from recert.foundation.errors import BadInput

MIN_PASSWORD = 12
MAX_PASSWORD = 1024  # hashing a novel would keep the processor busy
MOST_JUDGED = 72  # more makes guessing no easier and judging slow
LEAST_GUESSES = 3  # of 0 to 4: ten thousand million guesses and more

_hasher = PasswordHasher()
# Checked for unknown users, so that they take as long as known ones.
_NOBODY = _hasher.hash(secrets.new_token())


def check_strength(password: str, *personal: str) -> None:
    """Raises BadInput for a password that is too short, common, or made of the user's own
    address and name."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(f"A password needs {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    plain = password.casefold()
    own = [part for text in personal for part in _parts(text)]
    if any(part in plain for part in own):
        raise BadInput("A password must not contain the user's own mail address or name.")
    judged = import_module("zxcvbn").zxcvbn(password[:MOST_JUDGED], user_inputs=own)
    if judged["score"] < LEAST_GUESSES:
        why = judged["feedback"]["warning"] or "It is easy to guess."
        raise BadInput(f"Choose another password. {why}")


def _parts(text: str) -> list[str]:
    """The parts of an address or a name that are long enough to mean something."""
    parts = "".join(one if one.isalnum() else " " for one in text.casefold()).split()
    return [part for part in [text.casefold().strip(), *parts] if len(part) >= 4]


def make_hash(password: str) -> str:
    """What is kept of a password."""
    return _hasher.hash(password)


def fits(password_hash: str | None, password: str) -> bool:
    """Whether it is this password. Without a hash it takes as long, and is none."""
    known = password_hash or ""
    if not known.startswith("$argon2"):  # nobody's: it takes as long all the same
        known = _NOBODY
    try:
        matches = _hasher.verify(known, password[: MAX_PASSWORD + 1])
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return matches and known != _NOBODY
