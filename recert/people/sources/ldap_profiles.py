"""Settings of a directory as a source of people: profiles of the usual products, and what an
administrator maps otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from recert.foundation.errors import BadInput
from recert.people.sources.ldap_status import StatusRule, rules_of

FIELDS = ("key", "email", "name", "department", "organisation", "manager", "language")
LARGEST_PAGE, LONGEST_WAIT, LONGEST_RUN = 5000, 120, 24 * 60
# What each setting means, for the help of commands and pages.
SETTINGS: dict[str, str] = {
    "profile": "edirectory, active-directory or openldap: the defaults of all that follows",
    "url": "ldaps://HOST or ldap://HOST:PORT (then StartTLS)",
    "base": "the DN below which the people are",
    "filter": "which entries are people",
    "bind_dn": "the account that reads; its password stands in the secret file",
    "ca_file": "certificates of the authorities that are trusted; empty: those of the machine",
    "start_tls": "yes or no; no only for a directory on this machine",
    "organisation": "the organisation of people whose entries name none",
    "status": "rules that make a person inactive, with semicolons between",
    "page_size": "how many entries are asked for at once",
    "seconds": "how long one answer may take",
    "minutes": "how long the whole reading may take",
    **{f"map.{name}": f"attribute of the {name}" for name in FIELDS},
}
_FORM = "url must look like ldaps://HOST or ldap://HOST:PORT, with nothing behind it."


@dataclass(frozen=True)
class Profile:
    """What is usual for one product. The attributes of a name are tried in their order."""

    filter: str
    attributes: Mapping[str, str]
    status: str
    page_size: int


PROFILES: dict[str, Profile] = {
    "edirectory": Profile(
        filter="(objectClass=inetOrgPerson)",
        attributes={
            "key": "GUID",
            "email": "mail",
            "name": "fullName displayName cn",
            "department": "ou",
            "organisation": "company",
            "manager": "manager",
            "language": "preferredLanguage",
        },
        status="loginDisabled:boolean; loginExpirationTime:date:optional",
        page_size=500,
    ),
    "active-directory": Profile(
        filter="(&(objectCategory=person)(objectClass=user))",
        attributes={
            "key": "objectGUID",
            "email": "mail",
            "name": "displayName cn",
            "department": "department",
            "organisation": "company",
            "manager": "manager",
            "language": "preferredLanguage",
        },
        status="userAccountControl:bit:2; accountExpires:filetime:optional",
        page_size=1000,
    ),
    "openldap": Profile(
        filter="(objectClass=inetOrgPerson)",
        attributes={
            "key": "entryUUID",
            "email": "mail",
            "name": "displayName cn",
            "department": "ou departmentNumber",
            "organisation": "o",
            "manager": "manager",
            "language": "preferredLanguage",
        },
        status="",
        page_size=500,
    ),
}


@dataclass(frozen=True)
class LdapSettings:
    """Everything that reading a directory needs but the password."""

    url: str
    base: str
    filter: str
    organisation: str
    attributes: Mapping[str, tuple[str, ...]]
    rules: tuple[StatusRule, ...]
    bind_dn: str = ""
    ca_file: str = ""
    start_tls: bool = True
    page_size: int = 500
    seconds: float = 10
    minutes: float = 60
    host: str = field(default="", compare=False)
    port: int = field(default=0, compare=False)

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted from its first byte."""
        return self.url.startswith("ldaps:")

    @property
    def wanted(self) -> list[str]:
        """The attributes that are asked for, each once."""
        names = [name for names in self.attributes.values() for name in names]
        return list(dict.fromkeys([*names, *(rule.attribute for rule in self.rules)]))


def settings_of(stated: Mapping[str, str]) -> LdapSettings:
    """Checked settings. Raises BadInput naming the setting and what it must look like."""
    values = {name: text.strip() for name, text in stated.items() if text.strip()}
    if unknown := sorted(set(values) - set(SETTINGS)):
        raise BadInput(f"There is no setting {unknown[0]!r}. There are: {', '.join(SETTINGS)}.")
    if values.get("profile") not in PROFILES:
        raise BadInput(f"profile must be one of {', '.join(PROFILES)}.")
    profile = PROFILES[values["profile"]]
    for name in ("url", "base", "organisation"):
        if name not in values:
            raise BadInput(f"{name} is missing: {SETTINGS[name]}.")
    host, port = _address(values["url"])
    start_tls = _yes(values.get("start_tls", "yes"))
    if not start_tls and values["url"].startswith("ldap:") and not host.startswith("127."):
        raise BadInput(
            "start_tls can be no only for 127.0.0.1: the password would cross the network in clear."
        )
    mapped = {name: values.get(f"map.{name}", profile.attributes.get(name, "")) for name in FIELDS}
    attributes = {name: tuple(text.split()) for name, text in mapped.items()}
    for name in ("key", "email", "name"):
        if not attributes[name] or attributes[name] == ("none",):
            raise BadInput(f"map.{name} must name an attribute.")
    return LdapSettings(
        url=values["url"],
        base=values["base"],
        filter=values.get("filter", profile.filter),
        organisation=values["organisation"],
        attributes={name: () if one == ("none",) else one for name, one in attributes.items()},
        rules=rules_of(values.get("status", profile.status)),
        bind_dn=values.get("bind_dn", ""),
        ca_file=values.get("ca_file", ""),
        start_tls=start_tls,
        page_size=_whole(values, "page_size", profile.page_size, LARGEST_PAGE),
        seconds=_whole(values, "seconds", 10, LONGEST_WAIT),
        minutes=_whole(values, "minutes", 60, LONGEST_RUN),
        host=host,
        port=port,
    )


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput(_FORM) from error
    if parts.username is not None or parts.password is not None:
        raise BadInput("url must hold no name and no password: use bind_dn and the secret file.")
    is_wrong = parts.scheme not in ("ldap", "ldaps") or not host or port == 0
    if is_wrong or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput(_FORM)
    if host == "localhost":
        # The library compares a certificate of localhost with the machine's own host name.
        raise BadInput("url must name 127.0.0.1 or the full host name instead of localhost.")
    return host, port or (636 if parts.scheme == "ldaps" else 389)


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise BadInput(f"start_tls must be yes or no, not {text!r}.")
    return text == "yes"


def _whole(values: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = values.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= most):
        raise BadInput(f"{name} must be a number from 1 to {most}, not {text!r}.")
    return int(text)
