"""Scope, exclusions, delegations, questions about items, keeps that end, and what was seen."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("folder_owner") as batch:
        batch.add_column(sa.Column("classification", PlainText, nullable=False, server_default=""))
    with op.batch_alter_table("campaign") as batch:
        batch.add_column(sa.Column("scope", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(sa.Column("freshness_reason", PlainText, nullable=True))
        batch.add_column(sa.Column("freshness_by", PlainText, nullable=True))
    with op.batch_alter_table("campaign_population") as batch:
        batch.add_column(sa.Column("excluded", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("item") as batch:
        batch.add_column(sa.Column("keep_until", Moment(), nullable=True))
        batch.add_column(
            sa.Column("conflict", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.add_column(sa.Column("from_id", sa.Integer(), nullable=True))
        batch.create_foreign_key(op.f("fk_item_from_id"), "person", ["from_id"], ["id"])
    # Not as a batch: SQLite would build the table anew and lose what guards it.
    op.add_column("decision", sa.Column("keep_until", Moment(), nullable=True))
    op.add_column("decision", sa.Column("on_behalf_of", sa.Integer(), nullable=True))
    op.add_column("decision", sa.Column("seen", PlainText, nullable=False, server_default=""))
    _registers()
    _conversation()


def _registers() -> None:
    op.create_table(
        "exclusion",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False, index=True
        ),
        sa.Column("account", PlainText, nullable=False),
        sa.Column("folder", PlainText, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("ends_at", Moment(), nullable=False),
        sa.Column("asked_by", PlainText, nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("approved_by", PlainText, nullable=True),
        sa.Column("approved_at", Moment(), nullable=True),
        sa.Column("ended_by", PlainText, nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
    )
    op.create_table(
        "campaign_exclusion",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("exclusion_id", sa.Integer(), sa.ForeignKey("exclusion.id"), primary_key=True),
        sa.Column("grants", sa.Integer(), nullable=False),
    )
    op.create_table(
        "delegation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("from_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False, index=True),
        sa.Column("to_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("starts_at", Moment(), nullable=False),
        sa.Column("ends_at", Moment(), nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("made_by", PlainText, nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
    )


def _conversation() -> None:
    op.create_table(
        "item_message",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False, index=True),
        sa.Column("author", PlainText, nullable=False),
        sa.Column("is_question", sa.Boolean(), nullable=False),
        sa.Column("text", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_table(
        "ending",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("decision_id", sa.Integer(), sa.ForeignKey("decision.id"), nullable=False),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("server_order.id"), nullable=True),
        sa.Column("note", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )


def downgrade() -> None:
    for table in ("ending", "item_message", "delegation", "campaign_exclusion", "exclusion"):
        op.drop_table(table)
    for column in ("seen", "on_behalf_of", "keep_until"):
        op.drop_column("decision", column)
    with op.batch_alter_table("item") as batch:
        batch.drop_constraint(op.f("fk_item_from_id"), type_="foreignkey")
        for column in ("from_id", "conflict", "keep_until"):
            batch.drop_column(column)
    with op.batch_alter_table("campaign_population") as batch:
        batch.drop_column("excluded")
    with op.batch_alter_table("campaign") as batch:
        for column in ("freshness_by", "freshness_reason", "scope"):
            batch.drop_column(column)
    with op.batch_alter_table("folder_owner") as batch:
        batch.drop_column("classification")
