"""How far the entries of the trail have been sent to security monitoring."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "event_delivery",
        sa.Column("destination", PlainText, primary_key=True),
        sa.Column("last_seq", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("problem", PlainText, nullable=False, server_default=""),
        sa.Column("tried_at", Moment(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("event_delivery")
