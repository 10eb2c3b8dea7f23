"""Who is asked: the chain from the nearest owner on, as columns of a statement.

Nobody is asked about an account that is or may be their own, and nobody who has left at all.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from recert.campaigns.models import Route
from recert.foundation.db import AnySelect
from recert.inventory.models import (
    Account,
    AccountCandidate,
    Folder,
    FolderOwner,
    FolderRoute,
    Server,
)
from recert.people.models import Person

NOBODY = cast(null(), Integer)


def is_candidate(person_id: Any) -> ColumnElement[bool]:
    """The condition that an account may be this person's own: nobody knows whose it is, and they
    hold a login of the same name."""
    same = (AccountCandidate.account_id == Account.id, AccountCandidate.person_id == person_id)
    known = exists(
        select(AccountCandidate.account_id).where(*same).correlate_except(AccountCandidate)
    )
    return and_(func.coalesce(Account.has_candidates, false()), known)


def routed(query: AnySelect) -> AnySelect:
    """Adds `reviewer_id` and `route` to a query that is joined to folder, account and server."""
    with_owner = query.outerjoin(FolderRoute, FolderRoute.folder_id == Folder.id).outerjoin(
        FolderOwner, FolderOwner.id == FolderRoute.folder_owner_id
    )
    return chained(
        with_owner, FolderOwner.person_id, FolderOwner.substitute_id, holder=Account.person_id
    )


def chained(
    query: AnySelect,
    owner_id: Any,
    substitute_id: Any,
    *,
    holder: Any,
    also: Callable[[Any], ColumnElement[bool]] | None = None,
) -> AnySelect:
    """The same for a query that is joined to server and to whatever has these columns. `holder`
    is whose it is, and never asked: `routed_away` is true where they came first. `also`: what else
    must be true of whoever is asked."""
    owner, substitute = aliased(Person), aliased(Person)
    manager, server_owner = aliased(Person), aliased(Person)
    chain = (
        (owner, Route.OWNER),
        (substitute, Route.SUBSTITUTE),
        (manager, Route.MANAGER),
        (server_owner, Route.SERVER_OWNER),
    )

    def is_there(person: Any) -> Any:
        return and_(person.id.is_not(None), person.active)

    def may(person: Any) -> Any:
        other = or_(holder.is_(None), holder != person.id)
        if holder is not NOBODY:
            other = and_(other, ~is_candidate(person.id))
        rest = (also(person),) if also else ()
        return and_(is_there(person), other, *rest)

    first = case(*[(is_there(person), person.id) for person, _ in chain])

    return (
        query.add_columns(
            case(*[(may(person), person.id) for person, _ in chain]).label("reviewer_id"),
            case(
                *[(may(person), literal(step.value)) for person, step in chain],
                else_=Route.QUEUE.value,
            ).label("route"),
            and_(holder.is_not(None), first == holder).label("routed_away"),
        )
        .outerjoin(owner, owner.id == owner_id)
        .outerjoin(substitute, substitute.id == substitute_id)
        .outerjoin(manager, manager.id == owner.manager_id)
        .outerjoin(server_owner, server_owner.id == Server.owner_id)
    )


# The rules of routing with their numbers. A campaign keeps the version of its launch, so that
# each item can name the rule that found its reviewer, and evidence shows these texts. Whoever
# changes a rule, its text, or the order adds a version and leaves the old ones as they are.
VERSION = 1
VERSIONS: dict[int, tuple[tuple[str, Route, str], ...]] = {
    1: (
        ("R1", Route.OWNER, "who answers for the nearest folder, the group or the account"),
        ("R2", Route.SUBSTITUTE, "his substitute"),
        ("R3", Route.MANAGER, "his manager"),
        ("R4", Route.SERVER_OWNER, "the owner of the server"),
        ("R5", Route.QUEUE, "nobody could be found: the compliance queue"),
        ("R6", Route.REASSIGNED, "named by an officer, or by the reviewer as successor"),
        ("R7", Route.DELEGATED, "who stands in until a date"),
        ("R8", Route.ESCALATED, "nobody answered by the due date: the manager, then the queue"),
        ("R9", Route.STAGE, "a later look, after the answer of the stage before"),
    )
}


ALWAYS = "R1 to R4 are tried in this order; nobody who left, and nobody about his own access."


def rule_of(route: Route, version: int) -> str:
    """The number of the rule that named a reviewer."""
    return next(number for number, each, _ in VERSIONS[version] if each is route)


def as_json(version: int) -> dict[str, Any]:
    """The rules of one version, for the evidence."""
    rules = [{"rule": n, "route": route.value, "who": who} for n, route, who in VERSIONS[version]]
    return {"version": version, "rules": rules, "always": ALWAYS}
