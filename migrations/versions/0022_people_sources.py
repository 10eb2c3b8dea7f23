"""Directories as sources of people: sources, stable identities, history, requests of pages."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "people_source",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secret_file", PlainText, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("most_lost_percent", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("problem", PlainText, nullable=False),
        sa.Column("last_run_at", Moment(), nullable=True),
        sa.Column("last_complete_at", Moment(), nullable=True),
        sa.Column("wanted_at", Moment(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("cursor", PlainText, nullable=False),
        sa.Column("confirmed_lost", sa.Integer(), nullable=True),
        sa.Column("confirmed_by", PlainText, nullable=False),
        sa.UniqueConstraint("name", name="uq_people_source_name"),
    )
    op.create_table(
        "person_identity",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("added_at", Moment(), nullable=False),
        sa.Column("gone_at", Moment(), nullable=True),
        sa.UniqueConstraint("source", "key", name="uq_person_identity_source_key"),
    )
    op.create_index("ix_person_identity_person_id", "person_identity", ["person_id"])
    op.create_table(
        "person_history",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("before", PlainText, nullable=False),
        sa.Column("after", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
    )
    op.create_index("ix_person_history_person_id_id", "person_history", ["person_id", "id"])
    op.create_table(
        "people_source_request",
        sa.Column("source_id", sa.Integer(), sa.ForeignKey("people_source.id"), primary_key=True),
        sa.Column("kind", sa.String(64), primary_key=True),
        sa.Column("argument", PlainText, nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("asked_by", PlainText, nullable=False),
        sa.Column("begun_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    for table in ("people_source_request", "person_history", "person_identity", "people_source"):
        op.drop_table(table)
