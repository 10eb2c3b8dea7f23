"""The main job on a real server, by the command line alone: read, ask, revoke, prove, undo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemons.residents import SECRET
from tests.daemons.rig_vsftpd import VsftpdRig
from tests.daemons.worlds import Ground

pytestmark = pytest.mark.daemon
ALICE = "alice@example.org"
OLGA, OTTO = "olga@example.org", "otto@example.org"


class Recert:
    """The command, with a home of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._environment = {**os.environ, "RECERT_HOME": str(place / "home")}

    def __call__(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("recert")), *words],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def file(self, name: str, text: str) -> str:
        (self._place / name).write_text(text, encoding="utf-8")
        return str(self._place / name)

    def rows(self, *words: str) -> list[dict]:
        return [json.loads(line) for line in self(*words).splitlines()]


def test_a_revocation_from_the_question_to_the_refused_client(tmp_path: Path) -> None:
    recert = Recert(tmp_path)
    with Ground.of("vsftpd", 2) as ground, VsftpdRig(ground) as rig:
        recert("db", "upgrade")
        given = [f"{key}={value}" for key, value in rig.settings().items()]
        recert("server", "add", "ftp1", "vsftpd", *(w for one in given for w in ("--set", one)))
        recert("server", "test", "ftp1")
        recert("server", "enable-writes", "ftp1")
        recert("snapshot", "ftp1")
        recert("people", "import", recert.file("p.csv", f"email,name,organisation\n{ALICE},A,B\n"))
        owner = f"server,folder,owner_email\nftp1,{ground.root},{ALICE}\n"
        recert("owners", "import", recert.file("o.csv", owner))
        recert("campaign", "launch", "Quarter 4")

        before = rig.probed("ftp")
        item = _a_right_of_its_own(recert, rig)
        cell = (item["account"], item["folder"])
        assert before[cell]
        password = recert.file("password", SECRET + "\n")
        probing = ("--probe", cell[0], "--password-file", password, "--probe-port", str(rig.port))
        assert "folders agree" in recert("server", "test", "ftp1", *probing)

        number = str(item["item"])
        recert("decide", number, "revoke", "--as", ALICE, "--reason", "not needed any more")
        secret = ("--password", "correct horse battery")
        for email, name in ((OLGA, "Olga"), (OTTO, "Otto")):
            recert("user", "add", email, "--name", name, "--role", "officer", *secret)
        recert("campaign", "close", "Quarter 4", code=4)  # one alone does not end it early
        recert("--as", OTTO, "campaign", "close", "Quarter 4", "--reason", "Only one is asked.")
        recert("campaign", "close", "Quarter 4", "--as", OLGA)
        recert("order", "run")
        order = recert.rows("order", "list", "--json")[0]
        assert order["state"] == "verified", order
        assert not rig.probed("ftp")[cell]

        recert(
            *("--as", OTTO, "order", "undo", str(order["order"])),
            *("--reason", "Mistake", "--approved-by", OLGA),
        )
        recert("order", "run")
        assert rig.probed("ftp") == before
        recert("trail", "verify")


def _a_right_of_its_own(recert: Recert, rig: VsftpdRig) -> dict:
    """An item of a named user whose uid nobody shares, below the root of the tree."""
    names = {user.name for user in rig.users}
    shared = [user.uid for user in rig.users]
    alone = {user.name for user in rig.users if shared.count(user.uid) == 1} & names
    return next(
        row
        for row in recert.rows("campaign", "show", "Quarter 4", "--json")
        if row["account"] in alone
        and row["folder"] != str(rig.ground.root)
        and not rig.of_users.get(row["account"])
    )
