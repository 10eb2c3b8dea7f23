"""Accounts of Pure-FTPd in a directory: what Recert reads, beside who gets where."""

from collections.abc import Iterator, Mapping

import pytest

from recert.connectors import registry
from recert.connectors.changes import CloseAccount
from recert.connectors.contract import CannotExpress, ServerDataInvalid, SettingsInvalid
from tests.daemons.pureftpd_accounts import UID, Site, World
from tests.daemons.residents import HASH, SECRET
from tests.daemons.worlds import Ground
from tests.support.slapd import ADMIN, PASSWORD, READER, SUFFIX, SlapdServer

pytestmark = pytest.mark.daemon

ARGON2 = (
    "$argon2id$v=19$m=8192,t=2,p=1$BogEriafHaCL5cl3at2FHw"
    "$sJBDlgH/A2R2522aI90v8AubMT+gTyl8rV6zbrAJ3ys"
)


def entry(name: str, number: int, group: int, home: str, **more: str | None) -> str:
    """One account in LDIF; None leaves an attribute out."""
    said: dict[str, str | None] = {
        "uid": name,
        "uidNumber": str(number),
        "gidNumber": str(group),
        "homeDirectory": home,
        "userPassword": f"{{crypt}}{HASH}",
        **more,
    }
    names = [value for value in (said.pop("uid") or "").split("|") if value]
    # "extensibleObject" lets an entry leave out what posixAccount wants.
    classes = ["organizationalRole", "extensibleObject", "PureFTPdUser", "simpleSecurityObject"]
    if said.pop("without", None) != "posixAccount":
        classes.append("posixAccount")
    lines = [f"dn: cn={name},ou=people,{SUFFIX}", *(f"objectClass: {one}" for one in classes)]
    lines += [f"cn: {name}", *(f"uid: {one}" for one in names)]
    lines += [f"{key}: {value}" for key, value in said.items() if value is not None]
    return "\n".join(lines) + "\n\n"


def entries(world: World) -> str:
    one, two = world.gids
    home = world.home
    return "".join(
        (
            entry("anna", UID, one, home),
            entry("ben", UID + 1, two, f"{home}/./in"),
            entry("cora", UID + 2, one, home, uid="cora|cora.second"),
            entry("capital", UID + 3, two, home, uid="CapiTal"),
            entry("own", 1, 1, home, FTPuid=str(UID + 4), FTPgid=str(two)),
            entry("switched-on", UID + 5, one, home, FTPStatus="Enabled"),
            entry("off", UID + 6, one, home, FTPStatus="disabled"),
            entry("zero", 0, one, home, FTPuid="0"),
            entry("minus", -1, one, home),
            entry("low", 500, one, home),
            entry("root-group", UID + 7, 0, home),
            entry("locked", UID + 8, one, home, userPassword=f"{{crypt}}!{HASH}"),
            entry("plain", UID + 9, one, home, userPassword=SECRET),
            entry("argon", UID + 10, one, home, userPassword=f"{{ARGON2}}{ARGON2}"),
            entry("no-argon", UID + 11, one, home, userPassword="{argon2}x"),
            entry("nowhere", UID + 12, one, "/no/such/home"),
            entry("colon", UID + 13, one, home, uid="a:b"),
            entry("other", UID + 14, one, home, without="posixAccount"),
        )
    )


def uids(world: World) -> dict[str, int]:
    names = ("cora.second", "CapiTal", "own", "switched-on", "off", "root-group", "locked")
    known = {"anna": UID, "ben": UID + 1, "cora": UID + 2}
    numbers = (UID + 2, UID + 3, UID + 4, UID + 5, UID + 6, UID + 7, UID + 8)
    known |= dict(zip(names, numbers, strict=True))
    known |= {"plain": UID + 9, "argon": UID + 10, "no-argon": UID + 11, "nowhere": UID + 12}
    return {**known, "a:b": UID + 13, "zero": 1, "minus": 1, "low": 500}


@pytest.fixture
def world() -> Iterator[World]:
    with Ground.of("pureftpd directory", 1) as ground:
        yield World.on(ground)


def site_of(
    world: World, server: SlapdServer, lines: str = "", bind: str = ADMIN, **more: str
) -> Site:
    """A daemon that asks as the administrator, and a reading as `bind`."""
    password = world.ground.place / "password"
    password.write_text(f"{PASSWORD}\n")
    base = (
        f"LDAPServer 127.0.0.1\nLDAPPort {server.port}\nLDAPBaseDN ou=people,{SUFFIX}\n"
        f"LDAPBindDN {ADMIN}\nLDAPBindPW {PASSWORD}\n"
    )
    settings: Mapping[str, str] = {
        "ldap_url": server.url,
        "ldap_bind_dn": bind,
        "ldap_password_file": str(password),
    } | more
    return Site(world, "ldap", base + lines, settings)


def test_each_account_can_do_what_is_shown(world: World) -> None:
    with SlapdServer(entries(world)) as server:
        site = site_of(world, server)
        tried = site.tried(uids(world))
        reading = site.reading()
    assert not reading.problems
    assert not site.disagreements(reading, tried, uids(world))
    getting_in = {name for name, _ in tried}
    assert getting_in >= {"anna", "ben", "cora", "cora.second", "CapiTal", "own", "switched-on"}
    assert getting_in >= {"plain", "argon"}
    assert "other" not in {one.name for one in reading.accounts}
    assert not any(grant.widened for grant in reading.grants)


@pytest.mark.parametrize(
    "lines",
    [
        "LDAPFilter (cn=\\L)\nLDAPHomeDir description\n",
        "LDAPFilter cn=\\L\nLDAPDefaultHomeDirectory {home}\nLDAPHomeDir street\n",
        "LDAPDefaultUID {uid}\nLDAPForceDefaultUID True\n"
        "LDAPDefaultGID 0\nLDAPForceDefaultGID true\n",
        "LDAPDefaultUID {uid}\nLDAPDefaultGID {gid}\nLDAPForceDefaultGID TRUE\n",
        "LDAPAuthMethod BIND\n",
        "ldapauthmethod   password  \n\n# a remark\n",
    ],
)
def test_what_the_file_says_is_followed(world: World, lines: str) -> None:
    home, gid = world.home, world.gids[1]
    found = entry("anna", UID, world.gids[0], f"{home}/in", description=f"{home}/read")
    found += entry("bare", UID + 1, world.gids[0], home, uidNumber=None, without="posixAccount")
    found += entry("by-bind", UID + 2, world.gids[0], home, userPassword=SECRET)
    forced = dict.fromkeys(("anna", "by-bind", "bare"), UID + 20)
    uids = {"anna": UID, "by-bind": UID + 2, "bare": UID + 20}
    with SlapdServer(found) as server:
        site = site_of(world, server, lines.format(home=home, uid=UID + 20, gid=gid))
        names = forced if "ForceDefaultUID" in lines else uids
        tried = site.tried(names)
        reading = site.reading()
    assert not reading.problems
    shown = [name for name in names if name in {one.name for one in reading.accounts}]
    assert not site.disagreements(reading, tried, shown)
    assert {name for name, _ in tried} <= set(shown)
    assert {name for name, _ in tried}


def test_a_reader_that_sees_no_passwords_shows_the_doubt(world: World) -> None:
    with SlapdServer(entries(world)) as server:
        reading = site_of(world, server, bind=READER).reading()
    assert not reading.problems
    enabled = {one.name for one in reading.accounts if one.enabled}
    assert {"anna", "locked"} <= enabled
    grants = [one for one in reading.grants if one.account in ("anna", "locked")]
    assert grants
    assert all(grant.widened for grant in grants)
    assert all("does not show whether" in " ".join(grant.via) for grant in grants)


def test_more_entries_than_a_page_are_all_read(world: World) -> None:
    many = "".join(entry(f"n{number}", UID, 1, world.home) for number in range(1203))
    with SlapdServer(many, size_limit=-1) as server:
        reading = site_of(world, server).reading()
        listed = [one for one in reading.accounts if one.name.startswith("n")]
    assert len([one for one in listed if one.name[1:].isdecimal()]) == 1203


class TestStartTls:
    """Where the daemon speaks TLS to the directory, Recert does, and looks at the certificate."""

    @pytest.fixture
    def server(self, world: World) -> Iterator[SlapdServer]:
        with SlapdServer(entries(world)) as server:
            yield server

    @pytest.fixture
    def site(self, world: World, server: SlapdServer) -> Site:
        return site_of(world, server, "LDAPUseTLS True\n")

    def test_a_certificate_of_an_unknown_issuer_is_refused(self, site: Site) -> None:
        (problem,) = site.reading().problems
        assert "does not let us read" in problem

    def test_one_of_a_known_issuer_is_taken(self, site: Site, server: SlapdServer) -> None:
        assert not site.reading(ldap_ca_file=str(server.certificate)).problems

    def test_one_of_another_name_is_not(self, site: Site, server: SlapdServer) -> None:
        (problem,) = site.reading(
            ldap_url=f"ldap://localhost:{server.port}", ldap_ca_file=str(server.certificate)
        ).problems
        assert "does not let us read" in problem


class TestWhatCannotBeListed:
    def problem(self, site: Site, **settings: str) -> str:
        (problem,) = site.reading(**settings).problems
        return problem

    def test_without_the_setting_the_reading_is_partial(self, world: World) -> None:
        with SlapdServer(entries(world)) as server:
            site = site_of(world, server)
            assert self.problem(site, ldap_url="").startswith(f"{site.source}:3: LDAPBaseDN: ")

    def test_a_directory_that_does_not_answer(self, world: World) -> None:
        with SlapdServer(entries(world)) as server:
            site = site_of(world, server)
        assert "does not let us read" in self.problem(site)

    def test_a_wrong_password_is_not_shown(self, world: World) -> None:
        with SlapdServer(entries(world)) as server:
            site = site_of(world, server)
            wrong = world.ground.place / "wrong"
            wrong.write_text("hunter2")
            problem = self.problem(site, ldap_password_file=str(wrong))
        assert "does not let us read" in problem
        assert "hunter2" not in problem

    def test_a_size_limit_cuts_no_account_off_in_silence(self, world: World) -> None:
        with SlapdServer(entries(world), size_limit=3) as server:
            assert "size limit" in self.problem(site_of(world, server, bind=READER))

    def test_two_entries_of_one_name_are_not_guessed_at(self, world: World) -> None:
        two = entry("anna", UID, 1, world.home)
        two += entry("other", UID + 1, 1, f"{world.home}/in", uid="Anna")
        with SlapdServer(two) as server:
            assert "'anna'" in self.problem(site_of(world, server))

    @pytest.mark.parametrize(
        "query",
        [
            "(objectClass=posixAccount)",
            "(uid=\\L*)",
            "(|(uid=\\L)(objectClass=posixAccount))",
            "(!(uid=\\L))",
            "(mail=\\L@firm.de)",
        ],
    )
    def test_a_filter_that_finds_others_as_well(self, world: World, query: str) -> None:
        with SlapdServer(entries(world)) as server:
            site = site_of(world, server, f"LDAPFilter {query}\n")
            assert self.problem(site).startswith(f"{site.source}:6: LDAPFilter: ")

    @pytest.mark.parametrize("line", ["LDAPFilter (uid=\\U)", "LDAPNonsense x", "LDAPAuthMethod x"])
    def test_what_the_daemon_refuses_is_an_error(self, world: World, line: str) -> None:
        with SlapdServer(entries(world)) as server:
            site = site_of(world, server, f"{line}\n")
            with pytest.raises(ServerDataInvalid, match=f"{site.source}:6"):
                site.reading()
            with pytest.raises(AssertionError, match="did not start"):
                site.tried({"anna": UID})


def test_closing_such_an_account_is_left_to_a_person(world: World) -> None:
    with SlapdServer(entries(world)) as server:
        connector = site_of(world, server).connector()
        with pytest.raises(CannotExpress, match=r"a directory: close it there"):
            connector.plan(CloseAccount("anna"))


@pytest.mark.parametrize(
    "url",
    ["http://d", "ldap://", "ldap://u:secret@d", "ldap://d/dc=x", "ldap://d:x", "ldapi:///x", "d"],
)
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="ldap_url") as raised:
        registry.connect("pureftpd", {"config": "/etc/pure-ftpd/conf", "ldap_url": url})
    assert "secret" not in str(raised.value)
