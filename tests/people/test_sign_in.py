"""Users, passwords, and sessions of browsers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.people import passwords, queries, sessions, users
from recert.people import service as people
from recert.people.models import User, WebSession
from recert.people.queries import SignedIn
from recert.people.sessions import SignInRefused, TooManyAttempts
from recert.trail.act import Act
from tests.support.house import NOON, PASSWORD, PEOPLE, House, staff

HERE = "192.0.2.1"


def check(
    house: House, email: str, password: str = PASSWORD, at: datetime = NOON, address: str = HERE
) -> User:
    """A try to sign in as the web does it: counted first, and then looked at."""
    with house.db.transaction() as session:
        attempt = sessions.begin_attempt(session, email, address=address, now=at)
    with house.db.reading() as session:
        user = sessions.check_password(session, email, password)
        session.expunge(user)
    with house.db.transaction() as session:
        sessions.succeed(session, attempt)
    return user


def fail(house: House, email: str, times: int, address: str = HERE) -> None:
    for _ in range(times):
        with house.db.transaction() as session:
            sessions.begin_attempt(session, email, address=address, now=NOON)


def save(house: House, email: str, password: str = PASSWORD, *roles: Role) -> None:
    with house.db.transaction() as session:
        users.add_user(
            Act(session, house.admin, NOON), email, "Somebody", password, frozenset(roles)
        )


def enter(house: House, actor: Actor) -> str:
    user = check(house, actor.name)
    with house.db.transaction() as session:
        return sessions.open_session(Act(session, actor, NOON), user, address=HERE)


def who(house: House, session_id: str, after: timedelta = timedelta(0)) -> SignedIn | None:
    with house.db.reading() as session:
        return queries.signed_in(session, session_id, now=NOON + after)


class TestAUser:
    def test_only_the_argon2_hash_of_the_password_is_kept(self, house: House) -> None:
        house.user(house.officer)
        with house.db.reading() as session:
            kept = session.scalars(select(User.password_hash)).one()
        assert kept.startswith("$argon2id$")
        assert PASSWORD not in kept

    def test_saving_again_gives_new_roles_and_keeps_the_number(self, house: House) -> None:
        save(house, "olga@house.example", PASSWORD, Role.OFFICER)
        first = check(house, "olga@house.example").id
        save(house, "OLGA@house.example", "another good one", Role.AUDITOR)
        user = check(house, "olga@house.example", "another good one")
        assert (user.id, user.roles) == (first, ["auditor"])
        assert house.trail_actions()[-2:] == ["user.saved", "user.saved"]

    @pytest.mark.parametrize(
        ("email", "name", "password"),
        [
            ("olga", "Olga", PASSWORD),
            ("olga@house.example", "Olga", "short"),
            ("olga@house.example", "Olga", "x" * 1025),
            ("olga@house.example", " ", PASSWORD),
            ("olga@house.example", "Ol\x1bga", PASSWORD),
        ],
    )
    def test_bad_input_is_refused(self, house: House, email: str, name: str, password: str) -> None:
        before = house.trail_actions()
        with pytest.raises(BadInput), house.db.transaction() as session:
            users.add_user(Act(session, house.admin, NOON), email, name, password, frozenset())
        assert house.trail_actions() == before

    @pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR])
    def test_only_an_administrator_may_add_one(self, house: House, role: Role) -> None:
        with pytest.raises(NotAllowed), house.db.transaction() as session:
            users.add_user(
                Act(session, staff("charlie@house.example", role), NOON),
                "charlie@house.example",
                "Charlie",
                PASSWORD,
                frozenset({Role.ADMINISTRATOR}),
            )
        assert "user.saved" not in house.trail_actions()


class TestSigningIn:
    def test_the_right_password_opens(self, house: House) -> None:
        house.user(house.officer)
        assert check(house, "  Olga@House.example ").email == "olga@house.example"

    @pytest.mark.parametrize(
        ("email", "password"),
        [
            ("olga@house.example", "wrong"),
            ("olga@house.example", ""),
            ("olga@house.example", "\udcff"),
            ("olga@house.example", "x" * 100_000),
            ("nobody@house.example", PASSWORD),
            ("alice@house.example", PASSWORD),
            ("", ""),
            ("ol\x00ga@house.example", PASSWORD),
            ("\x00", PASSWORD),
            ("x" * 5000, PASSWORD),
        ],
    )
    def test_anything_else_is_refused_alike(self, house: House, email: str, password: str) -> None:
        house.user(house.officer)
        with pytest.raises(SignInRefused) as refusal:
            check(house, email, password)
        assert str(refusal.value) == str(SignInRefused())

    def test_a_user_who_was_switched_off_is_refused(self, house: House) -> None:
        house.user(house.officer)
        session_id = enter(house, house.officer)
        with house.db.transaction() as session:
            session.execute(update(User).values(active=False))
        assert who(house, session_id) is None
        with pytest.raises(SignInRefused):
            check(house, house.officer.name)

    def test_ten_wrong_ones_close_the_door_for_fifteen_minutes(self, house: House) -> None:
        house.user(house.officer)
        fail(house, "OLGA@house.example", 9)
        with pytest.raises(SignInRefused):
            check(house, "Olga@house.example", "wrong")
        with pytest.raises(TooManyAttempts):
            check(house, "olga@house.example")
        assert check(house, "olga@house.example", address="192.0.2.2")
        assert check(house, "olga@house.example", at=NOON + timedelta(minutes=16))

    def test_a_very_long_address_is_counted_too(self, house: House) -> None:
        fail(house, "x" * 5000, 10)
        with pytest.raises(TooManyAttempts):
            check(house, "x" * 5000)


class TestASession:
    def test_it_names_user_person_and_roles(self, house: House) -> None:
        alice = house.user(staff("alice@house.example", Role.AUDITOR))
        found = who(house, enter(house, alice))
        assert found
        assert found.roles == {Role.AUDITOR}
        assert found.actor(HERE).person_id == house.person("alice").person_id
        assert found.actor(HERE).address == HERE

    def test_only_its_hash_is_kept(self, house: House) -> None:
        session_id = enter(house, house.user(house.officer))
        with house.db.reading() as session:
            assert session.scalars(select(WebSession.id_hash)).one() != session_id
        assert house.trail_actions()[-1] == "user.signed_in"

    @pytest.mark.parametrize("wrong", ["", "unknown", "x" * 9999])
    def test_another_id_is_nobodys(self, house: House, wrong: str) -> None:
        enter(house, house.user(house.officer))
        assert who(house, wrong) is None

    def test_it_idles_out_after_thirty_minutes(self, house: House) -> None:
        session_id = enter(house, house.user(house.officer))
        assert who(house, session_id, timedelta(minutes=29))
        assert who(house, session_id, timedelta(minutes=30)) is None

    def test_being_seen_keeps_it_alive_but_not_beyond_eight_hours(self, house: House) -> None:
        session_id = enter(house, house.user(house.officer))
        for minutes in range(20, 8 * 60, 20):
            found = who(house, session_id, timedelta(minutes=minutes))
            assert found
            assert found.needs_touch
            with house.db.transaction() as session:
                queries.touch(session, session_id, now=NOON + timedelta(minutes=minutes))
        assert who(house, session_id, timedelta(hours=8)) is None

    def test_it_ends_with_signing_out(self, house: House) -> None:
        house.user(house.officer)
        first, second = enter(house, house.officer), enter(house, house.officer)
        with house.db.transaction() as session:
            sessions.close_session(session, first)
        assert who(house, first) is None
        assert who(house, second)

    def test_a_new_password_ends_all_of_them(self, house: House) -> None:
        house.user(house.officer)
        opened = [enter(house, house.officer) for _ in range(3)]
        save(house, house.officer.name, "another good one", Role.OFFICER)
        assert [who(house, each) for each in opened] == [None, None, None]

    def test_leaving_ends_it_at_once_with_the_sign_in(self, house: House) -> None:
        session_id = enter(house, house.user(staff("alice@house.example", Role.OFFICER)))
        with house.db.transaction() as session:
            left = PEOPLE.replace("mona@house.example,\nbob", "mona@house.example,2026-11-01\nbob")
            people.import_people(Act(session, house.admin, NOON), left)
        assert who(house, session_id) is None
        with house.db.reading() as session:
            assert session.scalars(select(WebSession)).all() == []
        with pytest.raises(SignInRefused):
            check(house, "alice@house.example")

    def test_the_announced_last_day_ends_it_as_well(self, house: House) -> None:
        session_id = enter(house, house.user(staff("alice@house.example", Role.OFFICER)))
        with house.db.transaction() as session:
            left = PEOPLE.replace("mona@house.example,\nbob", "mona@house.example,2026-11-24\nbob")
            people.import_people(Act(session, house.admin, NOON), left)
        assert who(house, session_id)
        with house.db.transaction() as session:
            people.note_leavers(Act(session, house.admin, NOON + timedelta(days=2)))
        assert who(house, session_id) is None


class TestDisabling:
    def test_it_ends_sessions_and_sign_in_at_once_and_can_be_taken_back(self, house: House) -> None:
        house.user(house.admin)
        session_id = enter(house, house.user(house.officer))
        with house.db.transaction() as session:
            users.disable(Act(session, house.admin, NOON), "olga@house.example", "left")
        assert who(house, session_id) is None
        with pytest.raises(SignInRefused):
            check(house, "olga@house.example")
        assert house.trail_actions()[-1] == "user.disabled"
        with house.db.transaction() as session:
            users.enable(Act(session, house.admin, NOON), "olga@house.example")
        assert check(house, "olga@house.example")

    def test_its_person_decides_by_no_mail_any_more(self, house: House) -> None:
        house.user(house.admin)
        house.user(staff("alice@house.example"))
        number = house.person("alice").person_id
        assert number
        with house.db.transaction() as session:
            assert queries.is_active(session, number)
            users.disable(Act(session, house.admin, NOON), "alice@house.example", "stolen")
            assert not queries.is_active(session, number)
            users.enable(Act(session, house.admin, NOON), "alice@house.example")
            assert queries.is_active(session, number)

    def test_the_last_administrator_stays(self, house: House) -> None:
        house.user(house.admin)
        with pytest.raises(users.LastAdministrator), house.db.transaction() as session:
            users.disable(Act(session, house.admin, NOON), "adam@house.example", "x")


class TestPasswords:
    @pytest.mark.parametrize(
        "weak",
        [
            "123456789012",
            "password1234",
            "qwertyuiop12",
            "aaaaaaaaaaaaaa",
            "olga@house.example",
            "Somebody likes trains",
        ],
    )
    def test_what_many_use_or_what_names_the_user_is_refused(self, house: House, weak: str) -> None:
        with pytest.raises(BadInput, match="password"):
            save(house, "olga@house.example", weak, Role.OFFICER)

    def test_a_user_changes_their_own_with_the_present_one(self, house: House) -> None:
        house.user(house.officer)
        session_id = enter(house, house.officer)
        with house.db.reading() as session:
            number = session.scalars(select(User.id)).one()
        for present, new, error in (
            ("wrong", "another good one", users.WrongPassword),
            (PASSWORD, "123456789012", BadInput),
        ):
            with pytest.raises(error), house.db.transaction() as session:
                users.change_password(Act(session, house.officer, NOON), number, present, new)
        with house.db.transaction() as session:
            users.change_password(
                Act(session, house.officer, NOON), number, PASSWORD, "another good one"
            )
        assert who(house, session_id) is None
        assert check(house, "olga@house.example", "another good one")


class TestGuessing:
    def test_one_password_at_many_accounts_is_stopped(self, house: House) -> None:
        for number in range(sessions.MOST_FROM_ADDRESS):
            fail(house, f"user{number}@house.example", 1)
        with pytest.raises(TooManyAttempts):
            check(house, "olga@house.example")
        with pytest.raises(SignInRefused):
            check(house, "olga@house.example", address="192.0.2.9")

    def test_one_account_from_many_addresses_is_stopped(self, house: House) -> None:
        for number in range(sessions.MOST_AT_ACCOUNT):
            fail(house, "olga@house.example", 1, address=f"198.51.100.{number}")
        with pytest.raises(TooManyAttempts):
            check(house, "olga@house.example")

    def test_many_at_once_do_not_get_past_the_limit(self, house: House) -> None:
        house.user(house.officer)

        def guess(_number: int) -> bool:
            try:
                check(house, "olga@house.example", "wrong")
            except TooManyAttempts:
                return True
            except SignInRefused:
                return False
            raise AssertionError

        with ThreadPoolExecutor(8) as pool:
            refused = list(pool.map(guess, range(30)))
        assert refused.count(False) == sessions.MOST_HERE


class TestAUserWithoutPassword:
    def test_takes_as_long_to_refuse_as_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        checked: list[str] = []

        class Hasher:
            def verify(self, known: str, _password: str) -> bool:
                checked.append(known)
                return True

        monkeypatch.setattr(passwords, "_hasher", Hasher())
        for unusable in (None, "", "!"):
            assert not passwords.fits(unusable, "x" * 12)
        assert len(checked) == 3
        assert all(known.startswith("$argon2") for known in checked)
