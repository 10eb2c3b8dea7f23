"""Each option of vsftpd is read by some code, or a reason says why nobody's rights depend on it."""

import re
from pathlib import Path

import pytest

from recert.connectors import vsftpd
from recert.connectors.contract import ServerDataInvalid, SettingsInvalid
from recert.connectors.hosts import LocalHost
from recert.connectors.vsftpd.builds import build_of, marks_of
from recert.connectors.vsftpd.known_options import (
    NUMBERS,
    OTHERS,
    SWITCHES,
    TEXTS,
    WITHOUT_BEARING,
)
from recert.connectors.vsftpd.options import parse

EVERY = {*SWITCHES, *NUMBERS, *TEXTS, *OTHERS}
# use cases.py builds these names.
BUILT = {f"anon_{name}_enable" for name in ("upload", "mkdir_write", "other_write")}


def named_in_code() -> set[str]:
    folder = Path(vsftpd.__file__).parent
    texts = [one.read_text() for one in folder.glob("*.py") if one.name != "known_options.py"]
    return {word for text in texts for word in re.findall(r'"([a-z0-9_]+)"', text)} | BUILT


def test_each_option_has_code_or_a_reason() -> None:
    code = named_in_code()
    assert not EVERY - code - WITHOUT_BEARING.keys()
    assert not sorted(WITHOUT_BEARING.keys() & code)
    assert WITHOUT_BEARING.keys() <= EVERY


def test_an_option_of_another_build_is_named_as_such() -> None:
    with pytest.raises(ServerDataInvalid, match=r"x:2: reverse_lookup_enable.*build=redhat"):
        parse(b"write_enable=YES\nreverse_lookup_enable=NO\n", "x")
    parse(b"reverse_lookup_enable=NO\n", "x", build="redhat")
    assert parse(b"ssl_tlsv1_3=NO\n", "x", build="3.0.5").text("pam_service_name") == "ftp"
    with pytest.raises(SettingsInvalid, match=r"debian, debian-3\.0\.5, redhat, 3\.0\.5"):
        parse(b"", "x", build="suse")


DEBIANS = b"/var/run/vsftpd/empty"
NEWER = b"ssl_tlsv1_3"


@pytest.mark.parametrize(
    ("words", "build"),
    [
        ((DEBIANS,), "debian"),
        ((DEBIANS, NEWER, b"ssl_sni_hostname"), "debian-3.0.5"),
        ((b"/usr/share/empty", NEWER, b"ssl_sni_hostname"), "3.0.5"),
        ((b"/usr/share/empty", NEWER, b"reverse_lookup_enable"), "redhat"),
    ],
)
def test_the_program_shows_its_build(tmp_path: Path, words: tuple[bytes, ...], build: str) -> None:
    program = tmp_path / "usr/sbin/vsftpd"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF\0" + b"\0".join((b"vsftpd: version 3\n", *words, b"")))
    with LocalHost() as host:
        assert build_of(host, {"prefix": str(tmp_path)}) == build
        assert build_of(host, {"prefix": str(tmp_path), "build": "redhat"}) == "redhat"
        program.write_bytes(marks_of(program.read_bytes()))  # what a recording keeps
        assert build_of(host, {"prefix": str(tmp_path)}) == build
        program.write_bytes(b"\0".join((*words, b"")))  # another program
        assert build_of(host, {"prefix": str(tmp_path)}) == "debian"
        program.unlink()
        assert build_of(host, {"prefix": str(tmp_path)}) == "debian"


def test_a_file_of_a_newer_release_is_read_where_its_program_is(tmp_path: Path) -> None:
    (tmp_path / "vsftpd.conf").write_text("local_enable=YES\nssl_tlsv1_3=YES\n")
    program = tmp_path / "usr/sbin/vsftpd"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\0".join((b"vsftpd: version 3.0.5\n", DEBIANS, NEWER, b"")))
    settings = {"config": f"{tmp_path}/vsftpd.conf", "root": str(tmp_path)}
    with LocalHost() as host:
        build = build_of(host, {**settings, "prefix": str(tmp_path)})
        raw = host.read(settings["config"])
    assert parse(raw, "x", build=build).text("pam_service_name") == "vsftpd"
    with pytest.raises(ServerDataInvalid, match="another build"):
        parse(raw, "x")


def test_a_file_that_is_not_vsftpds_keeps_its_text_to_itself() -> None:
    shadow = b"root:$6$secret:1::::::\nacc1:!:1::::::\n"
    with pytest.raises(ServerDataInvalid) as raised:
        parse(shadow, "x")
    assert "x:1" in raised.value.message
    assert "secret" not in raised.value.message
    assert "root" not in raised.value.message


def test_the_value_of_a_line_is_not_told() -> None:
    with pytest.raises(ServerDataInvalid) as raised:
        parse(b"listen=YES\nwrite_enable=secret\nlocal_root=/srv\n", "x")
    assert "secret" not in raised.value.message
