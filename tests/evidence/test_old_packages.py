"""Packages of earlier versions are checked as far as what they carry goes."""

import shutil
from pathlib import Path

from recert.evidence import verifier

OLD = Path(__file__).parent / "packages" / "format-2.zip"
KEY = "8f7e eab9 e9a5 60d0 2955 4a75 cce4 163f ec1e 7f53 371f 7c35 9aec 2244 a1e1 d4e6"


class TestAPackageFromBeforeTheDigests:
    def test_it_still_holds_and_says_what_it_lacks(self) -> None:
        lines = verifier.check(str(OLD), KEY)
        lacks = [line for line in lines if line.startswith("NOT PROVED")]
        assert len(lacks) == 1
        assert "before the trail kept digests" in lacks[0]

    def test_a_changed_byte_of_it_is_found(self, tmp_path: Path) -> None:
        copy = Path(shutil.copy(OLD, tmp_path / "old.zip"))
        raw = bytearray(copy.read_bytes())
        raw[5000] ^= 1
        copy.write_bytes(raw)
        assert verifier.main([str(copy)]) == 2
