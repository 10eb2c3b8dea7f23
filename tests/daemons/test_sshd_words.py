"""How sshd splits its lines, asked of `sshd -T`: quotes, remarks, equal signs, any case."""

import random
import subprocess
from pathlib import Path

import pytest

from recert.connectors.hosts import LocalHost
from recert.connectors.openssh import request_filter, syntax
from tests.daemons.rig_openssh import key, settle_privilege_separation
from tests.daemons.rigs import DAEMONS

SSHD = str(DAEMONS / "openssh/usr/sbin/sshd")
KEYWORDS = {
    "DenyUsers": ("anna", '"anna"', "anna ben", '"anna" ben', "a*,!b", "anna@10.0.0.1"),
    "AllowGroups": ("staff", '"staff" "it"', "s*"),
    "ChrootDirectory": ("/srv", '"/srv/two words"', "%h", '"%h/in"', "/srv/%u", "none"),
    "ForceCommand": (
        *("internal-sftp", "internal-sftp -R", '"internal-sftp" -R', "none"),
        *(
            "internal-sftp -d '/x y'",
            "umask 002; /usr/lib/openssh/sftp-server",
            "internal-sftp  -R",
        ),
    ),
    "Subsystem": (
        *("sftp internal-sftp", 'sftp "internal-sftp" -R', "sftp  internal-sftp  -l  INFO"),
        'sftp "internal-sftp -R"',
    ),
    "AuthorizedKeysFile": ("/etc/keys/%u", '"/etc/two words/%u" .ssh/x', "none"),
    "PermitRootLogin": ("no", "yes", "forced-commands-only"),
    "UsePAM": ("yes", "no"),
}
BETWEEN = (" ", "\t", "  ", "=", " = ")
BEHIND = ("", "", " ", "\t", " # a remark", "  #x", "\r")

pytestmark = pytest.mark.daemon


def spoken(config: Path) -> dict[str, list[str]] | None:
    """The values that sshd itself has, by keyword; lists have a line for each. None when it
    refuses the file."""
    command = [SSHD, "-T", "-f", str(config), "-C", "user=root,host=x,addr=10.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    return found


def ours(config: Path) -> dict[str, list[str]]:
    with LocalHost() as host:
        values = syntax.values_for(syntax.read(host, str(config)), lambda block: True)
    found: dict[str, list[str]] = {}
    for keyword, lines in values.items():
        name = keyword.partition(" ")[0]
        if name in syntax.LISTS:
            found[name] = [word for line in lines for word in line.values]
        elif name == "forcecommand":
            found[name] = [lines[0].rest]
        else:
            found[name] = [" ".join(lines[0].values)]
    return found


def test_the_words_are_those_of_sshd(world_seed: int, tmp_path: Path) -> None:
    settle_privilege_separation()
    dice = random.Random(f"words {world_seed}")
    host_key = tmp_path / "host_key"
    key().write_private_key(str(host_key))
    host_key.chmod(0o600)
    accepted = 0
    for _number in range(40):
        lines = [f"HostKey {host_key}"]
        for keyword, values in KEYWORDS.items():
            word = dice.choice((keyword, keyword.lower(), keyword.upper(), f'"{keyword}"'))
            end = dice.choice(BEHIND)
            lines.append(f"{word}{dice.choice(BETWEEN)}{dice.choice(values)}{end}")
        config = tmp_path / "sshd_config"
        config.write_bytes(("\n".join(lines) + "\n").encode())
        theirs = spoken(config)
        if theirs is None:
            continue
        accepted, mine = accepted + 1, ours(config)
        for keyword in KEYWORDS:
            name = keyword.lower()
            assert mine[name] == theirs[name], (lines, name)
        command = theirs["forcecommand"][0]
        if command != "none":
            assert request_filter.of_command(mine["forcecommand"][0]) == request_filter.of_command(
                command
            )
    assert accepted > 5
