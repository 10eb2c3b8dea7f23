"""Our errors as JSON. The path and never the body stands in the log: bodies carry credentials."""

import logging

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from recert.foundation.errors import (
    BadInput,
    MovedMeanwhile,
    NotAllowed,
    NotFound,
    RecertError,
    RefusedByPolicy,
)
from recert.lifecycle.fulfilment import OtherContent
from recert.people.tokens import TokenRefused

# The first class that fits counts.
CODES: tuple[tuple[type[RecertError], int], ...] = (
    (TokenRefused, 401),
    (NotFound, 404),
    (NotAllowed, 403),
    (OtherContent, 409),
    (MovedMeanwhile, 409),
    (BadInput, 400),
    (RefusedByPolicy, 409),
    (RecertError, 500),
)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="recert", Basic realm="recert"'}

log = logging.getLogger(__name__)


def code_of(error: RecertError) -> int:
    """The HTTP code of one of our errors."""
    return next(code for kind, code in CODES if isinstance(error, kind))


def json_blueprint(name: str, module: str) -> Blueprint:
    """A blueprint of which every error becomes an object with one sentence."""
    bp = Blueprint(name, module)

    @bp.errorhandler(RecertError)
    def ours(error: RecertError) -> ResponseReturnValue:
        code = code_of(error)
        log.info("%s %s refused with %d: %s", request.method, request.path, code, error)
        headers = CHALLENGE if code == 401 else {}
        return jsonify(error=str(error)), code, headers

    @bp.errorhandler(HTTPException)
    def http(error: HTTPException) -> ResponseReturnValue:
        return jsonify(error=error.description or error.name), error.code or 500

    @bp.errorhandler(Exception)
    def unexpected(error: Exception) -> ResponseReturnValue:
        log.exception("%s %s", request.method, request.path, exc_info=error)
        return jsonify(error="Something went wrong. The log of Recert has the cause."), 500

    return bp
