"""What auditors do, the figures of a sign-off, retention; indexes for what nobody certified."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0006"
down_revision = "0005"

ONLY_ADDED = ("audit_sample", "audit_remark", "audit_verdict", "retention", "legal_hold")
WORD = sa.String(64)
ANSWERED = sa.text("answer IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("campaign") as batch:
        batch.add_column(sa.Column("signed_figures", sa.JSON(), nullable=True))
    _acts("audit_sample", sa.Column("seed", PlainText, nullable=False), *_sample())
    _acts("audit_remark", *_remark())
    _acts("audit_verdict", sa.Column("judgement", WORD, nullable=False), _text("reason"))
    _acts("retention", sa.Column("years", sa.Integer(), nullable=False))
    _acts("legal_hold", sa.Column("held", sa.Boolean(), nullable=False), _text("reason"))
    for table in ONLY_ADDED:
        _guard(table)
    op.create_index(
        "ix_item_answered",
        "item",
        ["account_id", "folder_id"],
        sqlite_where=ANSWERED,
        postgresql_where=ANSWERED,
    )
    op.drop_index("ix_access_grant_first", "access_grant")
    op.create_index(
        "ix_access_grant_first", "access_grant", ["server_id", "first_snapshot_id", "id"]
    )


def _text(name: str) -> sa.Column:
    return sa.Column(name, PlainText, nullable=False)


def _sample() -> list[sa.Column]:
    return [
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("item_ids", sa.JSON(), nullable=False),
    ]


def _remark() -> list[sa.Column]:
    item = sa.ForeignKey("item.id", name=op.f("fk_audit_remark_item_id"))
    return [sa.Column("item_id", sa.Integer(), item, nullable=True), _text("text")]


def _acts(table: str, *columns: sa.Column) -> None:
    """A table of what somebody did about a campaign."""
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        *columns,
        _text("by"),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f(f"fk_{table}_campaign_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_campaign_id"), table, ["campaign_id"])


def _guard(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        refuse = "EXECUTE FUNCTION refuse_change()"
        for act, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            name = f"guard_{table}_{act.lower()}"
            op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH {each} {refuse}")
        return
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER guard_{table}_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted'); END"
        )


def downgrade() -> None:
    op.drop_index("ix_access_grant_first", "access_grant")
    op.create_index("ix_access_grant_first", "access_grant", ["server_id", "first_snapshot_id"])
    op.drop_index("ix_item_answered", "item")
    for table in reversed(ONLY_ADDED):
        op.drop_table(table)  # its triggers go with it
    with op.batch_alter_table("campaign") as batch:
        batch.drop_column("signed_figures")
