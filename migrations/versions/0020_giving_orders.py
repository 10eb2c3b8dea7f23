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
    orders = sa.table("server_order", sa.column("id"), sa.column("account_id"))
    of_no_account = orders.c.account_id.is_(None)
    for name in ("order_step", "undo_request"):
        table = sa.table(name, sa.column("order_id"))
        numbers = sa.select(orders.c.id).where(of_no_account)
        op.execute(sa.delete(table).where(table.c.order_id.in_(numbers)))
    op.execute(sa.delete(orders).where(of_no_account))
    with op.batch_alter_table("server_order") as batch:
        batch.alter_column("account_id", existing_type=sa.Integer(), nullable=False)
        batch.drop_column("wanted")
