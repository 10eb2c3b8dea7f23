"""One short-lived connection to a directory that only reads: TLS, bind, pages."""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import ldap
from ldap.controls import SimplePagedResultsControl

from recert.foundation.errors import RecertError
from recert.people.sources.ldap_diagnosis import ca_file_problem, why_unreachable
from recert.people.sources.ldap_profiles import LdapSettings
from recert.people.sources.ldap_values import Entry

Named = tuple[str, Entry]
PAGED = SimplePagedResultsControl.controlType
_CUT_SHORT = (ldap.SIZELIMIT_EXCEEDED, ldap.TIMELIMIT_EXCEEDED, ldap.ADMINLIMIT_EXCEEDED)
_NO_ANSWER = (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR, ldap.UNAVAILABLE, ldap.BUSY)
_NO_PAGES = (ldap.UNWILLING_TO_PERFORM, ldap.UNAVAILABLE_CRITICAL_EXTENSION)
_REFUSED = (
    *(ldap.INVALID_CREDENTIALS, ldap.INAPPROPRIATE_AUTH, ldap.INVALID_DN_SYNTAX),
    *(ldap.STRONG_AUTH_REQUIRED, ldap.NO_SUCH_OBJECT, ldap.CONFIDENTIALITY_REQUIRED),
)


class DirectoryUnreadable(RecertError):
    """The directory cannot be read, so nothing was changed."""


class DirectoryUnreachable(DirectoryUnreadable):
    """The directory cannot be reached, so nothing was changed. Recert tries again."""


class SignInRefused(DirectoryUnreadable):
    """The directory refuses the account that reads, so nothing was changed."""


class AnswerIncomplete(DirectoryUnreadable):
    """The directory gave only a part of its entries, so nothing was changed: who is missing in it
    may still be there."""


class Directory:
    """Opened with `with`; every error is a DirectoryUnreadable that names cause and next step."""

    def __init__(self, settings: LdapSettings, password: str) -> None:
        self.settings = settings
        self.continuations = 0  # entries that other servers hold; nobody follows them
        self._password = password
        self._ends = time.monotonic() + settings.minutes * 60
        self._connection: Any = None

    def __enter__(self) -> Self:
        with self._explained("connect"):
            self._open()
        return self

    def __exit__(self, *_details: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            try:
                self._connection.unbind_s()
            except ldap.LDAPError:
                self._connection = None  # it is gone already, which is what was wanted
            self._connection = None

    def _open(self) -> None:
        settings = self.settings
        if not settings.bind_dn or not self._password:
            # A bind with a name and no password succeeds as nobody in most directories.
            raise SignInRefused("bind_dn and a secret file with a password are needed.")
        if problem := ca_file_problem(settings):
            raise DirectoryUnreadable(problem)
        connection = self._connection = ldap.initialize(settings.url)
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
        connection.set_option(ldap.OPT_REFERRALS, 0)
        # Nothing else bounds a TLS handshake with a server that stops in the middle of it.
        connection.set_option(ldap.OPT_CONNECT_ASYNC, 1)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, settings.seconds)
        connection.set_option(ldap.OPT_TIMEOUT, settings.seconds)
        issuers = settings.ca_file or ssl.get_default_verify_paths().cafile or ""
        if issuers:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, issuers)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        # The last one: it makes the options above those of this connection.
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        if settings.start_tls and not settings.is_tls:
            connection.start_tls_s()  # before the bind: after it, it would drop who we are
        try:
            connection.simple_bind_s(settings.bind_dn, self._password)
        except _REFUSED as error:
            raise SignInRefused(
                f"{settings.url} does not accept {settings.bind_dn!r} with the password of its "
                "secret file: check both, and whether the account is locked."
            ) from error
        # Left on, the first search of a healthy server would time out.
        connection.set_option(ldap.OPT_CONNECT_ASYNC, 0)

    @contextmanager
    def _explained(self, doing: str, entries: int = 0) -> Iterator[None]:
        """Turns the library's errors into ours; its own texts say too little or too much."""
        settings = self.settings
        try:
            yield
        except DirectoryUnreadable:
            self._close()
            raise
        except _CUT_SHORT as error:
            raise AnswerIncomplete(
                f"{settings.url} stopped after its limit: raise the size limit of "
                f"{settings.bind_dn} in the directory, or lower page_size."
            ) from error
        except _NO_ANSWER as error:
            self._close()
            if entries:
                raise AnswerIncomplete(
                    f"The connection to {settings.url} ended after {entries} entries. Recert tries "
                    "again."
                ) from error
            raise DirectoryUnreachable(why_unreachable(settings)) from error
        except ldap.NO_SUCH_OBJECT as error:
            raise DirectoryUnreadable(
                f"There is no entry {settings.base!r}, or {settings.bind_dn} may not read it: "
                "check base."
            ) from error
        except ldap.REFERRAL as error:
            raise DirectoryUnreadable(
                f"{settings.base!r} lies on another server than {settings.url}: put that one into "
                "url."
            ) from error
        except (ldap.FILTER_ERROR, ldap.INVALID_DN_SYNTAX) as error:
            what = "filter" if isinstance(error, ldap.FILTER_ERROR) else "base"
            raise DirectoryUnreadable(f"{what} is not written correctly: check it.") from error
        except _NO_PAGES as error:
            raise DirectoryUnreadable(
                f"{settings.url} cannot page through {settings.base!r}, because a part of it lies "
                "on another server: choose a base or a server that holds all of it."
            ) from error
        except (ldap.LDAPError, ValueError) as error:
            name = type(error).__name__
            raise DirectoryUnreadable(
                f"{settings.url} answers {doing!r} with {name}: look into the directory's log."
            ) from error

    def people(self) -> Iterator[Named]:
        """Every entry that the filter finds, page by page. Raises AnswerIncomplete when that is
        not all of them."""
        control = SimplePagedResultsControl(True, size=self.settings.page_size, cookie="")
        if not self._can_page():
            yield from self._at_once()
            return
        count = 0
        while True:
            with self._explained("search", count):
                found, answered = self._page(control)
            if answered is None and count:
                raise AnswerIncomplete("The directory stopped paging in the middle.")
            yield from found
            count += len(found)
            if answered is None or not answered.cookie:
                return
            if answered.cookie == control.cookie and not found:
                raise AnswerIncomplete("The directory repeats an empty page for ever.")
            control.cookie = answered.cookie
            self._check_time(count)

    def _page(self, control: Any) -> tuple[list[Named], Any]:
        settings, connection = self.settings, self._connection
        number = connection.search_ext(
            settings.base,
            ldap.SCOPE_SUBTREE,
            settings.filter,
            settings.wanted,
            serverctrls=[control],
        )
        _, found, _, controls = connection.result3(number, timeout=settings.seconds)
        return self._entries(found), next((c for c in controls if c.controlType == PAGED), None)

    def _at_once(self) -> Iterator[Named]:
        settings, connection = self.settings, self._connection
        with self._explained("search"):
            number = connection.search_ext(
                settings.base, ldap.SCOPE_SUBTREE, settings.filter, settings.wanted
            )
        count = 0
        while True:
            with self._explained("search", count):
                kind, found, _, _ = connection.result3(number, 0, timeout=settings.seconds)
            if kind == ldap.RES_SEARCH_RESULT:
                return
            entries = self._entries(found)
            yield from entries
            count += len(entries)
            self._check_time(count)

    def _entries(self, found: Sequence[tuple[str | None, Any]]) -> list[Named]:
        """Entries with the names of their attributes in lower case. A continuation to another
        server comes as (None, [url]), also with referrals off."""
        self.continuations += sum(1 for name, _ in found if name is None)
        return [
            (name, {key.lower(): values for key, values in entry.items()})
            for name, entry in found
            if name is not None
        ]

    def _check_time(self, count: int) -> None:
        if time.monotonic() > self._ends:
            raise AnswerIncomplete(
                f"Reading took longer than {self.settings.minutes:g} minutes and ended after "
                f"{count} entries: raise minutes."
            )

    def _can_page(self) -> bool:
        with self._explained("root DSE"):
            found = self._connection.search_ext_s(
                "", ldap.SCOPE_BASE, "(objectClass=*)", ["supportedControl"]
            )
        known = [value for _, entry in found for values in entry.values() for value in values]
        return PAGED.encode() in known

    def is_set_anywhere(self, attribute: str) -> bool:
        """Whether we can see the attribute on at least one of the people."""
        with self._explained("search"):
            return bool(self._some(f"(&{self._filter()}({attribute}=*))", 1))

    def look_up(self, condition: str, most: int = 2) -> list[Named]:
        """At most so many of the people that fulfil a condition; whoever calls has escaped it."""
        with self._explained("search"):
            return self._some(f"(&{self._filter()}{condition})", most)

    def _filter(self) -> str:
        text = self.settings.filter
        return text if text.startswith("(") else f"({text})"

    def _some(self, condition: str, most: int) -> list[Named]:
        """The directory may stop at the limit with an error; what came before it counts."""
        settings, connection = self.settings, self._connection
        number = connection.search_ext(
            settings.base, ldap.SCOPE_SUBTREE, condition, settings.wanted, sizelimit=most
        )
        entries: list[Named] = []
        try:
            while True:
                kind, found, _, _ = connection.result3(number, 0, timeout=settings.seconds)
                if kind == ldap.RES_SEARCH_RESULT:
                    return entries
                entries += self._entries(found)
        except ldap.SIZELIMIT_EXCEEDED:
            return entries
