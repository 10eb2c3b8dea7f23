"""What each snapshot was read by, the recording of the raw answers, and keys of accounts."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0012"
down_revision = "0011"

TEXTS = ("collector", "recording_sha256", "recording_note")
MOMENTS = ("read_started_at", "read_ended_at", "recording_removed_at")


def upgrade() -> None:
    for name in TEXTS:
        op.add_column("snapshot", sa.Column(name, PlainText, nullable=False, server_default=""))
    for name in MOMENTS:
        op.add_column("snapshot", sa.Column(name, Moment(), nullable=True))
    op.add_column(
        "snapshot", sa.Column("recording_size", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("snapshot", sa.Column("asked", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("account", sa.Column("key_count", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("account", "key_count")
    for name in (*TEXTS, *MOMENTS, "recording_size", "asked"):
        op.drop_column("snapshot", name)
