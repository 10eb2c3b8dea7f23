"""The second half of a snapshot: the staged reading is folded into interval rows.

Set statements only. New rows get this snapshot as their first, rows that are gone get it as their
end, and unchanged rows are not touched: an unchanged snapshot writes no grant row.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from recert.connectors.contract import AccountFact
from recert.inventory.models import Account
from recert.people.addresses import known_as

_NEW_FOLDERS = """
INSERT INTO folder (server_id, path, first_snapshot_id)
SELECT :server, s.path, :snapshot FROM staged_folder s
WHERE NOT EXISTS (SELECT 1 FROM folder f WHERE f.server_id = :server AND f.path = s.path
                  AND f.gone_snapshot_id IS NULL)
"""
_GONE_FOLDERS = """
UPDATE folder SET gone_snapshot_id = :snapshot
WHERE server_id = :server AND gone_snapshot_id IS NULL
  AND path NOT IN (SELECT path FROM staged_folder)
"""
_NEW_GROUPS = """
INSERT INTO server_group (server_id, name, first_snapshot_id)
SELECT :server, s.group_name, :snapshot FROM (SELECT DISTINCT group_name FROM staged_member) s
WHERE NOT EXISTS (SELECT 1 FROM server_group g WHERE g.server_id = :server
                  AND g.name = s.group_name AND g.gone_snapshot_id IS NULL)
"""
_GONE_GROUPS = """
UPDATE server_group SET gone_snapshot_id = :snapshot
WHERE server_id = :server AND gone_snapshot_id IS NULL
  AND name NOT IN (SELECT group_name FROM staged_member)
"""
_NEW_MEMBERS = """
INSERT INTO group_member (group_id, account_id, first_snapshot_id)
SELECT DISTINCT g.id, a.id, :snapshot FROM staged_member s
JOIN server_group g ON g.server_id = :server AND g.name = s.group_name
     AND g.gone_snapshot_id IS NULL
JOIN account a ON a.server_id = :server AND a.name = s.account_name
     AND a.gone_snapshot_id IS NULL
WHERE NOT EXISTS (SELECT 1 FROM group_member m WHERE m.group_id = g.id AND m.account_id = a.id
                  AND m.gone_snapshot_id IS NULL)
"""
_GONE_MEMBERS = """
UPDATE group_member SET gone_snapshot_id = :snapshot
WHERE gone_snapshot_id IS NULL
  AND group_id IN (SELECT id FROM server_group WHERE server_id = :server)
  AND NOT EXISTS (SELECT 1 FROM staged_member s
      JOIN server_group g ON g.server_id = :server AND g.name = s.group_name
     AND g.gone_snapshot_id IS NULL
      JOIN account a ON a.server_id = :server AND a.name = s.account_name
     AND a.gone_snapshot_id IS NULL
      WHERE g.id = group_member.group_id AND a.id = group_member.account_id)
"""
_NEW_SOURCES = """
INSERT INTO source (server_id, text)
SELECT :server, s.text FROM staged_source s
WHERE NOT EXISTS (SELECT 1 FROM source o WHERE o.server_id = :server AND o.text = s.text)
"""
_GONE_GRANTS = """
UPDATE access_grant SET gone_snapshot_id = :snapshot
WHERE server_id = :server AND gone_snapshot_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM staged_grant s WHERE s.content_hash = access_grant.content_hash)
"""
# An account that went and came back is another account: its old rows end, so all of its grants
# count as new although their hash is the same.
_GRANTS_OF_GONE_ACCOUNTS = """
UPDATE access_grant SET gone_snapshot_id = :snapshot
WHERE server_id = :server AND gone_snapshot_id IS NULL
  AND (account_id IN (SELECT id FROM account
                      WHERE server_id = :server AND gone_snapshot_id = :snapshot)
       OR folder_id IN (SELECT id FROM folder
                       WHERE server_id = :server AND gone_snapshot_id = :snapshot))
"""
# The names of a reading get their ids once, so that a million grants join on small numbers.
_IDS = (
    """
UPDATE staged_account SET id = (SELECT a.id FROM account a WHERE a.server_id = :server
                                AND a.name = staged_account.name AND a.gone_snapshot_id IS NULL)
""",
    """
UPDATE staged_folder SET id = (SELECT f.id FROM folder f WHERE f.server_id = :server
                               AND f.path = staged_folder.path AND f.gone_snapshot_id IS NULL)
""",
    """
UPDATE staged_source SET id = (SELECT o.id FROM source o WHERE o.server_id = :server
                               AND o.text = staged_source.text)
""",
)
_NEW_GRANTS = """
INSERT INTO access_grant (server_id, account_id, folder_id, rights, source_id, native, widened,
                          protocols, content_hash, first_snapshot_id)
SELECT :server, a.id, f.id, s.rights, o.id, s.native, s.widened, s.protocols, s.content_hash,
       :snapshot
FROM staged_grant s
JOIN staged_account a ON a.no = s.account_no
JOIN staged_folder f ON f.no = s.folder_no
JOIN staged_source o ON o.no = s.source_no
WHERE NOT EXISTS (SELECT 1 FROM access_grant g WHERE g.server_id = :server
                  AND g.content_hash = s.content_hash AND g.gone_snapshot_id IS NULL)
ORDER BY s.folder_no, s.account_no
"""
# What somebody stated counts before the mail address that the server knows.
_HOLDER = """
CASE WHEN EXISTS (SELECT 1 FROM account_person s
                  WHERE s.server_id = account.server_id AND s.name = account.name)
     THEN (SELECT s.person_id FROM account_person s
           WHERE s.server_id = account.server_id AND s.name = account.name)
     ELSE (SELECT p.id FROM person p WHERE p.email = account.email) END
"""
_MATCH_PERSONS = """
UPDATE account SET person_id = <holder>
WHERE server_id = :server AND gone_snapshot_id IS NULL
  AND person_id IS DISTINCT FROM <holder>
""".replace("<holder>", _HOLDER)
# The accounts, on any server, that have a login which this server has as well.
_SAME_LOGIN = """
SELECT x.id FROM account x WHERE x.gone_snapshot_id IS NULL AND x.name IN (
    SELECT o.name FROM account o WHERE o.server_id = :server AND o.gone_snapshot_id IS NULL)
"""
_CANDIDATES = tuple(
    statement.replace("<same login>", _SAME_LOGIN)
    for statement in (
        "DELETE FROM account_candidate WHERE account_id IN (<same login>)",
        """
INSERT INTO account_candidate (account_id, person_id)
SELECT DISTINCT a.id, o.person_id FROM account a
JOIN account o ON o.name = a.name AND o.id <> a.id AND o.gone_snapshot_id IS NULL
     AND o.person_id IS NOT NULL
WHERE a.id IN (<same login>) AND a.person_id IS NULL AND NOT EXISTS (
    SELECT 1 FROM account_person s WHERE s.server_id = a.server_id AND s.name = a.name)
""",
        """
UPDATE account SET has_candidates = EXISTS (
    SELECT 1 FROM account_candidate c WHERE c.account_id = account.id)
WHERE id IN (<same login>) AND has_candidates <> EXISTS (
    SELECT 1 FROM account_candidate c WHERE c.account_id = account.id)
""",
    )
)


def fold(
    session: Session, server_id: int, snapshot_id: int, accounts: Sequence[AccountFact]
) -> tuple[int, int]:
    """Brings the tables to what was staged; how many grants are new and how many are gone."""
    names = {"server": server_id, "snapshot": snapshot_id}
    _fold_accounts(session, server_id, snapshot_id, accounts)
    gone = 0
    for statement in (_GONE_FOLDERS, _NEW_FOLDERS, _GONE_GROUPS, _NEW_GROUPS):
        session.execute(text(statement), names)
    for statement in (_GONE_MEMBERS, _NEW_MEMBERS, _NEW_SOURCES, *_IDS):
        session.execute(text(statement), names)
    gone += _changed(session, _GRANTS_OF_GONE_ACCOUNTS, names)
    gone += _changed(session, _GONE_GRANTS, names)
    added = _changed(session, _NEW_GRANTS, names)
    match_persons(session, server_id)
    return added, gone


def match_persons(session: Session, server_id: int) -> None:
    """Joins accounts to persons: as somebody stated it, else by mail address. Of those that belong
    to nobody, people with a login of the same name are noted as candidates."""
    for statement in (_MATCH_PERSONS, *_CANDIDATES):
        session.execute(text(statement), {"server": server_id})


def _changed(session: Session, statement: str, names: Mapping[str, int]) -> int:
    return int(getattr(session.execute(text(statement), names), "rowcount", 0))


def _fold_accounts(
    session: Session, server_id: int, snapshot_id: int, facts: Sequence[AccountFact]
) -> None:
    live = (Account.server_id == server_id, Account.gone_snapshot_id.is_(None))
    columns = (
        *("kind", "enabled", "display_name", "email", "expires_at", "last_login_at", "note"),
        "key_count",
    )
    known = {
        row.name: row
        for row in session.execute(
            select(Account.id, Account.name, *(getattr(Account, name) for name in columns)).where(
                *live
            )
        )
    }
    new, changed = [], []
    for fact in facts:
        row, wanted = known.pop(fact.name, None), _account_values(fact)
        if row is None:
            new.append(
                {
                    "server_id": server_id,
                    "name": fact.name,
                    "first_snapshot_id": snapshot_id,
                    **wanted,
                }
            )
        elif any(getattr(row, name) != wanted[name] for name in columns):
            changed.append({"key": row.id, **wanted})
    if new:
        session.execute(insert(Account), new)
    if changed:
        statement = update(Account.__table__).where(Account.__table__.c.id == bindparam("key"))  # type: ignore[arg-type]
        session.connection().execute(statement.values({n: bindparam(n) for n in columns}), changed)
    ended = [{"key": row.id} for row in known.values()]
    if ended:
        statement = update(Account.__table__).where(Account.__table__.c.id == bindparam("key"))  # type: ignore[arg-type]
        session.connection().execute(statement.values(gone_snapshot_id=snapshot_id), ended)


def _account_values(fact: AccountFact) -> dict[str, object]:
    return {
        "kind": fact.kind,
        "enabled": fact.enabled,
        "display_name": fact.display_name,
        "email": known_as(fact.email) if fact.email else "",
        "expires_at": fact.expires,
        "last_login_at": fact.last_login,
        "note": fact.note,
        "key_count": fact.keys,
    }
