"""Mail addresses: one text for one mailbox."""

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


def clean_email(text: str) -> str:
    """The address in lower case and as mail servers write it; CellError when it is none that
    every mail server can deliver to."""
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
