"""The verifier that travels in a package: its published hash, its limits, what it names."""

import hashlib
import io
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pypdf import PdfReader

from recert.cli import cli
from recert.evidence import verifier
from recert.evidence.package.export import _seal
from tests.support import packages

DOCS = Path(__file__).parents[2] / "docs" / "auditing.md"


class TestItsHash:
    def test_the_documentation_publishes_the_one_of_this_version(self) -> None:
        ours = hashlib.sha256(Path(verifier.__file__).read_bytes()).hexdigest()
        assert f"    {ours}\n" in DOCS.read_text(encoding="utf-8"), (
            f"recert/evidence/verifier.py changed: write {ours} into docs/auditing.md"
        )
        done = CliRunner().invoke(cli, ["evidence", "verifier"])
        assert done.output.strip() == ours

    def test_a_package_with_another_verifier_is_found(
        self, package: Path, key: Ed25519PrivateKey
    ) -> None:
        done = CliRunner().invoke(cli, ["evidence", "verify", str(package)])
        assert "is that of this installation" in done.output
        contents = packages.files(package)
        contents["verify.py"] = b"print('GENUINE')\n"
        forged = packages.forged(package, contents, key)
        done = CliRunner().invoke(cli, ["evidence", "verify", str(forged)])
        assert done.exit_code == 2
        assert "NOT that of this installation" in done.output

    def test_the_paper_has_it(self, package: Path) -> None:
        pages = PdfReader(io.BytesIO(packages.files(package)["summary.pdf"])).pages
        text = "".join(page.extract_text() for page in pages).replace("\n", "")
        assert hashlib.sha256(Path(verifier.__file__).read_bytes()).hexdigest() in text


class TestAChangedMember:
    @pytest.mark.parametrize("name", ["items.csv", "orders.jsonl", "summary.pdf", "trail.jsonl"])
    def test_it_is_named(self, package: Path, name: str) -> None:
        with zipfile.ZipFile(package) as opened:
            member = opened.getinfo(name)
        raw = bytearray(package.read_bytes())
        sizes = raw[member.header_offset + 26 : member.header_offset + 30]
        start = member.header_offset + 30 + sum(struct.unpack("<HH", sizes))
        raw[start + member.compress_size // 2] ^= 1
        package.write_bytes(raw)
        said = packages.refused(package)
        assert "changed after it was sealed" in said
        assert name in said


class TestLimits:
    def bomb(self, package: Path, key: Ed25519PrivateKey, name: str, size: int) -> Path:
        made = package.with_name("bomb.zip")
        with made.open("w+b") as file:
            with zipfile.ZipFile(package) as old, zipfile.ZipFile(file, "w", 8) as new:
                for each in old.namelist():
                    if each != name:
                        new.writestr(each, old.read(each))
                with new.open(name, "w", force_zip64=True) as member:
                    for _ in range(size // (1 << 20)):
                        member.write(b"0" * (1 << 20))
            _seal(file, key)
        return made

    @pytest.mark.parametrize("name", ["items.csv", "trail.jsonl", "summary.pdf"])
    def test_what_would_grow_too_much_is_not_unpacked(
        self, package: Path, key: Ed25519PrivateKey, name: str
    ) -> None:
        made = self.bomb(package, key, name, 300 << 20)
        assert f"{name} would grow" in packages.refused(made)

    def test_memory_stays_small_with_a_bomb(self, package: Path, key: Ed25519PrivateKey) -> None:
        made = self.bomb(package, key, "campaign.json", 500 << 20)
        # ru_maxrss would be that of the process that started it.
        script = (
            "import sys; import alone; code = alone.main([sys.argv[1]]); "
            "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]; "
            "print(code, int(peak[0].split()[1]) // 1024)"
        )
        shutil.copy(verifier.__file__, made.with_name("alone.py"))
        command = [sys.executable, "-c", script, str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=made.parent)
        code, megabytes = done.stdout.splitlines()[-1].split()
        assert code == "2"
        assert int(megabytes) < 100

    def test_too_many_files_are_refused(self, package: Path, key: Ed25519PrivateKey) -> None:
        contents = packages.files(package)
        contents.update({f"more{n}.txt": b"" for n in range(100)})
        assert "files, where at most" in packages.refused(packages.forged(package, contents, key))

    def test_a_line_without_end_is_refused(
        self, package: Path, key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verifier, "MOST_READ_WHOLE", 100_000)
        contents = packages.files(package)
        contents["late.csv"] += b"x" * 120_000
        assert "late.csv has a line" in packages.refused(packages.forged(package, contents, key))


def test_it_runs_alone_from_a_copy(package: Path, tmp_path: Path) -> None:
    shutil.copy(verifier.__file__, tmp_path / "alone.py")
    command = [sys.executable, "-I", "-S", str(tmp_path / "alone.py"), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
