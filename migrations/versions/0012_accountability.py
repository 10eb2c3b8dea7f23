"""Who answers for late changes, by which ticket, who asked to take one back, which session."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "late_change",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False, index=True),
        sa.Column("owner", PlainText, nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("by", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("late_change")
