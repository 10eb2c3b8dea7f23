"""Orders that give: what they want, and accounts that do not exist yet."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    with op.batch_alter_table("server_order") as batch:
        batch.add_column(sa.Column("wanted", sa.JSON(), nullable=False, server_default="{}"))
        batch.alter_column("account_id", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    of_no_account = "SELECT id FROM server_order WHERE account_id IS NULL"
    for table in ("order_step", "undo_request"):
        op.execute(f"DELETE FROM {table} WHERE order_id IN ({of_no_account})")  # noqa: S608
    op.execute("DELETE FROM server_order WHERE account_id IS NULL")
    with op.batch_alter_table("server_order") as batch:
        batch.alter_column("account_id", existing_type=sa.Integer(), nullable=False)
        batch.drop_column("wanted")
