"""Since when a server is held by a run, and checks of connections that the worker makes."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("server_lease", sa.Column("since", Moment(), nullable=True))
    op.create_table(
        "connection_check",
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), primary_key=True),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("asked_by", PlainText, nullable=False),
        sa.Column("begun_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("results", sa.JSON(), nullable=False, server_default="[]"),
    )


def downgrade() -> None:
    op.drop_table("connection_check")
    op.drop_column("server_lease", "since")
