"""Who is asked: the chain from the nearest owner on, as columns of a statement.

Nobody is asked about an account of his own, and nobody who has left is asked at all.
"""

from typing import Any

from sqlalchemy import and_, case, literal, or_
from sqlalchemy.orm import aliased

from recert.campaigns.models import Route
from recert.foundation.db import AnySelect
from recert.inventory.models import Account, Folder, FolderOwner, FolderRoute, Server
from recert.people.models import Person


def routed(query: AnySelect) -> AnySelect:
    """Adds `reviewer_id` and `route` to a query that is joined to folder, account and server."""
    owner, substitute = aliased(Person), aliased(Person)
    manager, server_owner = aliased(Person), aliased(Person)
    chain = (
        (owner, Route.OWNER),
        (substitute, Route.SUBSTITUTE),
        (manager, Route.MANAGER),
        (server_owner, Route.SERVER_OWNER),
    )

    def may(person: Any) -> Any:
        other = or_(Account.person_id.is_(None), Account.person_id != person.id)
        return and_(person.id.is_not(None), person.active, other)

    return (
        query.add_columns(
            case(*[(may(person), person.id) for person, _ in chain]).label("reviewer_id"),
            case(
                *[(may(person), literal(step.value)) for person, step in chain],
                else_=Route.QUEUE.value,
            ).label("route"),
        )
        .outerjoin(FolderRoute, FolderRoute.folder_id == Folder.id)
        .outerjoin(FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id)
        .outerjoin(owner, owner.id == FolderOwner.person_id)
        .outerjoin(substitute, substitute.id == FolderOwner.substitute_id)
        .outerjoin(manager, manager.id == owner.manager_id)
        .outerjoin(server_owner, server_owner.id == Server.owner_id)
    )
