"""Running a campaign: counters per folder and server, indexes for lists of items, its own time
zone, longer and shorter than planned, postponed items, and the instruction for reviewers."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0008"
down_revision = "0007"

FAILED = sa.text("state = 'failed'")
ANSWERED = sa.text("answer IS NOT NULL")
UNDER_WAY = sa.text("state IN ('final', 'ordered', 'still reachable', 'needs attention')")
COUNTS = ("total", "open", "keep", "reduce", "revoke")
CLOSE_ASKED = (
    ("close_asked_by", PlainText),
    ("close_asked_at", Moment()),
    ("close_reason", PlainText),
)
ONLY_ADDED = ("postponement", "instruction", "instruction_read")


def upgrade() -> None:
    _counters()
    _count_what_is_there()
    _indexes()
    op.add_column("campaign", sa.Column("zone", PlainText, nullable=False, server_default=""))
    op.add_column(
        "campaign", sa.Column("extensions", sa.Integer(), nullable=False, server_default="0")
    )
    for name, kind in CLOSE_ASKED:
        op.add_column("campaign", sa.Column(name, kind, nullable=True))
    _acts()
    for table in ONLY_ADDED:
        _guard(table)


def _acts() -> None:
    op.create_table(
        "postponement",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.Column("by", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_index("ix_postponement_until", "postponement", ["campaign_id", "until"])
    op.create_table(
        "instruction",
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("text", PlainText, nullable=False),
        sa.Column("by", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_table(
        "instruction_read",
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("version", sa.Integer(), sa.ForeignKey("instruction.version"), primary_key=True),
        sa.Column("at", Moment(), nullable=False),
    )


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


def _number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False)


def _counters() -> None:
    op.create_table(
        "folder_progress",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=False),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("folder_id", sa.Integer(), sa.ForeignKey("folder.id"), nullable=False),
        *(_number(name) for name in ("first_key", "last_key", *COUNTS)),
        sa.UniqueConstraint("campaign_id", "folder_id"),
    )
    op.create_index("ix_folder_progress_open", "folder_progress", ["campaign_id", "open", "id"])
    op.create_table(
        "server_progress",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), primary_key=True),
        *(_number(name) for name in ("first_key", "last_key", *COUNTS)),
    )


def _count_what_is_there() -> None:
    op.execute(
        """INSERT INTO folder_progress (campaign_id, server_id, folder_id, first_key, last_key,
                                        total, "open", keep, reduce, revoke)
           SELECT campaign_id, min(server_id), folder_id, min(sort_key), max(sort_key), count(*),
                  count(CASE WHEN state = 'open' THEN 1 END),
                  count(CASE WHEN answer = 'keep' THEN 1 END),
                  count(CASE WHEN answer = 'reduce' THEN 1 END),
                  count(CASE WHEN answer = 'revoke' THEN 1 END)
           FROM item GROUP BY campaign_id, folder_id"""
    )
    op.execute(
        """INSERT INTO server_progress (campaign_id, server_id, first_key, last_key,
                                        total, "open", keep, reduce, revoke)
           SELECT campaign_id, server_id, min(sort_key), max(sort_key), count(*),
                  count(CASE WHEN state = 'open' THEN 1 END),
                  count(CASE WHEN answer = 'keep' THEN 1 END),
                  count(CASE WHEN answer = 'reduce' THEN 1 END),
                  count(CASE WHEN answer = 'revoke' THEN 1 END)
           FROM item GROUP BY campaign_id, server_id"""
    )


def _indexes() -> None:
    op.drop_index("ix_item_state", "item")
    op.create_index("ix_item_state", "item", ["campaign_id", "state", "sort_key"])
    op.create_index("ix_item_folder", "item", ["campaign_id", "folder_id", "sort_key"])
    _partial("ix_item_answer", "item", ["campaign_id", "answer", "sort_key"], ANSWERED, ANSWERED)
    _partial("ix_item_under_way", "item", ["campaign_id", "decided_at"], UNDER_WAY, UNDER_WAY)
    _partial(
        "ix_item_conflict",
        "item",
        ["campaign_id", "sort_key"],
        sa.text("conflict = 1"),
        sa.text("conflict"),
    )
    _partial("ix_outbox_message_failed", "outbox_message", ["topic"], FAILED, FAILED)


def _partial(name: str, table: str, columns: list[str], sqlite: object, other: object) -> None:
    op.create_index(name, table, columns, sqlite_where=sqlite, postgresql_where=other)


def downgrade() -> None:
    for table in reversed(ONLY_ADDED):
        op.drop_table(table)  # its triggers go with it
    for name, _kind in reversed(CLOSE_ASKED):
        op.drop_column("campaign", name)
    for name in ("extensions", "zone"):
        op.drop_column("campaign", name)
    op.drop_index("ix_outbox_message_failed", "outbox_message")
    for name in ("conflict", "under_way", "answer", "folder", "state"):
        op.drop_index(f"ix_item_{name}", "item")
    op.create_index("ix_item_state", "item", ["campaign_id", "state"])
    op.drop_table("server_progress")
    op.drop_table("folder_progress")
