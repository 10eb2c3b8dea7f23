"""The trail begins, and its rows can only be added."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

GUARDED = ("trail_entry", "trail_checkpoint", "decision")


def upgrade() -> None:
    op.execute(
        sa.text("INSERT INTO trail_head (id, seq, hash) VALUES (1, 0, :start)").bindparams(
            start="0" * 64
        )
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME; "
            "END $$"
        )
    for table in GUARDED:
        for act in ("UPDATE", "DELETE"):
            op.execute(_trigger(table, act))
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )


def _trigger(table: str, act: str) -> str:
    name = f"guard_{table}_{act.lower()}"
    if op.get_bind().dialect.name == "postgresql":
        return (
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    return (
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted'); END"
    )


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in GUARDED:
        for act in ("update", "delete", "truncate") if postgresql else ("update", "delete"):
            where = f" ON {table}" if postgresql else ""
            op.execute(f"DROP TRIGGER guard_{table}_{act}{where}")
    if postgresql:
        op.execute("DROP FUNCTION refuse_change")
    op.execute("DELETE FROM trail_head")
