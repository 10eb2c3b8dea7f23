"""Each option of vsftpd is read by some code, or a reason says why nobody's rights depend on it."""

import re
from pathlib import Path

import pytest

from recert.connectors import vsftpd
from recert.connectors.contract import ServerDataInvalid, SettingsInvalid
from recert.connectors.vsftpd.known_options import (
    NUMBERS,
    OTHERS,
    SWITCHES,
    TEXTS,
    WITHOUT_BEARING,
)
from recert.connectors.vsftpd.options import parse

EVERY = {*SWITCHES, *NUMBERS, *TEXTS, *OTHERS}
# verbs.py builds these names.
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
    with pytest.raises(SettingsInvalid, match=r"debian, redhat, 3\.0\.5"):
        parse(b"", "x", build="suse")


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
