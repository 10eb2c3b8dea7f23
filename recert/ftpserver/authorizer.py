"""Answers pyftpdlib's questions about accounts and rights from the permission file."""

import logging
from collections.abc import Iterable
from pathlib import Path

from pyftpdlib.exceptions import AuthenticationFailed

from recert.connectors.contract import ConnectorError
from recert.connectors.embedded import evaluate, last_logins, tree
from recert.connectors.embedded.format import Account
from recert.connectors.rights import Rights
from recert.foundation import clock
from recert.ftpserver import command_rights
from recert.ftpserver.command_rights import Demand
from recert.ftpserver.permission_source import PermissionSource

log = logging.getLogger(__name__)


class Authorizer:
    """The authorizer of one server. It judges names of commands instead of pyftpdlib's permission
    flags, because one flag stands for commands that need different rights."""

    def __init__(self, source: PermissionSource) -> None:
        self.source = source
        self._book = last_logins.LoginBook(last_logins.path_of(source.file))

    def rights_in(self, username: str, folder: str | None) -> Rights:
        account = self._active(username)
        if account is None or folder is None:
            return Rights.NONE
        return evaluate.access(self.source.permissions, account, folder).rights

    def allows(self, username: str, asked: Iterable[Demand]) -> bool:
        return all(self.rights_in(username, one.folder) & one.rights for one in asked)

    def may_stay(self, username: str, home: str) -> bool:
        """False when the account ended or its home moved since the session began."""
        return self._active(username) is not None and self.get_home_dir(username) == home

    def note_login(self, username: str) -> None:
        """A book that cannot be written must not keep anybody out."""
        try:
            self._book.note(username, clock.now())
        except ConnectorError as error:
            log.warning("The sign-in of %r is not noted: %s", username, error)

    # What follows is pyftpdlib's interface.

    def validate_authentication(self, username: str, password: str, _handler: object) -> None:
        """Raises AuthenticationFailed. Unknown, disabled and known accounts cost the same work and
        get the same answer, so that neither reveals which accounts exist."""
        account = self.source.permissions.accounts.get(username)
        stored = account.password if account else self.source.permissions.decoy
        right = stored is None or stored.matches(password)
        if not right or self._active(username) is None:
            raise AuthenticationFailed("Authentication failed.")

    def get_home_dir(self, username: str) -> str:
        return tree.native(self.source.root, self.source.permissions.accounts[username].home)

    def has_perm(self, username: str, command: str, path: str) -> bool:
        return self.allows(username, command_rights.of(self.source.root, command, path))

    def get_perms(self, _username: str) -> str:
        """None: rights differ by folder, so `filesystem` states them for each one."""
        return ""

    def get_msg_login(self, _username: str) -> str:
        return "Login successful."

    def get_msg_quit(self, _username: str) -> str:
        return "Goodbye."

    def impersonate_user(self, username: str, password: str) -> None:
        """Nothing to do: the server has one user of the operating system for all accounts."""

    def terminate_impersonation(self, username: str) -> None:
        """Nothing to undo."""

    def _active(self, username: str) -> Account | None:
        account = self.source.permissions.accounts.get(username)
        return account if account and account.is_active(clock.now()) else None


def make_authorizer(file: Path) -> Authorizer:
    """Raises a ConnectorError when the file cannot be used."""
    return Authorizer(PermissionSource(file))
