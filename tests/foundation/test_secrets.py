"""Keys on disk and random tokens."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from recert.foundation import secrets
from recert.foundation.secrets import KeyDamaged


class TestAKeyFile:
    def test_only_its_owner_can_read_it(self, tmp_path: Path) -> None:
        keys = tmp_path / "keys"
        secrets.session_key(keys)
        secrets.signing_key(keys)
        assert stat.S_IMODE(keys.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()}
        assert modes == {"session.key": 0o600, "signing.key": 0o600}

    def test_it_stays_the_same(self, tmp_path: Path) -> None:
        first = secrets.signing_key(tmp_path).private_bytes_raw()
        assert secrets.signing_key(tmp_path).private_bytes_raw() == first
        assert len(secrets.session_key(tmp_path)) == 32

    def test_eight_threads_get_one_key(self, tmp_path: Path) -> None:
        for attempt in range(20):
            keys, start = tmp_path / str(attempt), threading.Barrier(8)

            def fetch(_number: int, keys: Path = keys, start: threading.Barrier = start) -> bytes:
                start.wait()
                return secrets.session_key(keys)

            with ThreadPoolExecutor(8) as pool:
                assert len(set(pool.map(fetch, range(8)))) == 1
            assert [file.name for file in keys.iterdir()] == ["session.key"]

    @pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
    def test_a_damaged_one_is_named_and_kept(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "signing.key").write_bytes(content)
        with pytest.raises(KeyDamaged, match=r"signing\.key"):
            secrets.signing_key(tmp_path)
        assert (tmp_path / "signing.key").read_bytes() == content


class TestATokensDigest:
    def test_it_does_not_show_the_token(self) -> None:
        token = secrets.new_token()
        assert len(token) == 43
        assert token not in secrets.digest(token)
        assert secrets.new_token() != token

    def test_a_fingerprint_can_be_read_aloud(self) -> None:
        groups = secrets.fingerprint(b"key").split()
        assert [len(group) for group in groups] == [4] * 16
