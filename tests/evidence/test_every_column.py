"""Every column of every table behind a package is edited by SQL: the verifier names file and
field, the database refuses, or the package does not show it, for a reason that stands here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recert.evidence import verifier
from recert.foundation.errors import BadInput
from tests.evidence import edited
from tests.support.databases import Template
from tests.support.house import House

# Table, column: the file and the field that the verifier names.
FOUND: dict[str, dict[str, str]] = {
    "access_grant": {
        "source_id": "items.csv via",
        "first_snapshot_id": "annex/items.csv item",
    },
    "account": {"name": "items.csv account"},
    "campaign": {
        "name": "campaign.json name",
        "kind": "campaign.json kind",
        "about": "campaign.json about",
        "folder_prefix": "campaign.json folder_prefix",
        "scope": "campaign.json scope",
        "due_at": "campaign.json due_at",
        "undo_minutes": "campaign.json minutes_to_change_an_answer",
        "policy": "campaign.json policy",
        "stages": "campaign.json stages_as_set",
        "created_at": "campaign.json created_at",
        "created_by": "campaign.json created_by",
        "launched_at": "campaign.json launched_at",
        "launched_by": "campaign.json launched_by",
        "closed_at": "campaign.json closed_at",
        "closed_by": "campaign.json closed_by",
        "signed_off_at": "campaign.json signed_off_at",
        "signed_off_by": "campaign.json signed_off_by",
        "statement": "campaign.json statement",
        "signed_figures": "campaign.json signed_figures",
        "freshness_reason": "campaign.json older_snapshots_allowed_because",
        "freshness_by": "campaign.json older_snapshots_allowed_by",
        "extensions": "campaign.json due_date_extended",
        "close_asked_by": "campaign.json early_close_asked_by",
        "close_reason": "campaign.json early_close_asked_because",
        "routed_away": "campaign.json questions_routed_away_from_oneself",
    },
    "campaign_account": {
        "account_id": "population.csv service",
        "kind": "population.csv service",
        "enabled": "items.csv account_enabled",
        "key_count": "population.csv with_keys",
        "person": "items.csv person",
        "organisation": "items.csv organisation",
        "is_partner": "population.csv partner",
        "is_privileged": "population.csv privileged",
        "is_emergency": "population.csv emergency",
    },
    "campaign_exclusion": {"grants": "campaign.json grants"},
    "campaign_population": {
        name: f"population.csv {name} add"
        for name in ("accounts", "reviewed", "excluded", "out_of_scope", "without_rights", "items")
    },
    "campaign_release": {
        "released_by": "campaign.json by",
        "reason": "campaign.json reason",
        "at": "campaign.json at",
        "count": "campaign.json count",
        "digest": "campaign.json digest",
        "wave": "campaign.json halted_after_wave",
    },
    "exclusion": {
        "account": "campaign.json account",
        "folder": "campaign.json folder",
        "reason": "campaign.json reason",
        "ends_at": "campaign.json ends",
        "asked_by": "campaign.json asked_by",
        "approved_by": "campaign.json approved_by",
    },
    "folder": {"path": "items.csv folder"},
    "folder_owner": {"path": "campaign.json folder"},
    "item": {
        "campaign_id": "items.csv items",
        "server_id": "items.csv server",
        "grant_id": "items.csv via",
        "account_id": "items.csv account",
        "folder_id": "items.csv folder",
        "topic": "items.csv topic",
        "reviewer_id": "items.csv reviewer",
        "route": "items.csv route",
        "rights": "items.csv rights",
        "content_hash": "items.csv content_hash",
        "state": "items.csv state",
        "answer": "items.csv answer",
        "answer_rights": "items.csv rights_after",
        "version": "decisions.csv counts",
        "conflict": "items.csv reviewer_could_grant",
        "outcome": "items.csv outcome",
    },
    "order_step": {
        "at": "orders.jsonl log",
        "state": "orders.jsonl state",
        "detail": "orders.jsonl log",
    },
    "outbox_message": {
        "message_id": "mails.csv message_id",
        "topic": "mails.csv lacks",
        "kind": "mails.csv kind",
        "to_address": "mails.csv to",
        "subject": "mails.csv subject",
        "created_at": "mails.csv written",
        "bounced_at": "mails.csv bounced",
        "bounce": "mails.csv bounce",
    },
    "ownership_doubt": {
        "folder_owner_id": "campaign.json folder",
        "person_id": "campaign.json said_by",
        "item_id": "campaign.json item",
        "reason": "campaign.json reason",
        "at": "campaign.json at",
        "settled_by": "campaign.json settled_by",
        "outcome": "campaign.json outcome",
    },
    "person": {"email": "campaign.json said_by"},
    "remediation": {"item_id": "orders.jsonl item", "order_id": "orders.jsonl item"},
    "server": {"name": "population.csv server", "kind": "readings.csv kind"},
    "server_order": {
        "kind": "orders.jsonl kind",
        "account": "orders.jsonl account",
        "folder": "orders.jsonl folder",
        "group_name": "orders.jsonl group",
        "rights_before": "orders.jsonl rights_before",
        "rights_wanted": "orders.jsonl rights_wanted",
        "state": "orders.jsonl state",
        "plan": "orders.jsonl plan",
        "approved_by": "orders.jsonl approved_by",
        "created_by": "orders.jsonl asked_by",
        "applied_at": "orders.jsonl applied_at",
        "verified_at": "orders.jsonl verified_at",
        "rights_found": "orders.jsonl rights_found",
        "ticket": "orders.jsonl ticket",
        "reason": "orders.jsonl reason",
        "left_over": "orders.jsonl left_over",
    },
    "snapshot": {
        "started_at": "population.csv snapshot_started",
        "finished_at": "population.csv snapshot_finished",
        "fingerprint": "readings.csv fingerprint",
        "source": "population.csv read_from",
        "collector": "readings.csv collector",
        "read_started_at": "readings.csv read_started",
        "read_ended_at": "readings.csv read_ended",
        "asked": "readings.csv commands files",
        "recording_sha256": "readings.csv recording_sha256",
        "recording_size": "readings.csv recording_size",
        "recording_removed_at": "readings.csv recording",
    },
    "source": {"id": "items.csv via", "text": "items.csv via"},
}

# Triggers refuse every change of these, as they do for the trail.
GUARDED = {
    *("decision", "audit_sample", "audit_remark", "audit_verdict", "retention", "legal_hold"),
    *("instruction", "instruction_read", "postponement", "trail_entry", "trail_checkpoint"),
    "step_taken",
}
# What the export itself refuses: the value is none that Recert writes.
NOT_EXPORTED = {"campaign.state", "campaign.zone", "campaign.routing_version"}

# Tables of which a package shows nothing but what is compared by the columns above.
LIVE = "today's state, for pages and later reviews; a package shows what was frozen"
COUNTER = "counters for pages; a package counts its items"
WORK = "work in progress of the worker and of pages"
NOT_SHOWN = {
    **dict.fromkeys(("folder_progress", "server_progress", "reviewer_progress"), COUNTER),
    **dict.fromkeys(("group_member", "server_group", "folder_route", "organisation"), LIVE),
    **dict.fromkeys(("group_owner", "service_account", "emergency_account", "last_use"), LIVE),
    **dict.fromkeys(
        ("person_seen", "server_look", "came_back", "emergency_use", "second_look"), WORK
    ),
    **dict.fromkeys(
        ("campaign_occurrence", "server_lease", "connection_check", "trail_check", "delegation"),
        WORK,
    ),
    **dict.fromkeys(("campaign_schedule", "schedule_slot", "campaign_template"), WORK),
    **dict.fromkeys(("mail_token", "link_visit", "inbound_mail", "mail_opt_out"), WORK),
    **dict.fromkeys(("undeliverable_address", "sign_in_failure", "web_session"), WORK),
    **dict.fromkeys(("app_user", "activity_log", "item_message", "ending", "confirmation"), WORK),
    **dict.fromkeys(
        ("sign_in_provider", "provider_account", "sign_in_attempt", "logout_token"), WORK
    ),
    "event_delivery": WORK,
    **dict.fromkeys(("access_token", "provisioned_account", "change_item"), WORK),
    **dict.fromkeys(("people_source", "people_source_request"), WORK),
    **dict.fromkeys(
        ("person_identity", "person_history"), "people.imported in the trail has every change"
    ),
    "one_person_rule": "separation.one_person in the trail is what the first page shows",
    "self_assignment": "self_assignment.agreed and owners.imported in the trail have it",
    "account_person": "accounts.joined in the trail has it; campaign_account was frozen",
    "campaign_mark": WORK,
    "evidence_package": "packages that were made, for the page of the review",
    "undo_request": "the order that took a change back repeats it, and is compared",
    "trail_head": "the checkpoint of the package is compared with the entries themselves",
    "contest": "test_objections_are_those_of_the_trail",
    "late_change": "test_late_changes_are_those_of_the_trail",
    "training": "compared by check_reviewers: tests/evidence/test_reviewers_list.py",
    "campaign_grant": "its reason is asked_because, with a digest like the other facts of an item",
}
NOTE = "a note of the moment: README.txt and verify.py say that it is not proved"
# Columns of the tables above that a package does not show, or shows as a note.
NOT_SHOWN_OF = {
    "access_grant": {
        **dict.fromkeys(
            ("server_id", "account_id", "folder_id", "rights", "content_hash"),
            "the item repeats it; that is compared",
        ),
        **dict.fromkeys(("gone_snapshot_id", "native", "widened", "protocols"), LIVE),
    },
    "account": dict.fromkeys(
        (
            *("kind", "enabled", "display_name", "email", "expires_at", "last_login_at", "note"),
            *("person_id", "key_count", "gone_snapshot_id", "has_candidates"),
        ),
        LIVE,
    ),
    "campaign": {
        "server_ids": "population.csv names the servers",
        "void_reason": "a void review has no package",
        "close_asked_at": "the trail has it",
        "weaker": "campaign.drafted and policy.agreed in the trail have it",
    },
    "campaign_release": {"id": "a number that is not shown"},
    "exclusion": dict.fromkeys(("asked_at", "approved_at", "ended_by", "ended_at"), LIVE),
    "folder": {"gone_snapshot_id": LIVE},
    "folder_owner": dict.fromkeys(
        ("person_id", "substitute_id", "classification", "confirmed_at"), LIVE
    ),
    "item": dict.fromkeys(
        (
            *("group_id", "folder_owner_id", "sort_key", "decided_at", "keep_until", "from_id"),
            *("stage", "carried_answer", "carried_rights", "carried_until", "release_id"),
            *("carried_conflict", "gone_seen_at"),
        ),
        "not shown; the decisions of the trail count",
    ),
    "outbox_message": {
        **dict.fromkeys(("state", "sent_at", "error"), NOTE),
        **dict.fromkeys(
            (
                *("in_reply_to", "to_name", "text", "html", "attempts", "next_at"),
                *("reply_key", "unsubscribe", "language"),
            ),
            WORK,
        ),
    },
    "ownership_doubt": {"id": "a number that is not shown", "settled_at": "not shown"},
    "person": {
        "name": NOTE,
        **dict.fromkeys(
            ("department", "manager_id", "active", "left_on", "language", "zone"), LIVE
        ),
    },
    "remediation": {"decision_id": NOTE, "wave": WORK},
    "server": dict.fromkeys(
        ("settings", "writes_enabled", "storage", "owner_id", "created_at", "snapshot_wanted_at"),
        LIVE,
    ),
    "server_order": {
        **dict.fromkeys(("origin", "account_id", "folder_id"), "shown by name and item"),
        "wanted": "an order of a campaign needs no more than its other columns",
        **dict.fromkeys(
            (
                "approved_plan",
                "tries",
                "next_at",
                "explanation",
                "created_at",
                "released",
            ),
            WORK,
        ),
    },
    "snapshot": {
        **dict.fromkeys(
            ("state", "accounts", "folders", "grants", "added", "gone", "reason", "warnings"), LIVE
        ),
        "recording_note": "shown where there is no recording; readings.csv is compared",
    },
}


def is_bound(column: Any) -> bool:
    """A key, or a reference: the database itself refuses a value that fits nowhere."""
    return bool(column.primary_key or column.foreign_keys)


COLUMNS = [f"{table.name}.{column.name}" for table, column in edited.columns()]


@pytest.fixture(scope="module")
def signed(
    migrated: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, int]]:
    """A signed campaign with rows in every table that its package shows."""
    folder: Path = tmp_path_factory.mktemp("edited")
    with migrated.copy(folder) as db, House(db, folder) as house:
        yield house, edited.signed_off(house)


class TestEveryColumn:
    @pytest.mark.parametrize("name", COLUMNS)
    def test_it_is_classified(self, name: str) -> None:
        table, _, column = name.partition(".")
        known = table in GUARDED or table in NOT_SHOWN or name in NOT_EXPORTED
        known = known or column in FOUND.get(table, {}) or column in NOT_SHOWN_OF.get(table, {})
        bound = {f"{one.name}.{two.name}" for one, two in edited.columns() if is_bound(two)}
        assert known or name in bound, f"say what a package shows of {name}, or why it does not"

    @pytest.mark.slow
    def test_an_edit_is_named_with_file_and_field(self, signed: tuple[House, int]) -> None:
        house, campaign = signed
        verifier.check(str(house.export(campaign)))
        unnoticed = []
        for table, column in edited.columns():
            name = f"{table.name}.{column.name}"
            expected = FOUND.get(table.name, {}).get(column.name, "")
            if expected or name in NOT_EXPORTED:
                said = self.said(house, campaign, table, column)
                words = expected.split() or ["refused"]
                if said != "guarded" and not (
                    words[0] in said and any(word in said for word in words[1:] or words)
                ):
                    unnoticed.append((name, expected, said))
        assert unnoticed == []
        verifier.check(str(house.export(campaign)))

    def said(self, house: House, campaign: int, table: Any, column: Any) -> str:
        back = edited.edit(house.db, table, column)
        assert back != [], f"{table.name} has no row: the campaign of this test lacks something"
        if back is None:
            return "guarded" if is_bound(column) else "the database refused it"
        try:
            verifier.check(str(house.export(campaign)))
        except verifier.Broken as error:
            return str(error)
        except BadInput as error:
            return f"refused: {error}"
        finally:
            edited.put(house.db, table, column, list(reversed(back)))
        return "unnoticed"

    @pytest.mark.parametrize("table", sorted(GUARDED))
    def test_the_database_refuses_changes_of_what_is_guarded(
        self, signed: tuple[House, int], table: str
    ) -> None:
        house, _ = signed
        for one, column in edited.columns():
            if one.name == table and not is_bound(column):
                assert edited.edit(house.db, one, column) in (None, []), column.name
