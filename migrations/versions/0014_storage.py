"""Which servers show the same storage, what a change left open, and emergency accounts."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("server", sa.Column("storage", PlainText, nullable=False, server_default=""))
    op.add_column(
        "server_order", sa.Column("left_over", sa.JSON(), nullable=False, server_default="{}")
    )
    op.create_table(
        "emergency_account",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("marked_by", PlainText, nullable=False),
        sa.Column("marked_at", Moment(), nullable=False),
        sa.Column("ended_by", PlainText, nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
    )
    op.create_index(
        "uq_emergency_account_open",
        "emergency_account",
        ["server_id", "name"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "emergency_use",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("used_at", Moment(), primary_key=True),
        sa.Column("at", Moment(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("emergency_use")
    op.drop_table("emergency_account")
    op.drop_column("server_order", "left_over")
    op.drop_column("server", "storage")
