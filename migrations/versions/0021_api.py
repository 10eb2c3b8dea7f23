"""Access tokens, accounts opened by an identity system, and its change items."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "access_token",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", PlainText, nullable=False, unique=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("servers", sa.JSON(), nullable=False),
        sa.Column("secret_hash", PlainText, nullable=False, unique=True),
        sa.Column("previous_hash", PlainText, nullable=True, unique=True),
        sa.Column("previous_until", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", PlainText, nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("used_from", PlainText, nullable=False, server_default=""),
        sa.Column("revoked_at", Moment(), nullable=True),
    )
    op.create_table(
        "provisioned_account",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("external_id", PlainText, nullable=False, server_default=""),
        sa.Column("email", PlainText, nullable=False, server_default=""),
        sa.Column("display_name", PlainText, nullable=False, server_default=""),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("server_order.id"), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", PlainText, nullable=False),
        sa.Column("document", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.Index("ix_provisioned_account_name", "server_id", "name"),
    )
    op.create_table(
        "change_item",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("number", PlainText, nullable=False),
        sa.Column("content_sha256", PlainText, nullable=False),
        sa.Column("request_type", PlainText, nullable=False),
        sa.Column("account", PlainText, nullable=False, server_default=""),
        sa.Column("entitlement", PlainText, nullable=False, server_default=""),
        sa.Column("person", PlainText, nullable=False, server_default=""),
        sa.Column("requester", PlainText, nullable=False, server_default=""),
        sa.Column("reason", PlainText, nullable=False, server_default=""),
        sa.Column("refused", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("comment", PlainText, nullable=False),
        sa.Column("order_ids", sa.JSON(), nullable=False),
        sa.Column("token", PlainText, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.UniqueConstraint("server_id", "number", name="uq_change_item_server_id_number"),
        sa.Index("ix_change_item_last_at", "last_at"),
    )


def downgrade() -> None:
    op.drop_table("change_item")
    op.drop_table("provisioned_account")
    op.drop_table("access_token")
