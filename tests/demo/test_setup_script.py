"""The script that installs Debian packages, with stand-ins for the commands it calls."""

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "install-system.sh"


def run(folder: Path, *, installed: bool, user: int, sudo: bool) -> tuple[int, str]:
    """The exit code and everything it printed, its calls of apt-get included."""
    commands = {
        "dpkg-query": "echo installed" if installed else "exit 1",
        "id": f"echo {user}",
        "apt-get": 'echo "apt-get $*" >&2',
    }
    if sudo:
        commands["sudo"] = 'echo "sudo $*"; exec "$@"'
    for name, text in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    for name in ("sh", "env"):
        if not (folder / name).exists():
            (folder / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        ["/bin/sh", "-x", SCRIPT, "run"],
        env={**os.environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_does_nothing_when_all_is_there(tmp_path: Path) -> None:
    code, said = run(tmp_path, installed=True, user=1000, sudo=False)
    assert code == 0
    assert "apt-get" not in said


def test_root_installs_without_sudo(tmp_path: Path) -> None:
    code, said = run(tmp_path, installed=False, user=0, sudo=True)
    assert code == 0
    assert "sudo " not in said
    assert "apt-get -qq -y --no-install-recommends" in said


def test_others_install_with_sudo(tmp_path: Path) -> None:
    code, said = run(tmp_path, installed=False, user=1000, sudo=True)
    assert code == 0
    assert "sudo env DEBIAN_FRONTEND=noninteractive apt-get" in said


def test_without_sudo_it_names_the_packages(tmp_path: Path) -> None:
    code, said = run(tmp_path, installed=False, user=1000, sudo=False)
    assert code == 1
    assert "Ask an administrator for: apt-get install gcc libc6-dev libldap2-dev" in said
