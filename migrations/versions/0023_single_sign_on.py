"""Identity providers, whom their subjects are, and sessions that they vouch for."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "sign_in_provider",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", PlainText, nullable=False, unique=True),
        sa.Column("title", PlainText, nullable=False),
        sa.Column("issuer", PlainText, nullable=False),
        sa.Column("client_id", PlainText, nullable=False),
        sa.Column("secret_file", PlainText, nullable=False, server_default=""),
        sa.Column("scopes", PlainText, nullable=False),
        sa.Column("email_claim", PlainText, nullable=False),
        sa.Column("groups_claim", PlainText, nullable=False),
        sa.Column("group_roles", sa.JSON(), nullable=False),
        sa.Column("trusts_email", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_only", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", Moment(), nullable=False),
    )
    provider = sa.ForeignKey("sign_in_provider.id")
    op.create_table(
        "provider_account",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("provider_id", sa.Integer(), provider, nullable=False),
        sa.Column("subject", PlainText, nullable=False),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("app_user.id"), nullable=False),
        sa.Column("linked_at", Moment(), nullable=False),
        sa.UniqueConstraint("provider_id", "subject"),
        sa.UniqueConstraint("provider_id", "user_id"),
        sa.Index("ix_provider_account_user_id", "user_id"),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("state_hash", PlainText, primary_key=True),
        sa.Column(
            "provider_id", sa.Integer(), sa.ForeignKey("sign_in_provider.id"), nullable=False
        ),
        sa.Column("browser_hash", PlainText, nullable=False),
        sa.Column("nonce", PlainText, nullable=False),
        sa.Column("verifier", PlainText, nullable=False),
        sa.Column("next", PlainText, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
    )
    op.create_table(
        "logout_token",
        sa.Column("token_id", PlainText, primary_key=True),
        sa.Column("expires_at", Moment(), nullable=False),
    )
    with op.batch_alter_table("web_session") as batch:
        batch.add_column(sa.Column("provider_id", sa.Integer(), nullable=True))
        batch.add_column(
            sa.Column("provider_session", PlainText, nullable=False, server_default="")
        )
        batch.add_column(
            sa.Column("provider_roles", sa.JSON(), nullable=False, server_default="[]")
        )
        batch.add_column(sa.Column("id_token", PlainText, nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("web_session") as batch:
        for name in ("id_token", "provider_roles", "provider_session", "provider_id"):
            batch.drop_column(name)
    for name in ("logout_token", "sign_in_attempt", "provider_account", "sign_in_provider"):
        op.drop_table(name)
