"""Checks of the whole trail that the worker makes."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "trail_check",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.Column("asked_by", PlainText, nullable=False),
        sa.Column("begun_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("broken_seq", sa.Integer(), nullable=True),
        sa.Column("broken_why", PlainText, nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_table("trail_check")
