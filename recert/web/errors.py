"""Our errors as pages. HTTP codes are known here and nowhere else."""

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from recert.campaigns.decisions.rules import NotYours
from recert.campaigns.transitions import NoSuchItem
from recert.connectors.contract import ConnectorError, SettingsInvalid
from recert.foundation.errors import (
    BadInput,
    MovedMeanwhile,
    NotAllowed,
    NotFound,
    RecertError,
    RefusedByPolicy,
)
from recert.mail.service import LinkOver, LinkUnknown, LinkUnopened

# The first class that fits counts.
CODES: tuple[tuple[type[RecertError], int], ...] = (
    (LinkUnknown, 404),
    (LinkUnopened, 404),
    (LinkOver, 410),
    (NoSuchItem, 404),
    (NotYours, 404),
    (NotFound, 404),
    (NotAllowed, 403),
    (MovedMeanwhile, 409),
    (BadInput, 422),
    (RefusedByPolicy, 409),
    (SettingsInvalid, 422),
    (ConnectorError, 502),
    (RecertError, 500),
)

TITLES = {
    400: "The request is incomplete",
    403: "You are not allowed to do this",
    404: "Page not found",
    405: "Page not found",
    409: "This is not possible now",
    410: "This link has expired",
    413: "The request is too large",
    422: "Please check the form",
    500: "Something went wrong",
    502: "The server could not be read",
}


# What people write at length. A refusal shows it again, so that nothing is lost.
WRITTEN = ("reason", "text", "statement")
SHOWN_AGAIN = (403, 404, 409, 410, 422)
NOT_ANY_MORE = (
    "Nothing was saved. The question may have been reassigned, or your role has changed since you "
    "opened the page. If in doubt, ask the compliance officer."
)


def code_of(error: RecertError) -> int:
    """The HTTP code of one of our errors."""
    return next(code for kind, code in CODES if isinstance(error, kind))


def register(app: Flask) -> None:
    """Every error becomes a page with a title, a sentence and a way on."""

    @app.errorhandler(RecertError)
    def ours(error: RecertError) -> tuple[str, int]:
        return page(code_of(error), str(error))

    @app.errorhandler(CSRFError)
    def forgery(_error: CSRFError) -> tuple[str, int]:
        return page(400, "The page was open for too long. Open it again and retry.")

    @app.errorhandler(SecurityError)
    def foreign_host(_error: SecurityError) -> tuple[str, int, dict[str, str]]:
        # No page: its links would need the host name that was just refused.
        return "Unknown host name.", 400, {"Content-Type": "text/plain"}

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[str, int]:
        return page(error.code or 500, NOT_ANY_MORE if _sent_to_nothing(error.code) else "")

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> tuple[str, int]:
        # The rule and not the path: the path of a link from a mail holds its secret.
        app.logger.exception("%s %s", request.method, request.url_rule, exc_info=error)
        return page(500, "Nothing was saved. Your administrator can find the cause in the log.")


def page(code: int, message: str) -> tuple[str, int]:
    """The error page."""
    title = TITLES.get(code, "Something went wrong")
    written = _written() if code in SHOWN_AGAIN else []
    return render_template("error.html", title=title, message=message, written=written), code


def _written() -> list[str]:
    """What somebody wrote into the form that was refused."""
    return [text for name in WRITTEN for text in request.form.getlist(name) if text.strip()]


def _sent_to_nothing(code: int | None) -> bool:
    return code == 404 and request.method == "POST"
