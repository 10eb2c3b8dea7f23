"""What else a campaign asks about: memberships, ownership, service accounts; and stages."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0009"
down_revision = "0008"

WORD = sa.String(64)


def upgrade() -> None:
    op.create_table(
        "group_owner",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column(
            "person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False, index=True
        ),
        sa.Column("substitute_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=True),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.UniqueConstraint("server_id", "name"),
    )
    op.add_column("folder_owner", sa.Column("confirmed_at", Moment(), nullable=True))
    op.create_table(
        "service_account",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column(
            "person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False, index=True
        ),
        sa.Column("purpose", PlainText, nullable=False),
        sa.Column("confirmed_at", Moment(), nullable=True),
        sa.UniqueConstraint("server_id", "name"),
    )
    op.create_table(
        "confirmation",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("decision_id", sa.Integer(), sa.ForeignKey("decision.id"), nullable=False),
        sa.Column("note", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_table(
        "last_use",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("account.id"), primary_key=True),
        sa.Column(
            "folder_id", sa.Integer(), sa.ForeignKey("folder.id"), primary_key=True, index=True
        ),
        sa.Column("use", WORD, primary_key=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_table(
        "activity_log",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("path", PlainText, nullable=False),
        sa.Column("mark", PlainText, nullable=False),
        sa.Column("read_bytes", sa.BigInteger(), nullable=False),
        sa.Column("since", Moment(), nullable=True),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("read_at", Moment(), nullable=False),
        sa.UniqueConstraint("server_id", "path"),
    )
    op.create_table(
        "contest",
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id"), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), index=True),
        sa.Column("until", Moment(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("objected_at", Moment(), nullable=True),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.Column("settled_by", PlainText, nullable=True),
    )
    op.add_column("campaign", sa.Column("about", WORD, nullable=False, server_default="access"))
    op.add_column(
        "campaign_template", sa.Column("about", WORD, nullable=False, server_default="access")
    )
    for table in ("campaign", "campaign_template"):
        op.add_column(table, sa.Column("stages", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("item") as batch:
        batch.add_column(sa.Column("stage", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(sa.Column("carried_answer", WORD, nullable=True))
        batch.add_column(sa.Column("carried_rights", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("carried_until", Moment(), nullable=True))
        for name in ("grant_id", "account_id", "folder_id"):
            batch.alter_column(name, existing_type=sa.Integer(), nullable=True)
        batch.add_column(sa.Column("group_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("folder_owner_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("topic", PlainText, nullable=False, server_default=""))
        batch.create_foreign_key(op.f("fk_item_group_id"), "server_group", ["group_id"], ["id"])
        batch.create_foreign_key(
            op.f("fk_item_folder_owner_id"), "folder_owner", ["folder_owner_id"], ["id"]
        )
    with op.batch_alter_table("server_order") as batch:
        batch.alter_column("folder_id", existing_type=sa.Integer(), nullable=True)
        batch.add_column(sa.Column("group_name", PlainText, nullable=False, server_default=""))


def downgrade() -> None:
    for table in ("contest", "activity_log", "last_use"):
        op.drop_table(table)
    op.drop_table("confirmation")
    with op.batch_alter_table("server_order") as batch:
        batch.drop_column("group_name")
        batch.alter_column("folder_id", existing_type=sa.Integer(), nullable=False)
    with op.batch_alter_table("item") as batch:
        batch.drop_constraint(op.f("fk_item_folder_owner_id"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_item_group_id"), type_="foreignkey")
        for name in ("carried_until", "carried_rights", "carried_answer", "stage"):
            batch.drop_column(name)
        for name in ("topic", "folder_owner_id", "group_id"):
            batch.drop_column(name)
        for name in ("grant_id", "account_id", "folder_id"):
            batch.alter_column(name, existing_type=sa.Integer(), nullable=False)
    for table in ("campaign", "campaign_template"):
        op.drop_column(table, "stages")
    op.drop_column("campaign_template", "about")
    op.drop_column("campaign", "about")
    op.drop_table("service_account")
    op.drop_column("folder_owner", "confirmed_at")
    op.drop_table("group_owner")
