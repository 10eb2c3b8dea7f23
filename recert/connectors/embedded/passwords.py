"""Stored passwords: Argon2id, and scrypt as files of earlier versions hold it. Checking an unknown
account costs as much as the dearest known one."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

# A hostile file must not eat the machine's memory or time.
_MOST = {"n": 1 << 17, "r": 16, "p": 4}
_MOST_MEMORY, _MOST_ROUNDS, _MOST_LANES = 1 << 18, 16, 8  # KiB, passes, lanes of Argon2id
_SALT_BYTES = 16
_HASH_BYTES = 32

_hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)  # what OWASP names first
_cheap = PasswordHasher(memory_cost=64, time_cost=1, parallelism=1)


class Password(Protocol):
    """One stored password."""

    @property
    def cost(self) -> int:
        """About how many bytes its check goes through."""

    def matches(self, attempt: str) -> bool:
        """True for the right password, in a time that tells nothing about how wrong it was."""


@dataclass(frozen=True)
class Argon2Password:
    """An Argon2id hash in its usual text form."""

    text: str
    cost: int

    def matches(self, attempt: str) -> bool:
        try:
            return _hasher.verify(self.text, attempt)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


@dataclass(frozen=True)
class ScryptPassword:
    """`scrypt$n$r$p$salt$hash`."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @property
    def cost(self) -> int:
        return 256 * self.n * self.r * self.p  # each block is written once and read once

    def matches(self, attempt: str) -> bool:
        memory = 128 * self.r * (self.n + self.p + 2)
        size, cost = len(self.digest), {"n": self.n, "r": self.r, "p": self.p}
        found = hashlib.scrypt(
            attempt.encode(errors="surrogatepass"),
            salt=self.salt,
            **cost,
            dklen=size,
            maxmem=memory,
        )
        return hmac.compare_digest(found, self.digest)


# Stands where a password was taken out. Never changed: recordings and fingerprints hold it.
_ZEROS = [base64.b64encode(bytes(size)).decode() for size in (_SALT_BYTES, _HASH_BYTES)]
NOBODYS = "$".join(["scrypt", "2", "1", "1", *_ZEROS])


def hash_password(password: str, *, cheap: bool = False) -> str:
    """The text to store for a password. `cheap`: for demonstrations, where nothing is secret."""
    return (_cheap if cheap else _hasher).hash(password)


def parse_password(text: str) -> Password:
    """The stored password; raises ValueError saying what is wrong, never the text itself."""
    if text.startswith("$argon2id$"):
        return _argon2(text)
    fields = text.split("$")
    if len(fields) != 6 or fields[0] != "scrypt":
        raise ValueError("a password reads $argon2id$v=19$m=...,t=...,p=...$salt$hash")
    n, r, p = (_number(name, field) for name, field in zip("nrp", fields[1:4], strict=True))
    if n < 2 or n & (n - 1):
        raise ValueError("the n of a password is a power of two")
    try:
        salt, digest = (base64.b64decode(field, validate=True) for field in fields[4:])
    except binascii.Error as error:
        raise ValueError("salt and hash of a password are base64") from error
    if len(salt) < 8 or len(digest) < 16:
        raise ValueError("salt or hash of a password is too short")
    return ScryptPassword(n, r, p, salt, digest)


def _argon2(text: str) -> Argon2Password:
    try:
        found = extract_parameters(text)
    except (InvalidHashError, ValueError) as error:
        raise ValueError("a password is no Argon2id hash") from error
    if found.salt_len < 8 or found.hash_len < 16:
        raise ValueError("salt or hash of a password is too short")
    for name, value, most in (
        ("m", found.memory_cost, _MOST_MEMORY),
        ("t", found.time_cost, _MOST_ROUNDS),
        ("p", found.parallelism, _MOST_LANES),
    ):
        if not 1 <= value <= most:
            raise ValueError(f"the {name} of a password is a number from 1 to {most}")
    return Argon2Password(text, found.memory_cost * 1024 * found.time_cost)


def _number(name: str, field: str) -> int:
    if not (field.isascii() and field.isdigit() and 1 <= int(field) <= _MOST[name]):
        raise ValueError(f"the {name} of a password is a number from 1 to {_MOST[name]}")
    return int(field)


DECOY = _argon2(
    _hasher.hash(base64.b64encode(bytes(_HASH_BYTES)).decode(), salt=bytes(_SALT_BYTES))
)
