"""Keys on disk and random tokens. Key files are made once, readable by their owner only."""

import base64
import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from recert.foundation.errors import RecertError

KEY_SIZE = 32


class KeyDamaged(RecertError):
    """A key file is damaged. Restore it from the backup."""


def new_token() -> str:
    """256 random bits, safe in a URL."""
    return secrets.token_urlsafe(32)


def new_number() -> str:
    """A name for something that needs one: 64 random bits. No spreadsheet takes it for a
    formula, as it would a token that begins with a minus."""
    return secrets.token_hex(8)


def new_reply_key() -> str:
    """128 random bits in lower case characters and digits, for the local part of an address."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_key(keys: Path) -> bytes:
    """Signs the session cookie."""
    return _kept(keys / "session.key", lambda: secrets.token_bytes(32))


def signing_key(keys: Path) -> Ed25519PrivateKey:
    """Signs checkpoints of the trail and evidence packages."""
    seed = _kept(keys / "signing.key", lambda: Ed25519PrivateKey.generate().private_bytes_raw())
    return Ed25519PrivateKey.from_private_bytes(seed)


def fingerprint(public_key: bytes) -> str:
    """Sixteen groups of four hex digits that people can compare on paper."""
    text = hashlib.sha256(public_key).hexdigest()
    return " ".join(text[at : at + 4] for at in range(0, 64, 4))


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_once(path, make)
    key = path.read_bytes()
    if len(key) != KEY_SIZE:
        raise KeyDamaged(f"File: {path}.")
    return key


def _make_once(path: Path, make: Callable[[], bytes]) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())  # a key must not be empty after a power cut
    with contextlib.suppress(FileExistsError):  # another process was first: its key counts
        os.link(draft, path)
    draft.unlink()
