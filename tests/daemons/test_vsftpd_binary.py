"""What Recert believes of vsftpd's program beside what stands in its memory."""

import re
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from recert.connectors.hosts import LocalHost
from recert.connectors.vsftpd.builds import build_of
from recert.connectors.vsftpd.known_options import DEBIAN, NUMBERS, SWITCHES, TEXTS
from tests.daemons.residents import new_place
from tests.daemons.rigs import DAEMONS
from tests.daemons.running import LOOPBACK, Daemon, free_port

pytestmark = pytest.mark.daemon
# The test has to say these itself.
SAID = ("listen", "listen_port", "listen_address", "background")
NAME = re.compile(rb"([a-z0-9_]{5,40})\0")


class Memory:
    """Of a running process: its program and its heap."""

    def __init__(self, pid: int) -> None:
        self._parts: list[tuple[int, bytes]] = []
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                if line.endswith(("/vsftpd", "[heap]")):
                    first, last = (int(word, 16) for word in line.split()[0].split("-"))
                    memory.seek(first)
                    self._parts.append((first, memory.read(last - first)))

    def at(self, address: int, size: int) -> bytes:
        for first, content in self._parts:
            if first <= address < first + len(content):
                return content[address - first : address - first + size]
        return b""

    def text(self, address: int) -> str:
        return self.at(address, 200).partition(b"\0")[0].decode()

    def options(self) -> Iterator[tuple[str, int]]:
        """The tables of the program: the name of an option, and where its value stands."""
        for _, content in self._parts:
            for offset in range(0, len(content) - 15, 8):
                name, place = struct.unpack_from("QQ", content, offset)
                found = NAME.match(self.at(name, 41))
                if found and len(self.at(place, 8)) == 8:
                    yield found[1].decode(), place


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    place, port = new_place(950), free_port()
    config = place / "vsftpd.conf"
    config.write_text(f"listen=YES\nlisten_port={port}\nlisten_address={LOOPBACK}\nbackground=NO\n")
    program = str(DAEMONS / "vsftpd/usr/sbin/vsftpd")
    daemon = Daemon([program, str(config)], [port], place / "log")
    daemon.start()
    try:
        yield Memory(daemon.pid)
    finally:
        daemon.stop()
        shutil.rmtree(place)


def test_it_knows_exactly_these_options(memory: Memory) -> None:
    # The values of two texts look like names of options with a value of their own.
    found = {name for name, _ in memory.options()} - {"nobody", "vsftpd"}
    assert found == {*SWITCHES, *NUMBERS, *TEXTS}


def test_it_has_these_defaults(memory: Memory) -> None:
    wrong = []
    for name, place in memory.options():
        if name in SAID:
            continue
        number, pointer = (
            struct.unpack(form, memory.at(place, size))[0] for form, size in (("i", 4), ("Q", 8))
        )
        differs = name in SWITCHES and bool(number) != SWITCHES[name]
        if differs or (name in TEXTS and memory.text(pointer) != TEXTS[name]):
            wrong.append(name)
    assert not wrong


def test_the_packaged_program_shows_its_build() -> None:
    with LocalHost() as host:
        assert build_of(host, {"prefix": str(DAEMONS / "vsftpd")}) == DEBIAN
    raw = (DAEMONS / "vsftpd/usr/sbin/vsftpd").read_bytes()
    assert b"vsftpd: version " in raw
    assert b"/var/run/vsftpd/empty\0" in raw
