"""The mail channel: what links are bound to, who opened them, replies, bounces, languages."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0010"
down_revision = "0009"

WORD = sa.String(64)
ADDED = {
    "mail_token": ("state", "held_why"),
    "outbox_message": ("reply_key", "unsubscribe", "language"),
    "person": ("language", "zone"),
}


def upgrade() -> None:
    for table, names in ADDED.items():
        for name in names:
            op.add_column(table, sa.Column(name, PlainText, nullable=False, server_default=""))
    op.add_column(
        "mail_token", sa.Column("number", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("mail_token", sa.Column("held_at", Moment(), nullable=True))
    op.add_column(
        "reviewer_progress", sa.Column("told", sa.Integer(), nullable=False, server_default="0")
    )
    op.execute("UPDATE reviewer_progress SET told = total")
    op.create_index("ix_mail_token_message_id", "mail_token", ["message_id"])
    op.create_index("ix_outbox_message_to_address", "outbox_message", ["to_address"])
    op.create_table(
        "link_visit",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("token_id", sa.Integer(), sa.ForeignKey("mail_token.id"), nullable=False),
        sa.Column("holder", PlainText, nullable=False),
        sa.Column("act", WORD, nullable=False),
        sa.Column("address", PlainText, nullable=False),
        sa.Column("agent", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_index("ix_link_visit_token_id", "link_visit", ["token_id"])
    op.create_index("ix_link_visit_holder_at", "link_visit", ["holder", "at"])
    op.create_index("ix_link_visit_at", "link_visit", ["at"])
    op.create_table(
        "inbound_mail",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", PlainText, nullable=False, unique=True),
        sa.Column("message_id", PlainText, nullable=False),
        sa.Column("from_address", PlainText, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("outcome", PlainText, nullable=False),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_index("ix_inbound_mail_from_address_at", "inbound_mail", ["from_address", "at"])
    op.create_table(
        "undeliverable_address",
        sa.Column("address", PlainText, primary_key=True),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("message_id", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("told_at", Moment(), nullable=True),
    )
    op.create_table(
        "mail_opt_out",
        sa.Column("address", PlainText, primary_key=True),
        sa.Column("kind", PlainText, primary_key=True),
        sa.Column("at", Moment(), nullable=False),
    )


def downgrade() -> None:
    for table in ("mail_opt_out", "undeliverable_address", "inbound_mail", "link_visit"):
        op.drop_table(table)
    op.drop_index("ix_outbox_message_to_address", "outbox_message")
    op.drop_index("ix_mail_token_message_id", "mail_token")
    op.drop_column("reviewer_progress", "told")
    for name in ("held_at", "number"):
        op.drop_column("mail_token", name)
    for table, names in ADDED.items():
        for name in names:
            op.drop_column(table, name)
