"""The rules of routing with their numbers. A campaign keeps the version with which it was launched,
so that each item can name the rule that found its reviewer. Whoever changes a rule, or the order in
which they are tried, adds a version and leaves the old ones as they are."""

from typing import Any

from recert.campaigns.models import Route

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
