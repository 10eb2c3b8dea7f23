"""Where accounts come from, and why some of them cannot log in."""

import sqlite3
from datetime import date
from pathlib import Path

import pytest

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.posix.pam.stack import Pam, Rule
from recert.connectors.posix.permissions.accounts import Group, Passwd, Shadow, SystemUsers
from recert.connectors.proftpd.access.login_rules import Facts, Session, sessions
from recert.connectors.proftpd.authentication.account_files import (
    FILE,
    SQL,
    UNIX,
    Book,
    Entry,
    Password,
    note_strangers,
    read_groups,
    read_passwords,
)
from recert.connectors.proftpd.authentication.sql_accounts import read as read_database
from recert.connectors.proftpd.authentication.sql_accounts import settings_of
from recert.connectors.proftpd.configuration.files import Source, load
from recert.connectors.proftpd.configuration.listeners import lay_out
from recert.connectors.proftpd.configuration.sections import Section

HASH = "$6$salt$hash"


def server_of(text: str) -> Section:
    found = load("/etc/proftpd.conf", Source(lambda path: text.encode(), lambda path: None))
    return lay_out(found).main


def book(passwords: str = "", groups: str = "") -> Book:
    found = Book(FILE, "ftpd.passwd")
    read_passwords(passwords.encode(), found)
    read_groups(groups.encode(), found)
    return found


class TestFiles:
    def test_seven_fields_or_eight_make_an_account(self) -> None:
        found = book(
            f"alice:{HASH}:2001:100:Alice Martin,,,alice@example.org:/home/alice:/bin/sh\n"
            f"bob:{HASH}:2002:100::/home/bob:/bin/sh:\n"
            f"charlie:{HASH}:2003:100::/home/charlie\n"
            f"# dora:{HASH}:2004:100::/home/dora:/bin/sh\n"
            f"max müller:{HASH}:2005:100::/home/max:/bin/sh\r\n"
        )
        assert set(found.entries) == {"alice", "bob", "max müller"}
        assert found.entries["alice"].display_name == "Alice Martin"
        assert found.entries["alice"].email == "alice@example.org"
        assert found.entries["max müller"].shell == "/bin/sh"
        assert found.remarks == ["line 3 of ftpd.passwd is no account"]

    def test_of_two_lines_the_first_counts_and_it_is_told(self) -> None:
        found = book(f"alice:{HASH}:1:1::/a:/bin/sh\nalice:{HASH}:2:2::/b:/bin/sh\n")
        assert found.entries["alice"].uid == 1
        assert "more than once" in found.remarks[0]

    @pytest.mark.parametrize(
        ("hashed", "state"),
        [
            (HASH, Password.USABLE),
            ("", Password.EMPTY),
            ("*", Password.LOCKED),
            (f"!{HASH}", Password.LOCKED),
            ("x", Password.LOCKED),
            ("abJnggxhB/yWI", Password.USABLE),
        ],
    )
    def test_the_hash_becomes_a_state_and_is_not_kept(self, hashed: str, state: Password) -> None:
        found = book(f"alice:{hashed}:1:1::/a:/bin/sh\n").entries["alice"]
        assert found.password is state
        assert not hashed or len(hashed) < 3 or hashed not in repr(found)

    def test_lines_of_a_group_add_up_and_the_primary_one_counts(self) -> None:
        found = book(
            f"alice:{HASH}:1:300::/a:/bin/sh\n",
            "finance:x:100:alice,ghost\nfinance:x:100:bob\nsales:x:200:bob\nstaff:x:300:\n",
        )
        assert found.members["finance"] == {"alice", "ghost", "bob"}
        assert found.groups_of(found.entries["alice"]) == ({"finance", "staff"}, {100, 300})

    def test_members_without_account_are_told(self) -> None:
        found = book(f"alice:{HASH}:1:300::/a:/bin/sh\n", "finance:x:100:alice,ghost\n")
        note_strangers(found)
        assert found.remarks == [
            "group 'finance' of ftpd.passwd names 'ghost', who have no account"
        ]


class TestDatabase:
    TEXT = (
        "LoadModule mod_sql.c\nSQLBackend sqlite3\nSQLConnectInfo /srv/users.db\n"
        'SQLUserInfo accounts login hash uid gid home NULL\nSQLUserWhereClause "active = 1"\n'
        "SQLGroupInfo teams team gid members\nSQLDefaultUID 65500\nSQLMinID 1000\n"
    )

    def raw(self, place: Path) -> bytes:
        file = place / "users.db"
        with sqlite3.connect(file) as base:
            base.execute("CREATE TABLE accounts (login, hash, uid, gid, home, active)")
            base.executemany(
                "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)",
                [
                    ("alice", HASH, 2001, 1100, "/home/alice", 1),
                    ("bob", f"!{HASH}", 5, 1100, "/home/bob", 1),
                    ("charlie", HASH, 2003, 1100, "/home/charlie", 0),
                    ("dora", "", 2004, 1100, "/home/dora", 1),
                ],
            )
            base.execute("CREATE TABLE teams (team, gid, members)")
            base.executemany(
                "INSERT INTO teams VALUES (?, ?, ?)",
                [("finance", 1100, "alice, bob"), ("finance", 1100, "charlie"), ("it", 1200, None)],
            )
        base.close()
        return file.read_bytes()

    def test_accounts_and_groups_come_from_a_copy_of_its_bytes(self, tmp_path: Path) -> None:
        columns = settings_of(server_of(self.TEXT)).columns
        assert columns is not None
        found = read_database(self.raw(tmp_path), None, columns, "users.db")
        assert found.members["finance"] == {"alice", "bob", "charlie"}
        assert found.entries["alice"].shell == ""
        assert found.entries["bob"].password is Password.LOCKED
        assert found.entries["bob"].uid == 65500  # below SQLMinID
        assert found.entries["dora"].password is Password.LOCKED
        assert found.entries["charlie"].shut == "not in active = 1"
        assert not found.entries["alice"].shut

    def test_what_is_no_database_is_refused(self) -> None:
        columns = settings_of(server_of(self.TEXT)).columns
        assert columns is not None
        with pytest.raises(ServerDataInvalid):
            read_database(b"no database at all", None, columns, "users.db")

    @pytest.mark.parametrize(
        "line", ["SQLConnectInfo ftp@db.example.org", "SQLUserInfo custom:/get-user"]
    )
    def test_what_cannot_be_asked_is_told(self, line: str) -> None:
        found = settings_of(server_of(f"{line}\n{self.TEXT}"))
        assert found.columns is None
        assert found.doubts


def users(shadow: Shadow | None) -> SystemUsers:
    found = SystemUsers()
    found.passwd["alice"] = Passwd("alice", 1001, 100, "", "/home/alice", "/bin/sh")
    found.groups.append(Group("finance", 100, ()))
    found.shadow = {"alice": shadow} if shadow else {}
    return found


def state(**values: object) -> Shadow:
    plain = {
        "name": "alice",
        "is_locked": False,
        "is_marked": False,
        "is_empty": False,
        "last_change": 20000,
        "longest": None,
        "inactive": None,
        "expires": None,
    }
    return Shadow(**{**plain, **values})  # type: ignore[arg-type]


def login(
    text: str,
    *,
    protocol: str = "ftp",
    shadow: Shadow | None = None,
    passwords: str = "",
    pam: Pam | None = None,
    keys: frozenset[str] = frozenset(),
    name: str = "alice",
    **facts: frozenset[str],
) -> Session | None:
    """Alice at the main server of a configuration, a system user unless `passwords` has her."""
    server = server_of(text)
    known = Facts(
        users=users(shadow or state()),
        pam=pam,
        shells=facts.get("shells", frozenset({"/bin/sh"})),
        ftpusers=facts.get("ftpusers", frozenset()),
        today=date(2026, 11, 23),
        keys=keys,
    )
    system = Book(UNIX, "the system's users")
    system.add(Entry("alice", 1001, 100, "/home/alice", "/bin/sh", UNIX))
    system.add(Entry("root", 0, 0, "/root", "/bin/sh", UNIX))
    system.add_group("finance", 100, ())
    known.books = {server: [book(passwords, "team:x:100:\n"), system] if passwords else [system]}
    loaded = {FILE, UNIX, SQL, "mod_auth_pam.c"}
    return sessions(server, protocol, known, loaded, [name])[0]


def refusal(text: str, **facts: object) -> str:
    found = login(text, **facts)  # type: ignore[arg-type]
    assert found is not None
    return found.refused


OWN = "AuthPAM off\n"
KEYS = "AuthPAM off\nSFTPAuthorizedUserKeys file:/keys/%u\n"


class TestLogins:
    def test_a_plain_system_user_comes_in(self) -> None:
        found = login(OWN)
        assert found is not None
        assert (found.refused, found.groups) == ("", {"finance"})

    def test_the_superuser_does_not_unless_switched_on(self) -> None:
        assert "superuser" in refusal(OWN, name="root")
        assert "superuser" not in refusal(f"{OWN}RootLogin on\n", name="root")

    def test_shells_and_the_list_of_the_system_refuse(self) -> None:
        assert refusal(OWN, shells=frozenset()) == "shell /bin/sh is not in /etc/shells"
        assert not refusal(f"{OWN}RequireValidShell off\n", shells=frozenset())
        assert refusal(OWN, ftpusers=frozenset({"alice"})) == "listed in /etc/ftpusers"
        assert not refusal(f"{OWN}UseFtpUsers off\n", ftpusers=frozenset({"alice"}))

    def test_a_locked_password_leaves_the_key(self) -> None:
        locked = state(is_locked=True)
        assert refusal(KEYS, shadow=locked) == "password locked"
        assert not refusal(KEYS, protocol="sftp", shadow=locked, keys=frozenset({"/keys/alice"}))
        assert refusal(KEYS, protocol="sftp", shadow=locked) == "password locked; no key"

    def test_an_expiry_on_day_0_closes_nothing_and_on_day_1_everything(self) -> None:
        keys = frozenset({"/keys/alice"})
        assert not refusal(OWN, shadow=state(expires=0))
        assert "expired" in refusal(OWN, shadow=state(expires=1))
        assert "expired" in refusal(KEYS, protocol="sftp", shadow=state(expires=1), keys=keys)

    def test_pam_has_the_last_word_only_with_a_star(self) -> None:
        pam = Pam("proftpd", {"auth": [Rule({"default": "die"}, "pam_deny.so", (), "x:1")]})
        last = "AuthOrder mod_auth_pam.c* mod_auth_unix.c\n"
        assert "pam_deny" in refusal(last, pam=pam)
        assert not refusal("AuthOrder mod_auth_unix.c mod_auth_pam.c\n", pam=pam)
        assert not refusal(f"{last}AuthPAM off\n", pam=pam)

    def test_a_key_passes_by_pam(self) -> None:
        pam = Pam("proftpd", {"auth": [Rule({"default": "die"}, "pam_deny.so", (), "x:1")]})
        text = "AuthOrder mod_auth_pam.c* mod_auth_unix.c\nSFTPAuthorizedUserKeys file:/keys/%u\n"
        assert not refusal(text, protocol="sftp", pam=pam, keys=frozenset({"/keys/alice"}))

    def test_the_methods_of_sftp_count(self) -> None:
        only_keys = f"{KEYS}SFTPAuthMethods publickey\n"
        assert refusal(only_keys, protocol="sftp") == "no key"
        both = f"{KEYS}SFTPAuthMethods publickey+password\n"
        keys = frozenset({"/keys/alice"})
        locked = state(is_locked=True)
        assert "locked" in refusal(both, protocol="sftp", keys=keys, shadow=locked)

    def test_a_password_in_the_configuration_opens_a_locked_account(self) -> None:
        text = f"{OWN}UserPassword alice {HASH}\n"
        assert not refusal(text, shadow=state(is_locked=True))

    def test_of_two_sources_the_first_has_the_account(self) -> None:
        found = login(OWN, passwords=f"alice:{HASH}:7:8::/else:/bin/sh\n")
        assert found is not None
        assert found.entry.uid == 7

    def test_the_first_source_names_the_primary_group(self) -> None:
        found = login(OWN, passwords=f"bob:{HASH}:7:8::/else:/bin/sh\n")
        assert found is not None
        assert found.groups == {"finance", "team"}

    @pytest.mark.parametrize(
        ("lines", "root"),
        [
            ("DefaultRoot ~\n", "/home/alice"),
            ("DefaultRoot ~/in sales\nDefaultRoot /srv/%u\n", "/srv/alice"),
            ("DefaultRoot ~ finance,!sales\n", "/home/alice"),
            ("DefaultRoot ~ OR finance,sales\n", ""),
            ("", ""),
        ],
    )
    def test_the_first_root_whose_groups_fit_holds(self, lines: str, root: str) -> None:
        found = login(OWN + lines)
        assert found is not None
        assert found.root == root

    def test_anonymous_clients_need_no_password(self) -> None:
        text = f"{OWN}<Anonymous /srv/open>\nUser alice\nUserAlias anonymous alice\n</Anonymous>\n"
        found = login(text, name="anonymous", shadow=state(is_locked=True))
        assert found is not None
        assert (found.refused, found.root, found.entry.name) == ("", "/srv/open", "alice")
