"""Reading people from a directory: a real OpenLDAP with the attributes of eDirectory."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from recert.foundation.errors import BadInput
from recert.people.sources.contract import PersonFact
from recert.people.sources.ldap import LdapPeople, NobodyThere, StatusUnreadable
from recert.people.sources.ldap_connection import (
    AnswerIncomplete,
    DirectoryUnreachable,
    DirectoryUnreadable,
    SignInRefused,
)
from recert.people.sources.ldap_profiles import settings_of
from tests.support.directory import (
    BLIND,
    CAPPED,
    PEOPLE,
    DirectoryServer,
    Someone,
    cast,
    dn,
    guid,
    many,
)
from tests.support.slapd import PASSWORD


@pytest.fixture(scope="module")
def directory() -> Iterator[DirectoryServer]:
    with DirectoryServer([*cast(), *many(40)]) as server:
        yield server


def source(server: DirectoryServer, password: str = PASSWORD, **more: str) -> LdapPeople:
    return LdapPeople(settings_of(server.settings(**more)), password)


def read(server: DirectoryServer, **more: str) -> dict[str, PersonFact]:
    return {one.name: one for one in source(server, **more).persons()}


class TestReading:
    def test_every_person_comes_page_by_page(self, directory: DirectoryServer) -> None:
        assert len(read(directory, page_size="7")) == 44

    def test_the_profile_maps_what_edirectory_has(self, directory: DirectoryServer) -> None:
        alice = read(directory)["Alice Archer"]
        assert alice.email == "alice@firm.example"
        assert alice.key == guid("Alice Archer").hex().upper()
        assert (alice.department, alice.organisation, alice.active) == ("Finance", "", True)
        assert alice.manager_ref == read(directory)["Mona Mill"].ref

    def test_who_is_disabled_is_not_active(self, directory: DirectoryServer) -> None:
        assert read(directory)["Lea Left"].active is False

    def test_every_attribute_can_be_mapped_otherwise(self, directory: DirectoryServer) -> None:
        more = {"map.department": "sn", "map.manager": "none", "map.key": "mail"}
        alice = read(directory, **more)["Alice Archer"]
        assert (alice.department, alice.key) == ("Archer", "alice@firm.example")
        assert not isinstance(alice.manager_ref, str)

    def test_ldaps_is_read_too(self) -> None:
        with TlsDirectory() as server:
            assert set(read(server, url=server.tls_url)) == {one.cn for one in cast()}

    def test_one_entry_is_looked_up_for_whoever_maps(self, directory: DirectoryServer) -> None:
        ((fact, entry),) = source(directory).look_up("alice@firm.example")
        assert (fact.name, entry["cn"]) == ("Alice Archer", [b"Alice Archer"])
        assert source(directory).look_up("*") == []
        assert source(directory).look_up("x)(cn=*") == []


class TlsDirectory(DirectoryServer):
    """Listens with TLS from the first byte only."""

    @property
    def url(self) -> str:
        return f"ldaps://127.0.0.1:{self.port}"

    tls_url = url


@pytest.fixture(scope="module")
def states() -> Iterator[DirectoryServer]:
    with DirectoryServer(
        [
            Someone(
                "On", "on@f.example", more={"userAccountControl": "512", "employeeStatus": "A"}
            ),
            Someone("Off", "off@f.example", more={"userAccountControl": "514"}),
            Someone("Gone", "gone@f.example", more={"employeeStatus": "terminated"}),
            Someone("Ends", "e@f.example", more={"loginExpirationTime": "20261231235959Z"}),
            Someone("Never", "n@f.example", more={"accountExpires": "9223372036854775807"}),
            Someone("Soon", "s@f.example", more={"accountExpires": "134116992000000000"}),
            Someone("Odd", "odd@f.example", more={"accountExpires": "soon"}),
        ]
    ) as server:
        yield server


class TestStatusRules:
    def active(self, server: DirectoryServer, rules: str) -> set[str]:
        return {name for name, one in read(server, status=rules).items() if one.active}

    def test_a_bit(self, states: DirectoryServer) -> None:
        assert "Off" not in self.active(states, "userAccountControl:bit:2")
        assert "On" in self.active(states, "userAccountControl:bit:2")

    def test_values_whatever_their_case(self, states: DirectoryServer) -> None:
        assert "Gone" not in self.active(states, "employeeStatus:values:T,Terminated")

    def test_absence_can_mean_inactive(self, states: DirectoryServer) -> None:
        assert self.active(states, "employeeStatus:values:terminated:absent=inactive") == {"On"}

    def test_dates_become_last_days(self, states: DirectoryServer) -> None:
        rules = "loginExpirationTime:date; accountExpires:filetime"
        found = read(states, status=rules)
        assert found["Ends"].left_on == date(2026, 12, 31)
        assert found["Soon"].left_on == date(2026, 1, 1)
        assert found["Never"].left_on is None
        assert found["On"].left_on is None

    def test_a_value_that_nobody_understands_states_nothing(self, states: DirectoryServer) -> None:
        odd = read(states, status="accountExpires:filetime")["Odd"]
        assert "accountExpires" in odd.problem
        assert not isinstance(odd.active, bool)

    @pytest.mark.parametrize(
        "rule", ["x", "x:bit", "x:values", "x:boolean:1", "x:date:absent=no", "(x):boolean", "x:y"]
    )
    def test_a_rule_that_is_none_is_refused(self, directory: DirectoryServer, rule: str) -> None:
        with pytest.raises(BadInput, match="A status rule looks like"):
            settings_of(directory.settings(status=rule))


class TestRightsThatAreMissing:
    def test_a_status_that_nobody_shows_stops_everything(self, directory: DirectoryServer) -> None:
        with pytest.raises(StatusUnreadable, match=r"cn=blind.* the right to read loginDisabled"):
            read(directory, bind_dn=BLIND)

    def test_an_optional_one_is_a_warning(self, directory: DirectoryServer) -> None:
        people = source(directory)
        list(people.persons())
        assert any("loginExpirationTime" in one for one in people.warnings)

    def test_nobody_at_all_is_no_answer(self, directory: DirectoryServer) -> None:
        with pytest.raises(NobodyThere, match="filter"):
            read(directory, filter="(cn=nobody)")


class TestHalfAnAnswer:
    def test_a_limit_of_the_directory_gives_nothing_to_use(
        self, directory: DirectoryServer
    ) -> None:
        with pytest.raises(AnswerIncomplete, match="raise the size limit of cn=capped"):
            read(directory, bind_dn=CAPPED, page_size="5")

    def test_a_directory_that_dies_between_pages(self) -> None:
        with DirectoryServer([*cast(), *many(40)]) as server:
            persons = iter(source(server, page_size="5").persons())
            next(persons)
            server._daemon.stop()
            with pytest.raises(AnswerIncomplete, match="ended after 5 entries"):
                list(persons)


@contextmanager
def listening(answer: bytes = b"", closes: bool = False) -> Iterator[int]:
    """Accepts connections, may answer once, and then is silent or hangs up."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    found, _ = server.accept()
                except OSError:
                    return
                if answer:
                    found.recv(4096)
                    found.sendall(answer)
                found.close() if closes else held.append(found)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
    for one in held:
        one.close()


AGREES_TO_TLS = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"


class TestOutOfReach:
    def why(self, server: DirectoryServer, password: str = PASSWORD, **more: str) -> str:
        started = time.monotonic()
        with pytest.raises(DirectoryUnreadable) as refusal:
            list(source(server, password, **{"seconds": "1", **more}).persons())
        assert time.monotonic() - started < 10
        assert "nothing was changed" in str(refusal.value)
        return str(refusal.value)

    def test_down(self, directory: DirectoryServer) -> None:
        assert "refuses the connection" in self.why(directory, url="ldap://127.0.0.1:1")

    def test_a_name_that_does_not_exist(self, directory: DirectoryServer) -> None:
        assert "not known to DNS" in self.why(directory, url="ldap://nowhere.invalid")

    def test_silent(self, directory: DirectoryServer) -> None:
        with listening() as port:
            assert "is silent" in self.why(directory, url=f"ldap://127.0.0.1:{port}")

    def test_hanging_in_the_handshake_of_ldaps(self, directory: DirectoryServer) -> None:
        with listening() as port:
            assert "is silent" in self.why(directory, url=f"ldaps://127.0.0.1:{port}")

    def test_hanging_after_it_agreed_to_tls(self, directory: DirectoryServer) -> None:
        with listening(AGREES_TO_TLS) as port:
            assert "is silent" in self.why(directory, url=f"ldap://127.0.0.1:{port}")

    def test_hanging_up(self, directory: DirectoryServer) -> None:
        with listening(closes=True) as port:
            assert "end" in self.why(directory, url=f"ldap://127.0.0.1:{port}")

    def test_no_tls_on_a_port_of_tls(self, directory: DirectoryServer) -> None:
        with listening(b"220 ftp ready\r\n" * 20) as port:
            assert "does not speak TLS" in self.why(directory, url=f"ldaps://127.0.0.1:{port}")

    def test_a_certificate_of_an_unknown_authority(self, directory: DirectoryServer) -> None:
        assert "authority that is not trusted" in self.why(directory, ca_file="")

    def test_a_certificate_of_another_host(self) -> None:
        with DirectoryServer(host="other.example") as server:
            assert "of another host than 127.0.0.1" in self.why(server)

    def test_a_certificate_that_has_expired(self) -> None:
        with DirectoryServer(expired=True) as server:
            assert "has expired" in self.why(server)

    def test_a_ca_file_that_is_missing_or_none(self, directory: DirectoryServer) -> None:
        assert "there is no such file" in self.why(directory, ca_file="/nowhere.pem")
        assert "holds no certificate" in self.why(directory, ca_file="/etc/hostname")

    def test_a_wrong_password(self, directory: DirectoryServer) -> None:
        why = self.why(directory, "wrong")
        assert "does not accept 'cn=reader" in why
        assert "wrong" not in why

    def test_an_empty_password_is_never_sent(self, directory: DirectoryServer) -> None:
        with pytest.raises(SignInRefused):
            list(source(directory, "", url="ldap://127.0.0.1:1").persons())

    def test_a_base_that_is_not_there(self, directory: DirectoryServer) -> None:
        assert "check base" in self.why(directory, base="ou=nobody,dc=firm,dc=de")

    def test_a_filter_that_is_none(self, directory: DirectoryServer) -> None:
        assert "filter is not written correctly" in self.why(directory, filter="(cn=")

    def test_it_is_another_kind_of_error_when_trying_again_helps(
        self, directory: DirectoryServer
    ) -> None:
        with pytest.raises(DirectoryUnreachable):
            list(source(directory, url="ldap://127.0.0.1:1").persons())


class TestHostileEntries:
    def test_a_name_with_special_characters_is_text(self) -> None:
        names = ['Eve "x", O=*)(uid=*', "Zoë #1 + <2>; \\ end", " Nobody"]
        people = [Someone(name, f"h{n}@f.example", names[0]) for n, name in enumerate(names)]
        people.append(Someone("Boss", "boss@f.example", more={"loginDisabled": "FALSE"}))
        with DirectoryServer(people) as server:
            found = read(server)
            assert {name.strip() for name in names} < set(found)
            assert found["Zoë #1 + <2>; \\ end"].manager_ref == found[names[0]].ref
            assert source(server).look_up(names[0])[0][0].name == names[0]

    def test_a_manager_is_found_in_any_spelling(self) -> None:
        boss = Someone("Mona  Mill", "mona@f.example", more={"loginDisabled": "FALSE"})
        spelled = f"CN=mona mill , {PEOPLE.upper()}"
        with DirectoryServer(
            [boss, Someone("A", "a@f.example", more={"manager": spelled})]
        ) as server:
            found = read(server)
            assert found["A"].manager_ref == found["Mona  Mill"].ref

    def test_what_cannot_be_used_is_named(self) -> None:
        people = [
            Someone("Line\nBreak", "line@f.example"),
            Someone("Bad Mail", "no address"),
            Someone("Fine", "fine@f.example", more={"loginDisabled": "FALSE"}),
        ]
        with DirectoryServer(people) as server:
            found = {one.email: one for one in source(server).persons()}
        assert "control characters" in found["line@f.example"].problem
        assert "not a mail address" in found[""].problem
        assert found[""].label == dn("Bad Mail")


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "text", "why"),
        [
            ("url", "http://x", "must look like"),
            ("url", "ldap://u:p@x", "no password"),
            ("url", "ldaps://localhost", "instead of localhost"),
            ("url", "ldap://x/dc=y", "must look like"),
            ("profile", "novell", "profile must be one of"),
            ("organisation", "", "organisation is missing"),
            ("page_size", "0", "from 1 to 5000"),
            ("colour", "red", "no setting 'colour'"),
            ("map.key", "none", "map.key"),
        ],
    )
    def test_a_wrong_one_is_named(self, setting: str, text: str, why: str) -> None:
        good = {"profile": "edirectory", "url": "ldaps://d", "base": "o=x", "organisation": "X"}
        with pytest.raises(BadInput, match=why):
            settings_of({**good, setting: text})

    def test_clear_text_is_for_this_machine_only(self, directory: DirectoryServer) -> None:
        with pytest.raises(BadInput, match="in clear"):
            settings_of(directory.settings(url="ldap://directory.example", start_tls="no"))
        assert read(directory, start_tls="no")


class TestChecks:
    def test_all_is_well(self, directory: DirectoryServer) -> None:
        assert all(one.passed for one in source(directory).checks())

    def test_the_missing_right_is_named(self, directory: DirectoryServer) -> None:
        failed = [one for one in source(directory, bind_dn=BLIND).checks() if not one.passed]
        assert [one.name for one in failed] == ["status loginDisabled"]
        assert "right to read" in failed[0].remedy

    def test_a_mapping_that_finds_nothing_is_named(self, directory: DirectoryServer) -> None:
        found = source(directory, **{"map.email": "telexNumber"}).checks()
        assert [one.name for one in found if not one.passed] == ["mail address"]
