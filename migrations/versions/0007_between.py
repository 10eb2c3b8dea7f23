"""Between campaigns: micro reviews on events, and what their looks at the servers saw."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0007"
down_revision = "0006"

WORD = sa.String(64)


def upgrade() -> None:
    op.add_column("campaign", sa.Column("kind", WORD, nullable=False, server_default="review"))
    op.create_table(
        "campaign_grant",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("grant_id", sa.Integer(), sa.ForeignKey("access_grant.id"), primary_key=True),
        sa.Column("event", WORD, nullable=False),
        sa.Column("reason", PlainText, nullable=False),
    )
    op.create_table(
        "server_look",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), sa.ForeignKey("snapshot.id"), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.UniqueConstraint("server_id", "snapshot_id"),
    )
    op.create_table(
        "person_seen",
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("department", PlainText, nullable=False),
        sa.Column(
            "organisation_id", sa.Integer(), sa.ForeignKey("organisation.id"), nullable=False
        ),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "came_back",
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("server_order.id"), primary_key=True),
        sa.Column("grant_id", sa.Integer(), sa.ForeignKey("access_grant.id"), primary_key=True),
        sa.Column("at", Moment(), nullable=False),
    )


def downgrade() -> None:
    for table in ("came_back", "person_seen", "server_look", "campaign_grant"):
        op.drop_table(table)
    op.drop_column("campaign", "kind")
