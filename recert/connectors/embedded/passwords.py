"""Passwords as `scrypt$n$r$p$salt$hash`, and their check at equal cost for known and unknown."""

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass

_MOST = {"n": 1 << 17, "r": 16, "p": 4}  # a hostile file must not eat the machine's memory
_SALT_BYTES = 16
_HASH_BYTES = 32


@dataclass(frozen=True)
class Password:
    """One stored password: the cost and what came out."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def matches(self, attempt: str) -> bool:
        """True for the right password, in a time that tells nothing about how wrong it was."""
        found = _scrypt(attempt, self.salt, (self.n, self.r, self.p), len(self.digest))
        return hmac.compare_digest(found, self.digest)


DECOY = Password(n=16384, r=8, p=1, salt=bytes(_SALT_BYTES), digest=bytes(_HASH_BYTES))

_ZEROS = [base64.b64encode(bytes(size)).decode() for size in (_SALT_BYTES, _HASH_BYTES)]
NOBODYS = "$".join(["scrypt", "2", "1", "1", *_ZEROS])  # stands where a password was taken out


def hash_password(password: str, n: int = 16384) -> str:
    """The text to store for a password."""
    salt = os.urandom(_SALT_BYTES)
    digest = _scrypt(password, salt, (n, 8, 1), _HASH_BYTES)
    coded = [base64.b64encode(part).decode() for part in (salt, digest)]
    return "$".join(["scrypt", str(n), "8", "1", *coded])


def parse_password(text: str) -> Password:
    """The stored password; raises ValueError saying what is wrong, never the text itself."""
    fields = text.split("$")
    if len(fields) != 6 or fields[0] != "scrypt":
        raise ValueError("a password reads scrypt$n$r$p$salt$hash")
    n, r, p = (_cost(name, field) for name, field in zip("nrp", fields[1:4], strict=True))
    if n < 2 or n & (n - 1):
        raise ValueError("the n of a password is a power of two")
    try:
        salt, digest = (base64.b64decode(field, validate=True) for field in fields[4:])
    except binascii.Error as error:
        raise ValueError("salt and hash of a password are base64") from error
    if len(salt) < 8 or len(digest) < 16:
        raise ValueError("salt or hash of a password is too short")
    return Password(n, r, p, salt, digest)


def _cost(name: str, field: str) -> int:
    if not (field.isascii() and field.isdigit() and 1 <= int(field) <= _MOST[name]):
        raise ValueError(f"the {name} of a password is a number from 1 to {_MOST[name]}")
    return int(field)


def _scrypt(password: str, salt: bytes, cost: tuple[int, int, int], length: int) -> bytes:
    n, r, p = cost
    room = 128 * r * (n + p + 2)
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=length, maxmem=room)
