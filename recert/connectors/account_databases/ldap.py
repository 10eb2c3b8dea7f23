"""A directory of accounts, read through an account that only reads (`ldap_url`)."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import ldap
from ldap.controls import SimplePagedResultsControl

from recert.connectors.contract import ServerDataInvalid, ServerUnreachable, SettingsInvalid
from recert.connectors.file_store import read_bytes

# Values by the attribute's name in lower case.
Entry = dict[str, list[bytes]]
Search = Callable[[str, str, Sequence[str]], list[Entry]]
_SECONDS = 10
_PAGE = 500
_CUT_SHORT = (ldap.SIZELIMIT_EXCEEDED, ldap.TIMELIMIT_EXCEEDED, ldap.ADMINLIMIT_EXCEEDED)
_FORM = "ldap_url must look like ldap://HOST:PORT or ldaps://HOST, with nothing behind it."


def check(settings: Mapping[str, str]) -> None:
    """SettingsInvalid when ldap_url is no address of a directory."""
    url = settings.get("ldap_url")
    if not url:
        return
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("ldap", "ldaps") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise SettingsInvalid(_FORM) from error
    if parts.username is not None or parts.password is not None:
        raise SettingsInvalid(
            "ldap_url must hold no name and no password: use ldap_bind_dn and ldap_password_file."
        )
    if not is_one or parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsInvalid(_FORM)


@contextmanager
def connected(settings: Mapping[str, str], *, start_tls: bool) -> Iterator[Search]:
    """Searches below a base, whole subtrees, page by page. Certificates are always verified.
    Raises ServerUnreachable or ServerDataInvalid, never with the library's message."""
    url = settings["ldap_url"]
    where = f"The directory {url}"
    try:
        connection = _opened(url, _issuers(settings), start_tls and url.startswith("ldap:"))
        try:
            _bind(connection, settings)

            def search(base: str, query: str, attributes: Sequence[str]) -> list[Entry]:
                return list(_pages(connection, base, query, attributes))

            yield search
        finally:
            connection.unbind_s()
    except _CUT_SHORT as error:
        raise ServerDataInvalid(
            f"{where} does not give all of its accounts: raise its size limit for ldap_bind_dn."
        ) from error
    except ldap.LDAPError as error:
        raise ServerUnreachable(f"{where} does not let us read.") from error


def _issuers(settings: Mapping[str, str]) -> str:
    """The file with the certificates of those who are believed; the machine's when none is set,
    because the library by itself may believe nobody."""
    return settings.get("ldap_ca_file") or ssl.get_default_verify_paths().cafile or ""


def _opened(url: str, issuers: str, start_tls: bool) -> ldap.ldapobject.LDAPObject:
    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, _SECONDS)
    connection.set_option(ldap.OPT_TIMEOUT, _SECONDS)
    if issuers:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, issuers)
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    # The last one: it makes the options above those of this connection.
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if start_tls:
        connection.start_tls_s()
    return connection


def _bind(connection: ldap.ldapobject.LDAPObject, settings: Mapping[str, str]) -> None:
    file = settings.get("ldap_password_file")
    password = read_bytes(Path(file)).decode().strip() if file else ""
    connection.simple_bind_s(settings.get("ldap_bind_dn", ""), password)


def _pages(
    connection: ldap.ldapobject.LDAPObject, base: str, query: str, attributes: Sequence[str]
) -> Iterator[Entry]:
    control = SimplePagedResultsControl(False, size=_PAGE, cookie="")
    while True:
        message = connection.search_ext(
            base, ldap.SCOPE_SUBTREE, query, list(attributes), serverctrls=[control]
        )
        _, answer, _, controls = connection.result3(message)
        for name, entry in answer:
            if name is not None:  # None: a referral to another directory
                yield {key.lower(): values for key, values in entry.items()}
        pages = [one for one in controls if one.controlType == control.controlType]
        if not pages or not pages[0].cookie:
            return
        control.cookie = pages[0].cookie
