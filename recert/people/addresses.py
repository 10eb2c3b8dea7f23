"""Mail addresses: one text for one mailbox."""

import re
from functools import lru_cache

import email_validator
from email_validator import EmailNotValidError, validate_email

from recert.people.csv_rows import CellError

MAX_EMAIL = 320
# Names that many companies use inside: an address there is as good as any.
email_validator.SPECIAL_USE_DOMAIN_NAMES = [
    name
    for name in email_validator.SPECIAL_USE_DOMAIN_NAMES
    if name not in ("local", "test", "localhost")
]


# Local parts about which nothing needs to be looked up, whatever the domain.
_PLAIN = re.compile(r"[a-z0-9]+(?:[._+-][a-z0-9]+)*", re.ASCII)
_MOST_LOCAL, _MOST_IN_ALL = 64, 254


@lru_cache(maxsize=1024)
def _is_plain_domain(domain: str) -> bool:
    """Whether addresses of a domain are kept as they are: the library takes long to find out, and
    a directory of 100,000 people has few domains."""
    if not domain.isascii() or len(domain) > _MOST_IN_ALL - _MOST_LOCAL - 1:
        return False
    try:
        checked = validate_email(f"a@{domain}", check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return checked.ascii_email == f"a@{domain}"


def clean_email(text: str) -> str:
    """The address in lower case and as mail servers write it; CellError when it is none that
    every mail server can deliver to."""
    local, _, domain = text.lower().partition("@")
    is_plain = len(local) <= _MOST_LOCAL and _PLAIN.fullmatch(local)
    if is_plain and _is_plain_domain(domain):
        return f"{local}@{domain}"
    try:
        checked = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise CellError(f"{text!r} is not a mail address") from error
    return (checked.ascii_email or checked.normalized).lower()


def known_as(text: str) -> str:
    """The address as it would be stored if it is one, else text that belongs to nobody."""
    try:
        return clean_email(text.strip())
    except CellError:
        shown = "".join(one if one.isprintable() else "?" for one in text.strip())
        return shown.lower()[:MAX_EMAIL]
