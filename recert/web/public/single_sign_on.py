"""Signing in by an identity provider, and being signed out by it."""

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue

from recert.foundation import clock, secrets
from recert.foundation.errors import RecertError
from recert.people import queries, sessions
from recert.people.single_sign_on import service
from recert.people.single_sign_on.models import Provider
from recert.people.single_sign_on.protocol import Issuer, TokenInvalid
from recert.people.single_sign_on.service import AttemptUnknown
from recert.web.access import database, public, safe_next, settings, sign_in
from recert.web.errors import code_of, page

bp = Blueprint("single_sign_on", __name__, url_prefix="/sign-in/by")
BROWSER = "sign_in_browser"  # ties an answer to the browser that asked


@bp.post("/<name>")
@public
def begin(name: str) -> ResponseReturnValue:
    """A page that goes on to the provider: a form may not lead to another site, a page may."""
    browser = secrets.new_token()
    with database().transaction() as session:
        next_page = safe_next(request.form.get("next", ""))
        begun = service.begin(session, name, browser, next_page, now=clock.now())
        session.flush()
        session.expunge(begun.provider)
    url = _issuer(begun.provider).authorization_url(
        _callback(name), state=begun.state, nonce=begun.nonce, verifier=begun.verifier
    )
    cookie[BROWSER] = browser
    return render_template("public/to_provider.html", url=url, title=begun.provider.title)


@bp.get("/<name>/callback")
@public
def callback(name: str) -> ResponseReturnValue:
    """The answer of the provider. It is taken once, and only in the browser that asked."""
    address, now = request.remote_addr or "", clock.now()
    state, browser = request.args.get("state", ""), cookie.get(BROWSER, "")
    with database().transaction() as session:
        attempt = service.take_attempt(session, name, state, browser, now=now)
        asked = (attempt.nonce, attempt.verifier)
        next_page = attempt.next
    try:
        session_id = _enter(name, *asked, address=address)
    except RecertError as error:  # of this sign-in, which somebody did begin
        with database().transaction() as session:
            about = f"provider {name}"
            sessions.note_refusal(session, about, str(error), address=address, now=now)
        return page(code_of(error), str(error))
    with database().reading() as session:
        who = queries.signed_in(session, session_id, now=now)
    if who is not None:
        cookie.clear()  # nothing that was handed out before the sign-in counts after it
        sign_in(session_id, who)
    return redirect(safe_next(next_page))


def _enter(name: str, nonce: str, verifier: str, *, address: str) -> str:
    with database().reading() as session:
        provider = service.named(session, name)
        session.expunge(provider)
    code = request.args.get("code", "")
    if not code:
        raise AttemptUnknown("The identity provider sent no code.")
    if request.args.get("iss", provider.issuer) != provider.issuer:
        raise TokenInvalid("Another provider answered.")
    claims, id_token = _issuer(provider).claims(
        _callback(name), code=code, nonce=nonce, verifier=verifier
    )
    with database().transaction() as session:
        here = service.named(session, name)
        return service.enter(session, here, claims, id_token, address=address, now=clock.now())


@bp.post("/<name>/logout")
@public
def logged_out_there(name: str) -> ResponseReturnValue:
    """Back-channel logout: the provider says that a session has ended."""
    headers = {"Cache-Control": "no-store"}
    try:
        with database().reading() as session:
            provider = service.named(session, name)
            session.expunge(provider)
        claims = _issuer(provider).logout_claims(request.form.get("logout_token", ""))
        with database().transaction() as session:
            service.end_by_token(session, service.named(session, name), claims)
    except RecertError:
        return Response("invalid_request", 400, headers)
    return Response("", 200, headers)


def logout_url(provider_id: int | None, id_token: str) -> str | None:
    """Where a browser goes to be signed out at the provider as well."""
    if provider_id is None:
        return None
    with database().reading() as session:
        provider = session.get(Provider, provider_id)
        if provider is None:
            return None
        session.expunge(provider)
    try:
        return _issuer(provider).logout_url(id_token, _address(url_for("sign_in.show")))
    except RecertError:
        return None  # it is down: our own session has ended all the same


def _issuer(provider: Provider) -> Issuer:
    """One for each provider and process, so that its keys are fetched once."""
    known: dict[tuple[object, ...], Issuer] = current_app.extensions.setdefault(
        "recert.issuers", {}
    )
    key = (provider.id, provider.issuer, provider.client_id, provider.secret_file, provider.scopes)
    if key not in known:
        known[key] = service.issuer_of(provider)
    return known[key]


def _callback(name: str) -> str:
    return _address(url_for(".callback", name=name))


def _address(path: str) -> str:
    """An address of ours as other sites see it."""
    return settings().base_url.rstrip("/") + path
