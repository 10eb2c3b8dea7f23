"""What companies review, ready to choose: each names what is asked about and limits it."""

from dataclasses import dataclass

from recert.campaigns.models import Subject
from recert.campaigns.setup.scope import EVERYTHING, Holder, Scope
from recert.connectors.rights import Rights
from recert.foundation.errors import NotFound


class NoSuchTemplate(NotFound):
    """There is no template of this name. `recert campaign templates` shows them."""


@dataclass(frozen=True)
class Template:
    """A start for a campaign; everything can be changed before the launch."""

    key: str
    title: str
    what: str
    about: Subject = Subject.ACCESS
    scope: Scope = EVERYTHING


TEMPLATES = (
    Template("access", "All access", "Every account's rights in every folder."),
    Template(
        "privileged",
        "Holders of administrative rights",
        "Accounts that can give others access somewhere on their server.",
        scope=Scope(holders=(Holder.PRIVILEGED,)),
    ),
    Template(
        "orphans",
        "Orphaned accounts",
        "Accounts that belong to nobody we know, or to somebody who has left.",
        scope=Scope(holders=(Holder.ORPHAN, Holder.LEFT)),
    ),
    Template(
        "shared",
        "Shared and anonymous access",
        "Accounts that several people use, or anybody without a password.",
        scope=Scope(holders=(Holder.SHARED, Holder.ANONYMOUS)),
    ),
    Template(
        "partners",
        "Partners",
        "Accounts of people from other companies.",
        scope=Scope(holders=(Holder.PARTNER,)),
    ),
    Template(
        "delete",
        "Rights to change or delete files",
        "Rights to delete, change or rename files of others.",
        scope=Scope(rights=Rights.DELETE | Rights.OVERWRITE | Rights.RENAME),
    ),
    Template(
        "unused",
        "Unused accounts",
        "No sign-in and no transfer for 90 days.",
        scope=Scope(unused_days=90),
    ),
    Template(
        "changes",
        "What is new",
        "Access that is new or changed since the last review of its server.",
        scope=Scope(only_changes=True),
    ),
    Template(
        "groups",
        "Group memberships",
        "Who is in which group, asked of the group's owner with every folder that it opens.",
        about=Subject.MEMBERSHIP,
    ),
    Template(
        "owners",
        "Ownership",
        "Every owner of a folder or group says that they still are, or names who is instead.",
        about=Subject.OWNERSHIP,
    ),
    Template(
        "services",
        "Service accounts",
        "Whoever answers for a service account says what it is for, or closes it.",
        about=Subject.SERVICE,
    ),
)


def template(key: str) -> Template:
    """The template of this name, or NoSuchTemplate."""
    for one in TEMPLATES:
        if one.key == key:
            return one
    raise NoSuchTemplate(f"Asked for: {key!r}.")
