"""Users belong to persons; who took which step; changes that need another officer; accounts that
were joined to persons by hand."""

import sqlalchemy as sa
from alembic import op

from recert.foundation.db import Moment, PlainText

revision = "0016"
down_revision = "0015"

GUARDED = "step_taken"
# What was recorded by name before: table, its name in the trail, and per column what it means.
KNOWN_STEPS = (
    ("campaign", "campaign", "created_by", "created_at", "drafted the campaign"),
    ("campaign", "campaign", "freshness_by", "created_at", "allowed older snapshots"),
    ("campaign", "campaign", "launched_by", "launched_at", "launched the campaign"),
    (
        *("campaign", "campaign", "close_asked_by", "close_asked_at"),
        "asked to close the campaign early",
    ),
    ("campaign", "campaign", "closed_by", "closed_at", "closed the campaign"),
    ("campaign", "campaign", "signed_off_by", "signed_off_at", "signed off"),
    ("exclusion", "exclusion", "asked_by", "asked_at", "asked for the exclusion"),
    ("exclusion", "exclusion", "approved_by", "approved_at", "approved the exclusion"),
    ("campaign_release", "campaign", "released_by", "at", "released the changes"),
    ("undo_request", "order", "asked_by", "asked_at", "asked to take the change back"),
)
FILL = """
INSERT INTO step_taken (ref, step, person_id, user_id, name, login, at)
SELECT {ref}, '{step}', (SELECT p.id FROM person p WHERE p.email = {mail}),
       (SELECT u.id FROM app_user u WHERE u.email = {mail}), {name}, {login}, {at}
FROM {table} t WHERE {name} IS NOT NULL AND {at} IS NOT NULL ORDER BY {number}
"""
LOGIN = "CASE WHEN {name} LIKE 'operator: %' THEN substr({name}, 11) ELSE '' END"
NUMBER = {"campaign_release": "campaign_id", "undo_request": "order_id"}


def upgrade() -> None:
    with op.batch_alter_table("app_user") as users:
        users.add_column(
            sa.Column(
                "person_id",
                sa.Integer(),
                sa.ForeignKey("person.id", name="fk_app_user_person_id"),
                nullable=True,
            )
        )
    op.create_index("ix_app_user_person_id", "app_user", ["person_id"])
    op.execute(
        "UPDATE app_user SET person_id = (SELECT p.id FROM person p WHERE p.email = app_user.email)"
    )
    op.create_table(
        "step_taken",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("ref", PlainText, nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("app_user.id"), nullable=True),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("login", PlainText, nullable=False, server_default=""),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_index("ix_step_taken_ref", "step_taken", ["ref", "id"])
    op.create_table(
        "one_person_rule",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("reason", PlainText, nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_table(
        "self_assignment",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("ref_id", sa.Integer(), nullable=False),
        sa.Column("what", PlainText, nullable=False),
        sa.Column("made_by", PlainText, nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("agreed_by", PlainText, nullable=True),
        sa.Column("agreed_at", Moment(), nullable=True),
        sa.Column("reason", PlainText, nullable=False, server_default=""),
    )
    op.create_index(
        "ix_self_assignment_waiting", "self_assignment", ["person_id", "kind", "ref_id"]
    )
    op.create_table(
        "account_person",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("server_id", sa.Integer(), sa.ForeignKey("server.id"), nullable=False),
        sa.Column("name", PlainText, nullable=False),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), nullable=True),
        sa.Column("set_by", PlainText, nullable=False),
        sa.Column("set_at", Moment(), nullable=False),
        sa.UniqueConstraint("server_id", "name"),
    )
    op.create_index("ix_account_name", "account", ["name"])
    op.add_column(
        "server_order",
        sa.Column("released", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "campaign_mark",
        sa.Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("at", Moment(), nullable=False),
    )
    op.create_table(
        "account_candidate",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("account.id"), primary_key=True),
        sa.Column("person_id", sa.Integer(), sa.ForeignKey("person.id"), primary_key=True),
    )
    op.add_column(
        "account",
        sa.Column("has_candidates", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "item",
        sa.Column("carried_conflict", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("item", sa.Column("gone_seen_at", Moment(), nullable=True))
    gone = sa.text("gone_seen_at IS NOT NULL")
    op.create_index(
        "ix_item_gone", "item", ["campaign_id"], sqlite_where=gone, postgresql_where=gone
    )
    for table in ("campaign", "campaign_template"):
        weaker = sa.Column("weaker", sa.JSON(), nullable=False, server_default="[]")
        op.add_column(table, weaker)
    op.create_index("ix_server_order_recent", "server_order", ["server_id", "created_at"])
    _fill()
    _guard()


def _fill() -> None:
    """The steps that were kept as names so far, each with the person of its address."""
    address = "lower(CASE WHEN {0} LIKE '% (operator: %' THEN substr({0}, 1, {1} - 1) ELSE {0} END)"
    where = {"postgresql": "strpos({0}, ' (operator: ')", "sqlite": "instr({0}, ' (operator: ')"}
    position = where[op.get_bind().dialect.name]
    for table, subject, column, at, step in KNOWN_STEPS:
        number = NUMBER.get(table, "id")
        name = f"t.{column}"
        mail = address.format(name, position.format(name))
        login = LOGIN.format(name=name)
        op.execute(
            FILL.format(
                ref=f"'{subject}:' || t.{number}",
                step=step,
                mail=mail,
                name=name,
                login=login,
                table=table,
                at=f"t.{at}",
                number=f"t.{number}",
            )
        )


def _guard() -> None:
    for act in ("UPDATE", "DELETE"):
        name = f"guard_{GUARDED}_{act.lower()}"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {GUARDED} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {GUARDED} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {GUARDED} are never changed or deleted'); END"
            )


def downgrade() -> None:
    op.drop_index("ix_item_gone", "item")
    op.drop_column("item", "gone_seen_at")
    op.drop_column("item", "carried_conflict")
    op.drop_column("account", "has_candidates")
    op.drop_table("account_candidate")
    op.drop_table("campaign_mark")
    for table in ("campaign_template", "campaign"):
        op.drop_column(table, "weaker")
    op.drop_index("ix_server_order_recent", "server_order")
    op.drop_column("server_order", "released")
    op.drop_index("ix_account_name", "account")
    for table in ("account_person", "self_assignment", "one_person_rule", "step_taken"):
        op.drop_table(table)
    op.drop_index("ix_app_user_person_id", "app_user")
    with op.batch_alter_table("app_user") as users:
        users.drop_constraint("fk_app_user_person_id", type_="foreignkey")
        users.drop_column("person_id")
