"""Changes that met another access than they were about, and trainings of reviewers."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "second_look",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("server_order.id"), nullable=False),
        sa.Column(
            "server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False, index=True
        ),
        sa.Column("wanted_at", Moment(), nullable=False),
        sa.Column("grant_id", sa.Integer(), sa.ForeignKey("access_grant.id"), nullable=True),
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=True),
        sa.Column("note", PlainText, nullable=False, server_default=""),
    )
    op.create_table(
        "training",
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("held_on", sa.Date(), primary_key=True),
        sa.Column("course", PlainText, primary_key=True),
        sa.Column("at", Moment(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("training")
    op.drop_table("second_look")
