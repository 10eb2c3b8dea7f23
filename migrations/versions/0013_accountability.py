"""Who answers for late changes, by which ticket, who asked to take one back, which session."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0013"
down_revision = "0012"

TEXTS = (("server_order", "ticket"), ("server_order", "reason"), ("decision", "session"))
NUMBERS = (("routing_version", "1"), ("routed_away", "0"))


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

    op.create_table(
        "undo_request",
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("server_order.id"), primary_key=True),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("asked_by", PlainText, nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("approved_by", PlainText, nullable=True),
        sa.Column("approved_at", Moment(), nullable=True),
    )
    op.create_table(
        "ownership_doubt",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "folder_owner_id",
            sa.Integer(),
            sa.ForeignKey("folder_owner.id"),
            nullable=False,
            index=True,
        ),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), nullable=False, index=True),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.Column("settled_by", PlainText, nullable=True),
        sa.Column("outcome", PlainText, nullable=False, server_default=""),
    )
    for table, name in TEXTS:
        op.add_column(table, sa.Column(name, PlainText, nullable=False, server_default=""))
    late = sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("decision", late)
    for name, usual in NUMBERS:
        column = sa.Column(name, sa.Integer(), nullable=False, server_default=usual)
        op.add_column("campaign", column)
    op.add_column("outbox_message", sa.Column("bounced_at", Moment(), nullable=True))
    bounce = sa.Column("bounce", PlainText, nullable=False, server_default="")
    op.add_column("outbox_message", bounce)


def downgrade() -> None:
    op.drop_column("outbox_message", "bounce")
    op.drop_column("outbox_message", "bounced_at")
    for name, _ in reversed(NUMBERS):
        op.drop_column("campaign", name)
    op.drop_column("decision", "late")
    for table, name in reversed(TEXTS):
        op.drop_column(table, name)
    op.drop_table("ownership_doubt")
    op.drop_table("undo_request")
    op.drop_table("late_change")
