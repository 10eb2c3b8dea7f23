"""A snapshot or a launch of a million rows no longer looks up every row they name: what they name
can never be deleted instead, which costs nothing."""

from alembic import op

from recert.foundation.db import NAMES

revision = "0011"
down_revision = "0010"

KEPT = (
    *("campaign", "access_grant", "person", "server_group", "folder_owner"),
    *("account", "folder", "server"),
)
OF_GRANTS = (("account_id", "account"), ("folder_id", "folder"))
OF_COUNTS = (("campaign_id", "campaign"), ("server_id", "server"), ("folder_id", "folder"))
OF_ITEMS = (
    ("campaign_id", "campaign"),
    ("grant_id", "access_grant"),
    ("reviewer_id", "person"),
    ("from_id", "person"),
    ("group_id", "server_group"),
    ("folder_owner_id", "folder_owner"),
)


def upgrade() -> None:
    with op.batch_alter_table("item", naming_convention=NAMES) as item:
        for column, _table in OF_ITEMS:
            item.drop_constraint(f"fk_item_{column}", type_="foreignkey")
        item.drop_constraint("uq_item_campaign_id_grant_id", type_="unique")
    with op.batch_alter_table("access_grant", naming_convention=NAMES) as grant:
        for column, _table in OF_GRANTS:
            grant.drop_constraint(f"fk_access_grant_{column}", type_="foreignkey")
    with op.batch_alter_table("folder_progress", naming_convention=NAMES) as counts:
        for column, _table in OF_COUNTS:
            counts.drop_constraint(f"fk_folder_progress_{column}", type_="foreignkey")
    op.create_index("ix_decision_person_id", "decision", ["person_id"])
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(
            "CREATE FUNCTION refuse_loss() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME; END $$"
        )
    for table in KEPT:
        for act in ("DELETE", "UPDATE OF id", *(("TRUNCATE",) if postgresql else ())):
            op.execute(_guard(table, act, postgresql=postgresql))


def _guard(table: str, act: str, *, postgresql: bool) -> str:
    name = _name(table, act)
    if postgresql:
        each = "STATEMENT" if act == "TRUNCATE" else "ROW"
        return (
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION refuse_loss()"
        )
    return (
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never deleted'); END"
    )


def _name(table: str, act: str) -> str:
    return f"keep_{table}_{act.split(maxsplit=1)[0].lower()}"


def downgrade() -> None:
    op.drop_index("ix_decision_person_id", "decision")
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in KEPT:
        for act in ("DELETE", "UPDATE", *(("TRUNCATE",) if postgresql else ())):
            where = f" ON {table}" if postgresql else ""
            op.execute(f"DROP TRIGGER {_name(table, act)}{where}")
    if postgresql:
        op.execute("DROP FUNCTION refuse_loss")
    with op.batch_alter_table("item", naming_convention=NAMES) as item:
        item.create_unique_constraint("uq_item_campaign_id_grant_id", ["campaign_id", "grant_id"])
        for column, table in OF_ITEMS:
            item.create_foreign_key(f"fk_item_{column}", table, [column], ["id"])
    with op.batch_alter_table("access_grant", naming_convention=NAMES) as grant:
        for column, table in OF_GRANTS:
            grant.create_foreign_key(f"fk_access_grant_{column}", table, [column], ["id"])
    with op.batch_alter_table("folder_progress", naming_convention=NAMES) as counts:
        for column, table in OF_COUNTS:
            counts.create_foreign_key(f"fk_folder_progress_{column}", table, [column], ["id"])
