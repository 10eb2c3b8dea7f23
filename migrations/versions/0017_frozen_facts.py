"""Accounts as they were when a campaign was launched."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import PlainText

revision = "0017"
down_revision = "0016"

WORD = sa.String(64)
# Campaigns that were launched before have their accounts as they are now.
_FILL = """
INSERT INTO campaign_account (campaign_id, account_id, kind, enabled, key_count, person,
    organisation, is_partner, is_privileged, is_emergency)
SELECT i.campaign_id, a.id, a.kind, a.enabled, a.key_count, COALESCE(p.name, ''),
    COALESCE(o.name, ''), COALESCE(o.kind = 'partner', FALSE), s.account_id IS NOT NULL,
    EXISTS (SELECT 1 FROM emergency_account e WHERE e.server_id = a.server_id
        AND e.name = a.name AND e.ended_at IS NULL)
FROM (SELECT DISTINCT campaign_id, account_id FROM item WHERE account_id IS NOT NULL) i
JOIN account a ON a.id = i.account_id
LEFT JOIN person p ON p.id = a.person_id
LEFT JOIN organisation o ON o.id = p.organisation_id
LEFT JOIN (
    SELECT DISTINCT q.campaign_id, g.account_id FROM access_grant g
    JOIN campaign_population q ON q.server_id = g.server_id
    WHERE (g.rights & 512) <> 0 AND g.first_snapshot_id <= q.snapshot_id
        AND (g.gone_snapshot_id IS NULL OR g.gone_snapshot_id > q.snapshot_id)
) s ON s.campaign_id = i.campaign_id AND s.account_id = i.account_id
"""


def upgrade() -> None:
    op.create_table(
        "campaign_account",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("key_count", sa.Integer(), nullable=True),
        sa.Column("person", PlainText, nullable=False),
        sa.Column("organisation", PlainText, nullable=False),
        sa.Column("is_partner", sa.Boolean(), nullable=False),
        sa.Column("is_privileged", sa.Boolean(), nullable=False),
        sa.Column("is_emergency", sa.Boolean(), nullable=False),
    )
    op.execute(_FILL)


def downgrade() -> None:
    op.drop_table("campaign_account")
