"""Which servers show the same storage, and what a change left open."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import PlainText

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("server", sa.Column("storage", PlainText, nullable=False, server_default=""))
    op.add_column(
        "server_order", sa.Column("left_over", sa.JSON(), nullable=False, server_default="{}")
    )


def downgrade() -> None:
    op.drop_column("server_order", "left_over")
    op.drop_column("server", "storage")
