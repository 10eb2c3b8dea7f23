"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(64)


def upgrade() -> None:
    op.create_table(
        "app_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_user")),
        sa.UniqueConstraint("email", name=op.f("uq_app_user_email")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("server_ids", sa.JSON(), nullable=False),
        sa.Column("folder_prefix", TEXT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("undo_minutes", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("launched_at", MOMENT, nullable=True),
        sa.Column("launched_by", TEXT, nullable=True),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("signed_off_at", MOMENT, nullable=True),
        sa.Column("signed_off_by", TEXT, nullable=True),
        sa.Column("statement", TEXT, nullable=True),
        sa.Column("void_reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("name", name=op.f("uq_organisation_name")),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("in_reply_to", TEXT, nullable=True),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("to_address", TEXT, nullable=False),
        sa.Column("to_name", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("html", TEXT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("error", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
        sa.UniqueConstraint("message_id", name=op.f("uq_outbox_message_message_id")),
    )
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.create_index("ix_outbox_message_due", ["state", "next_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_message_topic"), ["topic"], unique=False)

    op.create_table(
        "sign_in_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failure")),
    )
    with op.batch_alter_table("sign_in_failure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_failure_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sign_in_failure_email"), ["email"], unique=False)

    op.create_table(
        "trail_checkpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("public_key", TEXT, nullable=False),
        sa.Column("signature", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail_checkpoint")),
    )
    op.create_table(
        "trail_entry",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("object", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_trail_entry")),
        sa.UniqueConstraint("previous", name=op.f("uq_trail_entry_previous")),
    )
    with op.batch_alter_table("trail_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trail_entry_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_trail_entry_object"), ["object"], unique=False)

    op.create_table(
        "trail_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail_head")),
    )
    op.create_table(
        "campaign_occurrence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("slot", TEXT, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_occurrence_campaign_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_occurrence")),
        sa.UniqueConstraint(
            "campaign_id", "slot", name=op.f("uq_campaign_occurrence_campaign_id_slot")
        ),
    )
    op.create_table(
        "evidence_package",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_evidence_package_campaign_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_package")),
    )
    with op.batch_alter_table("evidence_package", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_evidence_package_campaign_id"), ["campaign_id"], unique=False
        )

    op.create_table(
        "mail_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["outbox_message.id"], name=op.f("fk_mail_token_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_mail_token_token_hash")),
    )
    with op.batch_alter_table("mail_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mail_token_holder"), ["holder"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_token_subject"), ["subject"], unique=False)

    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("department", TEXT, nullable=False),
        sa.Column("organisation_id", sa.Integer(), nullable=False),
        sa.Column("manager_id", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["manager_id"], ["person.id"], name=op.f("fk_person_manager_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_person_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_manager_id"), ["manager_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_person_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "web_session",
        sa.Column("id_hash", TEXT, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["app_user.id"], name=op.f("fk_web_session_user_id")),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_web_session")),
    )
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "reviewer_progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.Column("keep", sa.Integer(), nullable=False),
        sa.Column("reduce", sa.Integer(), nullable=False),
        sa.Column("revoke", sa.Integer(), nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_reviewer_progress_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["reviewer_id"], ["person.id"], name=op.f("fk_reviewer_progress_reviewer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewer_progress")),
        sa.UniqueConstraint(
            "campaign_id", "reviewer_id", name=op.f("uq_reviewer_progress_campaign_id_reviewer_id")
        ),
    )
    with op.batch_alter_table("reviewer_progress", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_reviewer_progress_campaign_id"), ["campaign_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_reviewer_progress_reviewer_id"), ["reviewer_id"], unique=False
        )

    op.create_table(
        "server",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("writes_enabled", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("snapshot_wanted_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_server_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server")),
        sa.UniqueConstraint("name", name=op.f("uq_server_name")),
    )
    op.create_table(
        "folder_owner",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("substitute_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_folder_owner_person_id")
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_folder_owner_server_id")
        ),
        sa.ForeignKeyConstraint(
            ["substitute_id"], ["person.id"], name=op.f("fk_folder_owner_substitute_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder_owner")),
        sa.UniqueConstraint("server_id", "path", name=op.f("uq_folder_owner_server_id_path")),
    )
    with op.batch_alter_table("folder_owner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_folder_owner_person_id"), ["person_id"], unique=False)

    op.create_table(
        "server_lease",
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("fencing", sa.Integer(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_lease_server_id")
        ),
        sa.PrimaryKeyConstraint("server_id", name=op.f("pk_server_lease")),
    )
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("folders", sa.Integer(), nullable=False),
        sa.Column("grants", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_snapshot_server_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
    )
    with op.batch_alter_table("snapshot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_snapshot_server_id"), ["server_id"], unique=False)

    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_source_server_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("server_id", "text", name=op.f("uq_source_server_id_text")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("last_login_at", MOMENT, nullable=True),
        sa.Column("note", TEXT, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("first_snapshot_id", sa.Integer(), nullable=False),
        sa.Column("gone_snapshot_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["first_snapshot_id"], ["snapshot.id"], name=op.f("fk_account_first_snapshot_id")
        ),
        sa.ForeignKeyConstraint(
            ["gone_snapshot_id"], ["snapshot.id"], name=op.f("fk_account_gone_snapshot_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_account_person_id")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_account_server_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_person_id"), ["person_id"], unique=False)
        batch_op.create_index(
            "uq_account_live",
            ["server_id", "name"],
            unique=True,
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )

    op.create_table(
        "campaign_population",
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("reviewed", sa.Integer(), nullable=False),
        sa.Column("out_of_scope", sa.Integer(), nullable=False),
        sa.Column("without_rights", sa.Integer(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_population_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_campaign_population_server_id")
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name=op.f("fk_campaign_population_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("campaign_id", "server_id", name=op.f("pk_campaign_population")),
    )
    op.create_table(
        "folder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("first_snapshot_id", sa.Integer(), nullable=False),
        sa.Column("gone_snapshot_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["first_snapshot_id"], ["snapshot.id"], name=op.f("fk_folder_first_snapshot_id")
        ),
        sa.ForeignKeyConstraint(
            ["gone_snapshot_id"], ["snapshot.id"], name=op.f("fk_folder_gone_snapshot_id")
        ),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_folder_server_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder")),
    )
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.create_index(
            "uq_folder_live",
            ["server_id", "path"],
            unique=True,
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )

    op.create_table(
        "server_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("first_snapshot_id", sa.Integer(), nullable=False),
        sa.Column("gone_snapshot_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["first_snapshot_id"], ["snapshot.id"], name=op.f("fk_server_group_first_snapshot_id")
        ),
        sa.ForeignKeyConstraint(
            ["gone_snapshot_id"], ["snapshot.id"], name=op.f("fk_server_group_gone_snapshot_id")
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_group_server_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_group")),
    )
    with op.batch_alter_table("server_group", schema=None) as batch_op:
        batch_op.create_index(
            "uq_server_group_live",
            ["server_id", "name"],
            unique=True,
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )

    op.create_table(
        "access_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("folder_id", sa.Integer(), nullable=False),
        sa.Column("rights", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("first_snapshot_id", sa.Integer(), nullable=False),
        sa.Column("gone_snapshot_id", sa.Integer(), nullable=True),
        sa.Column("native", TEXT, nullable=False),
        sa.Column("widened", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_access_grant_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name=op.f("fk_access_grant_folder_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
    )
    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.create_index(
            "ix_access_grant_first", ["server_id", "first_snapshot_id"], unique=False
        )
        batch_op.create_index("ix_access_grant_folder", ["folder_id", "account_id"], unique=False)
        batch_op.create_index(
            "ix_access_grant_gone",
            ["server_id", "gone_snapshot_id"],
            unique=False,
            sqlite_where=sa.text("gone_snapshot_id IS NOT NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_access_grant_live",
            ["server_id", "content_hash"],
            unique=False,
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )

    op.create_table(
        "folder_route",
        sa.Column("folder_id", sa.Integer(), nullable=False),
        sa.Column("folder_owner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name=op.f("fk_folder_route_folder_id")
        ),
        sa.ForeignKeyConstraint(
            ["folder_owner_id"], ["folder_owner.id"], name=op.f("fk_folder_route_folder_owner_id")
        ),
        sa.PrimaryKeyConstraint("folder_id", name=op.f("pk_folder_route")),
    )
    with op.batch_alter_table("folder_route", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_folder_route_folder_owner_id"), ["folder_owner_id"], unique=False
        )

    op.create_table(
        "group_member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("first_snapshot_id", sa.Integer(), nullable=False),
        sa.Column("gone_snapshot_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_group_member_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["first_snapshot_id"], ["snapshot.id"], name=op.f("fk_group_member_first_snapshot_id")
        ),
        sa.ForeignKeyConstraint(
            ["gone_snapshot_id"], ["snapshot.id"], name=op.f("fk_group_member_gone_snapshot_id")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["server_group.id"], name=op.f("fk_group_member_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_member")),
    )
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_group_member_account_id"), ["account_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_group_member_group_id"), ["group_id"], unique=False)

    op.create_table(
        "server_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("folder_id", sa.Integer(), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("folder", TEXT, nullable=False),
        sa.Column("rights_before", sa.Integer(), nullable=False),
        sa.Column("rights_wanted", sa.Integer(), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("explanation", TEXT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("applied_at", MOMENT, nullable=True),
        sa.Column("verified_at", MOMENT, nullable=True),
        sa.Column("rights_found", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_server_order_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name=op.f("fk_server_order_folder_id")
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_order_server_id")
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["server_order.id"], name=op.f("fk_server_order_undoes_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_order")),
        sa.UniqueConstraint("origin", name=op.f("uq_server_order_origin")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_server_order_undoes_id")),
    )
    with op.batch_alter_table("server_order", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_server_order_account_id"), ["account_id"], unique=False
        )
        batch_op.create_index(
            "ix_server_order_due", ["server_id", "state", "next_at"], unique=False
        )

    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("grant_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("folder_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        sa.Column("route", WORD, nullable=False),
        sa.Column("rights", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("sort_key", sa.Integer(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("answer", WORD, nullable=True),
        sa.Column("answer_rights", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("outcome", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_item_campaign_id")),
        sa.ForeignKeyConstraint(["grant_id"], ["access_grant.id"], name=op.f("fk_item_grant_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["person.id"], name=op.f("fk_item_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("campaign_id", "grant_id", name=op.f("uq_item_campaign_id_grant_id")),
    )
    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.create_index("ix_item_page", ["campaign_id", "sort_key"], unique=False)
        batch_op.create_index(
            "ix_item_reviewer_page",
            ["campaign_id", "reviewer_id", "folder_id", "sort_key"],
            unique=False,
        )
        batch_op.create_index("ix_item_state", ["campaign_id", "state"], unique=False)

    op.create_table(
        "order_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["server_order.id"], name=op.f("fk_order_step_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_step")),
    )
    with op.batch_alter_table("order_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_step_order_id"), ["order_id"], unique=False)

    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("answer", WORD, nullable=False),
        sa.Column("answer_rights", sa.Integer(), nullable=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("channel", WORD, nullable=False),
        sa.Column("assurance", WORD, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("batch", TEXT, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("rights", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_decision_item_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_decision_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("item_id", "version", name=op.f("uq_decision_item_id_version")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decision_batch"), ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_decision_item_id"), ["item_id"], unique=False)

    op.create_table(
        "remediation",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_remediation_decision_id")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_remediation_item_id")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["server_order.id"], name=op.f("fk_remediation_order_id")
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_remediation")),
        sa.UniqueConstraint("order_id", name=op.f("uq_remediation_order_id")),
    )


def downgrade() -> None:
    op.drop_table("remediation")
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decision_item_id"))
        batch_op.drop_index(batch_op.f("ix_decision_batch"))

    op.drop_table("decision")
    with op.batch_alter_table("order_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_step_order_id"))

    op.drop_table("order_step")
    with op.batch_alter_table("item", schema=None) as batch_op:
        batch_op.drop_index("ix_item_state")
        batch_op.drop_index("ix_item_reviewer_page")
        batch_op.drop_index("ix_item_page")

    op.drop_table("item")
    with op.batch_alter_table("server_order", schema=None) as batch_op:
        batch_op.drop_index("ix_server_order_due")
        batch_op.drop_index(batch_op.f("ix_server_order_account_id"))

    op.drop_table("server_order")
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_member_group_id"))
        batch_op.drop_index(batch_op.f("ix_group_member_account_id"))

    op.drop_table("group_member")
    with op.batch_alter_table("folder_route", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_folder_route_folder_owner_id"))

    op.drop_table("folder_route")
    with op.batch_alter_table("access_grant", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_access_grant_live",
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )
        batch_op.drop_index(
            "ix_access_grant_gone",
            sqlite_where=sa.text("gone_snapshot_id IS NOT NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_access_grant_folder")
        batch_op.drop_index("ix_access_grant_first")

    op.drop_table("access_grant")
    with op.batch_alter_table("server_group", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_server_group_live",
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )

    op.drop_table("server_group")
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_folder_live",
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )

    op.drop_table("folder")
    op.drop_table("campaign_population")
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_account_live",
            sqlite_where=sa.text("gone_snapshot_id IS NULL"),
            postgresql_where=sa.text("gone_snapshot_id IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_account_person_id"))

    op.drop_table("account")
    op.drop_table("source")
    with op.batch_alter_table("snapshot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_snapshot_server_id"))

    op.drop_table("snapshot")
    op.drop_table("server_lease")
    with op.batch_alter_table("folder_owner", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_folder_owner_person_id"))

    op.drop_table("folder_owner")
    op.drop_table("server")
    with op.batch_alter_table("reviewer_progress", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reviewer_progress_reviewer_id"))
        batch_op.drop_index(batch_op.f("ix_reviewer_progress_campaign_id"))

    op.drop_table("reviewer_progress")
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_web_session_user_id"))

    op.drop_table("web_session")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_person_manager_id"))

    op.drop_table("person")
    with op.batch_alter_table("mail_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mail_token_subject"))
        batch_op.drop_index(batch_op.f("ix_mail_token_holder"))

    op.drop_table("mail_token")
    with op.batch_alter_table("evidence_package", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evidence_package_campaign_id"))

    op.drop_table("evidence_package")
    op.drop_table("campaign_occurrence")
    op.drop_table("trail_head")
    with op.batch_alter_table("trail_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trail_entry_object"))
        batch_op.drop_index(batch_op.f("ix_trail_entry_action"))

    op.drop_table("trail_entry")
    op.drop_table("trail_checkpoint")
    with op.batch_alter_table("sign_in_failure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_failure_email"))
        batch_op.drop_index(batch_op.f("ix_sign_in_failure_at"))

    op.drop_table("sign_in_failure")
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_message_topic"))
        batch_op.drop_index("ix_outbox_message_due")

    op.drop_table("outbox_message")
    op.drop_table("organisation")
    op.drop_table("campaign")
    op.drop_table("app_user")
