"""What silence means, who releases many changes at once, waves, and reviews by the calendar."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import PlainText

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(64)
FINAL = sa.text("state = 'final'")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("policy", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("campaign", sa.Column("closed_by", PlainText, nullable=True))
    op.add_column("item", sa.Column("release_id", sa.Integer(), nullable=True))
    op.create_index(
        "ix_item_final",
        "item",
        ["campaign_id", "release_id"],
        sqlite_where=FINAL,
        postgresql_where=FINAL,
    )
    op.add_column(
        "remediation", sa.Column("wave", sa.Integer(), nullable=False, server_default="0")
    )
    _releases()
    _templates()
    _schedules()


def _releases() -> None:
    op.create_table(
        "campaign_release",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("released_by", PlainText, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", PlainText, nullable=False),
        sa.Column("wave", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_release_campaign_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_release")),
    )
    op.create_index(op.f("ix_campaign_release_campaign_id"), "campaign_release", ["campaign_id"])


def _templates() -> None:
    op.create_table(
        "campaign_template",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("server_ids", sa.JSON(), nullable=False),
        sa.Column("folder_prefix", PlainText, nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("days_to_answer", sa.Integer(), nullable=False),
        sa.Column("undo_minutes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_template")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_template_name")),
    )


def _schedules() -> None:
    op.create_table(
        "campaign_schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("template_id", sa.Integer(), nullable=False),
        sa.Column("rhythm", PlainText, nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("time_of_day", sa.Time(), nullable=False),
        sa.Column("zone", PlainText, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", PlainText, nullable=False),
        sa.Column("off_at", MOMENT, nullable=True),
        sa.Column("off_by", PlainText, nullable=True),
        sa.ForeignKeyConstraint(
            ["template_id"], ["campaign_template.id"], name=op.f("fk_campaign_schedule_template_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_schedule")),
    )
    op.create_index(op.f("ix_campaign_schedule_template_id"), "campaign_schedule", ["template_id"])
    op.create_table(
        "schedule_slot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("slot", PlainText, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=True),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("tried_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["campaign_schedule.id"], name=op.f("fk_schedule_slot_schedule_id")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_schedule_slot_campaign_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_slot")),
        sa.UniqueConstraint("schedule_id", "slot", name=op.f("uq_schedule_slot_schedule_id_slot")),
    )


def downgrade() -> None:
    for table in ("schedule_slot", "campaign_schedule", "campaign_template", "campaign_release"):
        op.drop_table(table)
    op.drop_index("ix_item_final", "item")
    for table, columns in (
        ("remediation", ["wave"]),
        ("item", ["release_id"]),
        ("campaign", ["closed_by", "policy"]),
    ):
        for column in columns:
            op.drop_column(table, column)
