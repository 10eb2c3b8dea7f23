"""Who acts, through which channel, and how sure we are of it. Every use case takes an Actor."""

from dataclasses import dataclass, field
from enum import StrEnum

from recert.foundation.errors import NotAllowed


class Role(StrEnum):
    """What a person may do in Recert. Reviewing needs no role: items are assigned to persons."""

    OFFICER = "officer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Channel(StrEnum):
    WEB = "web"
    MAIL_LINK = "mail link"
    MAIL_REPLY = "mail reply"
    COMMAND_LINE = "command line"
    API = "api"
    SYSTEM = "system"


BY_MAIL = frozenset({Channel.MAIL_LINK, Channel.MAIL_REPLY})


class Assurance(StrEnum):
    """How the actor was recognised; the evidence says it beside each decision."""

    SIGNED_IN = "signed in"
    MAIL_LINK = "link sent to the reviewer's mailbox"
    MAIL_REPLY = "authenticated reply from the reviewer's mailbox"
    TOKEN = "access token"  # noqa: S105  # how the actor was recognised
    OPERATOR = "operator on the machine"
    POLICY = "policy"
    NONE = "not recognised"


@dataclass(frozen=True)
class Actor:
    """`name` is what the trail shows: a mail address, or "policy: ..." for the system itself."""

    name: str
    channel: Channel
    assurance: Assurance
    person_id: int | None = None
    user_id: int | None = None
    roles: frozenset[Role] = field(default_factory=frozenset)
    address: str = ""
    session: str = ""  # the number of the sign-in or the mail link; nothing that lets anybody in

    def require(self, *roles: Role) -> None:
        """Raises NotAllowed unless the actor holds one of the roles."""
        if not self.roles.intersection(roles):
            wanted = " or ".join(roles)
            raise NotAllowed(f"This needs the role {wanted}; {self.name} does not hold it.")


def system(policy: str) -> Actor:
    """Recert itself, acting by a rule that people set."""
    return Actor(f"policy: {policy}", Channel.SYSTEM, Assurance.POLICY)


def operator(login: str) -> Actor:
    """A person with a shell on Recert's own machine. They hold every role: they could change the
    database too, and the trail names them."""
    return Actor(
        f"operator: {login}", Channel.COMMAND_LINE, Assurance.OPERATOR, roles=frozenset(Role)
    )
