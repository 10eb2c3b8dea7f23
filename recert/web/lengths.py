"""How long what people write may be, and the sentence that says so."""

from wtforms.validators import Length

from recert.campaigns.decisions.rules import MAX_REASON


def at_most(number: int, what: str) -> Length:
    """No more characters than this; the message says what is too long."""
    return Length(max=number, message=f"The {what} is longer than {number} characters.")


REASON_LENGTH = at_most(MAX_REASON, "reason")
