"""System users and groups of a test, under names that no real account has, and gone afterwards.

The servers under test know their accounts from /etc/passwd, so the tests have to write there.
Everything carries the process id of the run that made it: what a killed run left behind is
recognised, and removed by the next one.
"""

import fcntl
import grp
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

PREFIX = f"rct-{os.getpid()}-"
MADE_BY_A_RUN = re.compile(r"rct-(\d+)-[a-z0-9]+")
GECOS = "account of a Recert test"
PLACES = Path("/srv")
PAM = Path("/etc/pam.d")
LOCKS = Path("/run/lock")

SECRET = "secret"
HASH = (
    "$6$recertrig$nO2tmW7BN9WzZ/MvG0bqtUu/OKpqxpjXRiNUNPFJaw."
    "xnO.HRBNVJ1swhZLD4vh4fEJOGonBCRa8rwjUF/KNF1"
)
EXPIRED = "2020-01-31"
FIRST_ID = 700_000
IDS_OF_A_RUN = 100
LOCKED_BY_ANOTHER = ("cannot lock", "try again later")


@dataclass(frozen=True)
class Group:
    name: str
    gid: int


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int
    home: Path
    shell: str
    groups: tuple[str, ...]  # beside the primary one


class Residents:
    """Makes users and groups; all of them move out at the end."""

    def __init__(self) -> None:
        self.users: list[User] = []
        self.groups: list[Group] = []
        self._turns: list[IO[str]] = []
        self._next = FIRST_ID + os.getpid() % 8000 * IDS_OF_A_RUN

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        for user in self.users:
            _remove("userdel", user.name)
        for group in self.groups:
            _remove("groupdel", group.name)
        for turn in self._turns:
            turn.close()

    def take_turn(self, name: str) -> bool:
        """For a name that is not ours to choose: one world after the other has it, until all of
        its users are gone. False where the machine has that user of its own."""
        turn = (LOCKS / f"rct-turn-{name}").open("w")
        fcntl.flock(turn, fcntl.LOCK_EX)
        self._turns.append(turn)
        forget_dead_runs()
        try:
            return pwd.getpwnam(name).pw_gecos == GECOS
        except KeyError:
            return True

    def names(self) -> set[str]:
        return {one.name for one in (*self.users, *self.groups)}

    def add_group(self, name: str) -> Group:
        group = Group(PREFIX + name, self.free_id())
        _run("groupadd", "-g", str(group.gid), group.name)
        self.groups.append(group)
        return group

    def add_user(
        self,
        name: str,
        primary: Group,
        groups: Iterable[Group] = (),
        *,
        home: Path,
        shell: str = "/bin/sh",
        password: str = HASH,
        expires: str = "",
        twin_of: User | None = None,
        full_name: bool = True,
    ) -> User:
        """A user with the common password; a twin shares the uid of another one."""
        names = tuple(group.name for group in groups)
        uid = twin_of.uid if twin_of else self.free_id()
        login = PREFIX + name if full_name else name
        user = User(login, uid, primary.gid, home, shell, names)
        command = ["useradd", "--no-log-init", "--no-create-home", "--no-user-group"]
        command += ["-u", str(uid), "-g", str(primary.gid), "-d", str(home), "-s", shell]
        command += ["-p", password, "-c", GECOS, "-K", "UID_MAX=9999999"]
        command += ["-o"] if twin_of else []
        command += ["-G", ",".join(names)] if names else []
        command += ["-e", expires] if expires else []
        _run(*command, user.name)
        self.users.append(user)
        return user

    def free_id(self) -> int:
        while _taken(self._next):
            self._next += 1
        self._next += 1
        return self._next - 1


def new_place(number: int) -> Path:
    """A folder that every account can reach and that sshd accepts as a jail: neither pytest's own
    folders nor /tmp are, because one is closed and the other one open to everybody."""
    place = PLACES / f"{PREFIX}w{number}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o755, parents=True)
    place.chmod(0o755)
    return place


def forget_dead_runs() -> None:
    """Removes what runs left behind that were killed before they could clean up."""
    for user in pwd.getpwall():
        # One user has a name that is not ours to choose; its home still says whose it is.
        names = (user.pw_name, *Path(user.pw_dir).parts)
        if user.pw_gecos == GECOS and any(_is_left_over(name) for name in names):
            _remove("userdel", user.pw_name)
    for group in grp.getgrall():
        if _is_left_over(group.gr_name):
            _remove("groupdel", group.gr_name)
    for place in PLACES.glob("rct-*"):
        if _is_left_over(place.name):
            shutil.rmtree(place, ignore_errors=True)
    for service in PAM.glob("rct-*"):
        if _is_left_over(service.name):
            service.unlink(missing_ok=True)


def _is_left_over(name: str) -> bool:
    found = MADE_BY_A_RUN.fullmatch(name)
    return found is not None and not Path("/proc", found[1]).exists()


def _taken(number: int) -> bool:
    try:
        grp.getgrgid(number)
    except KeyError:
        pass
    else:
        return True
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True


def _run(*command: str) -> None:
    """Another worker may hold the lock of /etc/passwd for a moment."""
    for _attempt in range(20):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if not any(words in done.stderr for words in LOCKED_BY_ANOTHER):
            break
        time.sleep(0.2)
    raise AssertionError(f"{' '.join(command)}: {done.stderr}")


def _remove(command: str, name: str) -> None:
    """`userdel` refuses while a session of the account is still ending, and so is forced. Two
    workers may clean up after the same dead run."""
    try:
        _run(command, "-f", name)
    except AssertionError as error:
        if "does not exist" not in str(error):
            raise
