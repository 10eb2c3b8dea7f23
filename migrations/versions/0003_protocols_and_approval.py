"""Rights by protocol, and the approval of changes that touch more than was decided."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import PlainText

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("access_grant") as batch:
        batch.add_column(sa.Column("protocols", PlainText, nullable=False, server_default=""))
    with op.batch_alter_table("server_order") as batch:
        batch.add_column(sa.Column("approved_plan", PlainText, nullable=True))
        batch.add_column(sa.Column("approved_by", PlainText, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("server_order") as batch:
        batch.drop_column("approved_by")
        batch.drop_column("approved_plan")
    with op.batch_alter_table("access_grant") as batch:
        batch.drop_column("protocols")
