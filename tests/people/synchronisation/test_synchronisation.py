"""People of a directory in the register: who is new, changed, gone, back, or somebody else."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.errors import BadInput, NotAllowed
from recert.people import service, sessions
from recert.people.models import Person, User, WebSession
from recert.people.sources.ldap import StatusUnreadable
from recert.people.sources.ldap_connection import AnswerIncomplete, DirectoryUnreachable
from recert.people.synchronisation import register, runs
from recert.people.synchronisation.models import SourceState
from recert.trail.act import Act
from tests.support.directory import BLIND, CAPPED, Someone, cast, many
from tests.support.house import NOON, House
from tests.support.people import NAME, Joined, joined


def counts(found: Joined) -> dict[str, int]:
    shown = ("new", "changed", "leaving", "returning", "unchanged")
    plan = found.preview()
    return {name: plan.counts[name] for name in shown if plan.counts[name]}


class TestTheFirstTime:
    def test_everybody_is_added_with_their_manager_and_state(self, house: House) -> None:
        with joined(house) as found:
            outcome = found.sync()
            assert outcome.state is SourceState.COMPLETE
            assert outcome.plan.counts["new"] == 4
            alice, lea = found.one("alice@firm.example"), found.one("lea@firm.example")
            assert (alice.name, alice.department, alice.active) == ("Alice Archer", "Finance", True)
            assert (lea.active, lea.left_on) == (False, house.now.date())
            assert found.manager_of("alice@firm.example") == "mona@firm.example"

    def test_who_is_known_by_the_address_stays_the_same_person(self, house: House) -> None:
        people = [
            Someone("Alice Archer", "Alice@House.example", more={"loginDisabled": "FALSE"}),
            Someone("Lea Left", "lea@house.example", more={"loginDisabled": "TRUE"}),
        ]
        with joined(house, people) as found:
            before = found.people()
            outcome = found.sync()
            assert (outcome.plan.counts["new"], outcome.plan.counts["adopted"]) == (0, 2)
            assert {name: row[0] for name, row in found.people().items()} == {
                name: row[0] for name, row in before.items()
            }

    def test_an_organisation_that_the_directory_does_not_state_is_kept(self, house: House) -> None:
        pia = Someone("Pia Partner", "pia@partner.example", more={"loginDisabled": "FALSE"})
        with joined(house, [pia]) as found:
            before = found.people()["pia@partner.example"]
            found.sync()
            assert found.people()["pia@partner.example"] == before

    def test_one_entry_of_the_trail_names_everybody(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            (entry,) = found.entries()
            assert entry["rows"] == 4
            alice = next(one for one in entry["changed"] if one["person"] == "alice@firm.example")
            assert alice["new"] is True
            assert alice["manager"] == [None, "mona@firm.example"]
            assert alice["active"] == [None, True]

    def test_long_entries_are_divided(self, house: House) -> None:
        with joined(house, [*cast(), *many(1100)]) as found:
            found.sync()
            parts = found.entries()
            assert [(one["part"], one["parts"]) for one in parts] == [(1, 3), (2, 3), (3, 3)]
            assert len({one["person"] for part in parts for one in part["changed"]}) == 1104


class TestAgain:
    def test_nothing_is_written_when_nothing_changed(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            before, actions = found.people(), house.trail_actions()
            assert counts(found) == {"unchanged": 4}
            assert found.sync().plan.differs is False
            assert (found.people(), house.trail_actions()) == (before, actions)

    def test_a_preview_changes_nothing(self, house: House) -> None:
        with joined(house) as found:
            before = found.people(), house.trail_actions()
            assert counts(found) == {"new": 4}
            assert (found.people(), house.trail_actions()) == before

    def test_changes_are_applied_with_their_history(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            found.server.change("Alice Archer", ou="Treasury")
            found.server.change("Bob Brook", manager=None)
            plan = found.preview()
            assert [(one["name"], one["field"], one["after"]) for one in plan.changed] == [
                ("Alice Archer", "department", "Treasury"),
                ("Bob Brook", "manager", ""),
            ]
            found.sync()
            alice = found.one("alice@firm.example")
            assert alice.department == "Treasury"
            assert found.manager_of("bob@firm.example") == ""
            assert found.history("alice@firm.example") == [("department", "Finance", "Treasury")]
            assert found.history("bob@firm.example") == [("manager", "mona@firm.example", "")]
            assert found.entries()[-1]["changed"] == [
                {"person": "alice@firm.example", "department": ["Finance", "Treasury"]},
                {"person": "bob@firm.example", "manager": ["mona@firm.example", ""]},
            ]

    def test_a_new_address_and_a_new_name_keep_the_person(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            before = found.one("alice@firm.example")
            found.server.change("Alice Archer", mail="alice.baker@firm.example")
            found.server.rename("Alice Archer", "Alice Baker")
            found.sync()
            after = found.one("alice.baker@firm.example")
            assert (after.id, after.name) == (before.id, "Alice Baker")
            assert found.person("alice@firm.example") is None

    def test_two_people_may_exchange_their_addresses(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            ids = [found.people()[f"{name}@firm.example"][0] for name in ("alice", "bob")]
            found.server.change("Alice Archer", mail="bob@firm.example")
            found.server.change("Bob Brook", mail="alice@firm.example")
            found.sync()
            assert [found.people()[f"{name}@firm.example"][0] for name in ("bob", "alice")] == ids


class TestLeavers:
    def test_who_is_disabled_leaves_and_comes_back(self, house: House) -> None:
        with joined(house, percent=100) as found:
            found.sync()
            found.server.change("Bob Brook", loginDisabled="TRUE")
            assert counts(found) == {"leaving": 1, "unchanged": 3}
            found.sync()
            bob = found.one("bob@firm.example")
            assert (bob.active, bob.left_on) == (False, house.now.date())
            assert ("active", "yes", "no") in found.history("bob@firm.example")
            found.server.change("Bob Brook", loginDisabled="FALSE")
            assert counts(found) == {"returning": 1, "unchanged": 3}
            found.sync()
            bob = found.one("bob@firm.example")
            assert (bob.active, bob.left_on) == (True, None)

    def test_a_last_day_ends_them_when_it_comes(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            found.server.change("Bob Brook", loginExpirationTime="20261125100000Z")
            found.sync()
            bob = found.one("bob@firm.example")
            assert bob.active
            with house.later(days=2), house.db.transaction() as session:
                assert service.note_leavers(Act(session, house.admin, house.now)) == 1
            with house.later(days=2):
                assert counts(found) == {"unchanged": 4}

    def test_who_is_missing_in_the_whole_answer_has_left(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            found.server.remove("Person 7")
            assert counts(found) == {"leaving": 1, "unchanged": 33}
            found.sync()
            gone = found.one("p7@firm.example")
            assert not gone.active
            assert counts(found) == {"unchanged": 33}

    def test_their_sessions_end_at_once(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            house.user(Actor("alice@firm.example", Channel.WEB, Assurance.SIGNED_IN))
            with house.db.transaction() as session:
                user = session.scalars(select(User).where(User.email == "alice@firm.example")).one()
                sessions.open_session(Act(session, house.admin, house.now), user, address="::1")
            found.register(percent=100)
            found.server.change("Alice Archer", loginDisabled="TRUE")
            found.sync()
            with house.db.reading() as session:
                assert session.scalars(select(WebSession)).all() == []

    def test_a_person_of_a_file_alone_is_not_missed(self, house: House) -> None:
        with joined(house) as found:
            before = found.people()
            found.sync()
            after = found.people()
            assert {name: after[name] for name in before} == before

    def test_another_directory_that_still_has_them_keeps_them(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            with (
                joined(house, cast(), registered=False) as other,
                house.db.transaction() as session,
            ):
                settings, secret = other.server.settings(), str(other.server.secret)
                new = register.NewSource("branch", settings, secret)
                register.save(Act(session, house.admin, NOON), new)
                session.commit()
                runs.synchronise(house.db, "branch", actor=house.admin, now=lambda: NOON)
            found.server.remove("Bob Brook", "Person 1")
            assert [one["name"] for one in found.preview().leaving] == ["Person 1"]


class TestGuards:
    def test_too_many_leavers_are_held_until_somebody_confirms(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            found.server.remove(*(f"Person {n}" for n in range(5)))
            before = found.people()
            outcome = found.sync()
            assert outcome.state is SourceState.HELD
            assert "5 of 33 people would leave, which is more than 10 %" in outcome.problem
            assert f"recert people sync {NAME} --confirm" in outcome.problem
            assert found.people() == before
            assert house.trail_actions()[-1] == "people_source.held"
            found.sync()
            assert house.trail_actions().count("people_source.held") == 1
            with house.db.transaction() as session:
                act = Act(session, house.officer, house.now)
                assert register.confirm(act, register.named(session, NAME)) == 5
            assert found.sync().state is SourceState.COMPLETE
            assert found.entries()[-1]["confirmed_by"] == house.officer.name
            gone = found.one("p3@firm.example")
            assert not gone.active

    def test_a_confirmation_is_for_so_many_and_no_more(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            found.server.remove(*(f"Person {n}" for n in range(5)))
            found.sync()
            with house.db.transaction() as session:
                register.confirm(
                    Act(session, house.admin, house.now), register.named(session, NAME)
                )
            found.server.remove("Person 9")
            assert found.sync().state is SourceState.HELD

    def test_many_who_look_disabled_are_held_too(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            found.register(
                status="mail:values:nobody; employeeType:values:x:absent=inactive:optional"
            )
            assert found.sync().state is SourceState.HELD

    def test_half_an_answer_changes_nobody(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            before = found.people()
            found.register(bind_dn=CAPPED, page_size="5")
            with pytest.raises(AnswerIncomplete):
                found.sync()
            assert found.people() == before
            source = found.source()
            assert source.state is SourceState.FAILED
            assert "raise the size limit" in source.problem

    def test_an_account_that_may_not_read_the_state_changes_nobody(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            before = found.people()
            found.register(bind_dn=BLIND)
            with pytest.raises(StatusUnreadable):
                found.sync()
            assert found.people() == before

    def test_a_directory_that_is_down_changes_nobody_and_is_tried_again(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            before = found.people()
            found.server._daemon.stop()
            with pytest.raises(DirectoryUnreachable, match="refuses the connection"):
                found.sync()
            assert found.people() == before
            found.server._daemon.start()
            assert found.sync().state is SourceState.COMPLETE

    def test_a_secret_file_that_is_gone_is_named(self, house: House) -> None:
        with joined(house) as found:
            found.server.secret.unlink()
            with pytest.raises(BadInput, match="secret file"):
                runs.synchronise(house.db, NAME, actor=house.admin, now=lambda: NOON)

    def test_only_administrators_and_officers_may(self, house: House) -> None:
        with joined(house) as found:
            for actor in (house.auditor, house.person("alice")):
                with pytest.raises(NotAllowed):
                    runs.synchronise(house.db, NAME, actor=actor, now=lambda: NOON)
                with house.db.transaction() as session, pytest.raises(NotAllowed):
                    register.remove(Act(session, actor, NOON), NAME)
            assert not house.auditor.roles & {Role.ADMINISTRATOR, Role.OFFICER}
            assert found.person("alice@firm.example") is None


class TestNobodyElse:
    def test_a_login_that_was_deleted_and_made_anew_is_another_person(self, house: House) -> None:
        with joined(house, [*cast(), *many(30)]) as found:
            found.sync()
            old = found.one("bob@firm.example")
            found.server.remove("Bob Brook")
            found.server.add(
                Someone("Bob Brook", "bob@firm.example", "Mona Mill", "Sales", key="another Bob")
            )
            assert counts(found) == {"new": 1, "leaving": 1, "unchanged": 33}
            found.sync()
            new = found.one("bob@firm.example")
            assert new.id != old.id
            with house.db.reading() as session:
                left = session.get_one(Person, old.id)
                assert (left.active, left.email) == (False, f"left-{old.id}@retired.invalid")
            assert counts(found) == {"unchanged": 34}

    def test_an_address_of_somebody_who_left_long_ago_inherits_nothing(self, house: House) -> None:
        lea = Someone("Lea Other", "lea@house.example", more={"loginDisabled": "FALSE"})
        with joined(house, [lea]) as found:
            old = found.one("lea@house.example")
            found.sync()
            new = found.one("lea@house.example")
            assert new.id != old.id

    def test_a_disabled_entry_beside_a_new_one_gives_the_address_up(self, house: House) -> None:
        with joined(house, percent=100) as found:
            found.sync()
            old = found.one("bob@firm.example")
            found.server.change("Bob Brook", loginDisabled="TRUE")
            found.server.add(Someone("Bob Brook 2", "bob@firm.example"))
            found.sync()
            new = found.one("bob@firm.example")
            assert new.id != old.id
            assert new.name == "Bob Brook 2"


class TestContradictions:
    def test_two_entries_with_one_address_are_named_and_left_alone(self, house: House) -> None:
        people = [*cast(), Someone("Twin", "twin@f.example"), Someone("Twin 2", "twin@f.example")]
        with joined(house, people) as found:
            plan = found.sync().plan
            assert [one["entry"].partition(",")[0] for one in plan.problems] == [
                "cn=Twin",
                "cn=Twin 2",
            ]
            assert "same mail address twin@f.example as cn=Twin 2" in plan.problems[0]["problem"]
            assert found.person("twin@f.example") is None
            assert found.person("alice@firm.example")

    def test_two_entries_with_one_key_are_named_and_nobody_leaves(self, house: House) -> None:
        with joined(house, [*cast(), *many(5)], **{"map.key": "workforceID cn"}) as found:
            found.register(**{"map.key": "employeeStatus"}, filter="(employeeStatus=*)")
            for number in range(5):
                found.server.change(f"Person {number}", employeeStatus=f"N{number}")
            found.server.change("Alice Archer", employeeStatus="N99", loginDisabled="FALSE")
            found.sync()
            found.server.change("Person 1", employeeStatus="N2")
            plan = found.sync(confirmed=True).plan
            assert len(plan.problems) == 2
            assert "same key as" in plan.problems[0]["problem"]
            still = found.one("p2@firm.example")
            assert still.active

    def test_an_address_that_somebody_keeps_is_not_taken(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            found.server.change("Bob Brook", mail=None)
            found.server.add(Someone("Thief", "bob@firm.example"))
            plan = found.sync().plan
            assert "already that of the person Bob Brook" in plan.problems[0]["problem"]
            bob = found.one("bob@firm.example")
            assert bob.name == "Bob Brook"

    def test_a_leaver_whose_address_is_gone_still_leaves(self, house: House) -> None:
        with joined(house, percent=100) as found:
            found.sync()
            found.server.change("Bob Brook", mail=None, loginDisabled="TRUE")
            found.sync()
            bob = found.one("bob@firm.example")
            assert not bob.active

    def test_managers_in_a_circle_and_missing_ones_are_warnings(self, house: House) -> None:
        people = [
            Someone("A", "a@f.example", "B", more={"loginDisabled": "FALSE"}),
            Someone("B", "b@f.example", "C"),
            Someone("C", "c@f.example", "A"),
            Someone("Own", "own@f.example", "Own"),
            Someone("Lost", "lost@f.example", "Nobody"),
        ]
        with joined(house, people) as found:
            warnings = "\n".join(found.sync().plan.warnings)
            assert "in a circle: cn=A" in warnings
            assert "are their own managers, such as cn=Own" in warnings
            assert "a manager who is no entry of this source, such as cn=Lost" in warnings
            assert found.manager_of("a@f.example") == "b@f.example"
            assert found.manager_of("own@f.example") == found.manager_of("lost@f.example") == ""

    def test_who_has_no_address_is_counted(self, house: House) -> None:
        with joined(house, [*cast(), Someone("Robot")]) as found:
            assert found.sync().plan.counts["without_mail"] == 1


class TestTheWorker:
    def test_it_synchronises_when_it_is_time(self, house: House) -> None:
        with joined(house) as found:
            context = house.app().extensions["recert.job_context"]
            assert runs.synchronise_people(context) == 1
            assert context.servers.wait(30)
            assert found.source().state is SourceState.COMPLETE
            assert runs.synchronise_people(context) == 0
            with house.later(minutes=61):
                assert runs.synchronise_people(context) == 1
                assert context.servers.wait(30)

    def test_a_source_that_is_off_is_left_alone(self, house: House) -> None:
        with joined(house, enabled=False):
            assert runs.synchronise_people(house.app().extensions["recert.job_context"]) == 0

    def test_a_failure_stands_at_the_source_and_is_tried_sooner(self, house: House) -> None:
        with joined(house, url="ldap://127.0.0.1:1") as found:
            context = house.app().extensions["recert.job_context"]
            runs.synchronise_people(context)
            assert context.servers.wait(30)
            assert found.source().state is SourceState.FAILED
            assert runs.synchronise_people(context) == 0
            with house.later(**{"minutes": runs.RETRY_AFTER / timedelta(minutes=1)}):
                assert runs.synchronise_people(context) == 1
                assert context.servers.wait(30)


class TestAccountsOfPeople:
    def test_removing_a_source_keeps_its_people_recognisable(self, house: House) -> None:
        with joined(house) as found:
            found.sync()
            before = found.people()
            with house.db.transaction() as session:
                register.remove(Act(session, house.admin, NOON), NAME)
            assert found.people() == before
            found.register()
            assert counts(found) == {"unchanged": 4}
