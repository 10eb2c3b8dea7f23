"""Users, passwords, and sessions of browsers."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from recert.foundation.actor import Actor, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.people import queries, service
from recert.people.models import User, WebSession
from recert.people.queries import SignedIn
from recert.people.service import SignInRefused, TooManyAttempts
from tests.support.house import NOON, PASSWORD, House, staff

HERE = "192.0.2.1"


def check(
    house: House, email: str, password: str = PASSWORD, at: datetime = NOON, address: str = HERE
) -> User:
    """A try to sign in as the web does it: a refusal is counted."""
    try:
        with house.db.transaction() as session:
            user = service.check_password(session, email, password, address=address, now=at)
            session.expunge(user)
            return user
    except (SignInRefused, TooManyAttempts):
        with house.db.transaction() as session:
            service.note_failure(session, email, address=address, now=at)
        raise


def fail(house: House, email: str, times: int) -> None:
    for _ in range(times):
        with house.db.transaction() as session:
            service.note_failure(session, email, address=HERE, now=NOON)


def save(house: House, email: str, password: str = PASSWORD, *roles: Role) -> None:
    with house.db.transaction() as session:
        service.add_user(
            session, email, "Somebody", password, frozenset(roles), actor=house.admin, now=NOON
        )


def enter(house: House, actor: Actor) -> str:
    user = check(house, actor.name)
    with house.db.transaction() as session:
        return service.open_session(session, user, address=HERE, actor=actor, now=NOON)


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
            service.add_user(
                session, email, name, password, frozenset(), actor=house.admin, now=NOON
            )
        assert house.trail_actions() == before

    @pytest.mark.parametrize("role", [Role.OFFICER, Role.AUDITOR])
    def test_only_an_administrator_may_add_one(self, house: House, role: Role) -> None:
        with pytest.raises(NotAllowed), house.db.transaction() as session:
            service.add_user(
                session,
                "charlie@house.example",
                "Charlie",
                PASSWORD,
                frozenset({Role.ADMINISTRATOR}),
                actor=staff("charlie@house.example", role),
                now=NOON,
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
            service.close_session(session, first)
        assert who(house, first) is None
        assert who(house, second)

    def test_a_new_password_ends_all_of_them(self, house: House) -> None:
        house.user(house.officer)
        sessions = [enter(house, house.officer) for _ in range(3)]
        save(house, house.officer.name, "another good one", Role.OFFICER)
        assert [who(house, each) for each in sessions] == [None, None, None]

    def test_somebody_who_left_is_no_reviewer_any_more(self, house: House) -> None:
        found = who(house, enter(house, house.user(staff("lea@house.example"))))
        assert found
        assert found.person_id is None
