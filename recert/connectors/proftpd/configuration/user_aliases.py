"""Maps login names to users: UserAlias, AuthAliasOnly, <Anonymous> and its User."""

from collections.abc import Iterator
from typing import NamedTuple

from recert.connectors.proftpd.configuration.sections import Kind, Section, nearest, on

ANY_NAME = "*"


class Meaning(NamedTuple):
    """What a typed name stands for."""

    user: str
    anonymous: Section | None = None
    is_alias: bool = False
    refused: str = ""


class Aliases:
    """The names that an FTP client of one server may type. (mod_sftp knows no alias.)"""

    def __init__(self, server: Section) -> None:
        self.anonymous = dict(_anonymous(server))
        self._only = next(_alias_only(server), None)
        self._lines = list(_lines(server))

    def names(self) -> set[str]:
        """The aliases; ANY_NAME stands for whatever a client types."""
        return {line.args[0] for line, _ in self._lines}

    def meaning(self, typed: str) -> Meaning:
        """Of several aliases that fit the first counts. As soon as a server has an <Anonymous>,
        an alias outside of it leads there as well, as that section's User (measured)."""
        for line, section in self._lines:
            if line.args[0] not in (typed, ANY_NAME):
                continue
            if section is None and self.anonymous:
                return Meaning(*next(iter(self.anonymous.items())), is_alias=True)
            user = line.args[1]
            return Meaning(user, section or self.anonymous.get(user), is_alias=True)
        refused = f"only aliases may sign in (AuthAliasOnly at {self._only})" if self._only else ""
        return Meaning(typed, self.anonymous.get(typed), refused=refused)


def _anonymous(server: Section) -> Iterator[tuple[str, Section]]:
    for section in server.items:
        if section.kind is Kind.ANONYMOUS:
            user = nearest(section, "user")
            if user is not None and user.args:
                yield user.args[0], section


def _lines(server: Section) -> Iterator[tuple[Section, Section | None]]:
    for item in server.items:
        if item.name == "useralias" and len(item.args) > 1:
            yield item, None
        elif item.kind is Kind.ANONYMOUS:
            yield from ((one, item) for one in item.values("useralias") if len(one.args) > 1)


def _alias_only(server: Section) -> Iterator[str]:
    """It holds for the whole server, wherever it stands (measured)."""
    for item in server.items:
        if item.name == "authaliasonly" and on(item, False):
            yield str(item.place)
        elif item.kind is Kind.ANONYMOUS:
            yield from _alias_only(item)
