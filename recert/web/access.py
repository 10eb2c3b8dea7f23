"""Who may open which page, browser sessions, and the headers of every answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Flask, Response, abort, current_app, flash, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_login.utils import login_url

from recert.foundation import clock
from recert.foundation.actor import Actor, Role
from recert.foundation.db import Database
from recert.foundation.settings import Settings
from recert.people import queries as people
from recert.people import sessions
from recert.trail.act import Act

View = TypeVar("View", bound=Callable[..., Any])
DECLARED = "declared_access"  # who may open a view

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


# For pages that show mails: their looks stand in the mail itself. Nothing else is allowed more.
SHOWS_MAILS = HEADERS["Content-Security-Policy"].replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class WebUser(UserMixin):
    """The signed-in user of one browser session, for Flask-Login."""

    def __init__(self, session_id: str, who: people.SignedIn) -> None:
        self.session_id, self.who = session_id, who

    def get_id(self) -> str:
        """What the cookie holds: the session id, which the table can revoke."""
        return self.session_id

    def may(self, *roles: Role) -> bool:
        """True when the user holds one of the roles; no role asked for means anybody."""
        return not roles or bool(self.who.roles.intersection(roles))


def database() -> Database:
    """The database of this application."""
    found: Database = current_app.extensions["recert.db"]
    return found


def settings() -> Settings:
    """The settings of this application."""
    found: Settings = current_app.extensions["recert.settings"]
    return found


def current_actor() -> Actor:
    """The signed-in user as an actor."""
    who: people.SignedIn = current_user.who
    return who.actor(request.remote_addr or "")


@contextmanager
def acting() -> Iterator[Act]:
    """One use case of the signed-in user, in a transaction of its own."""
    actor = current_actor()
    with database().transaction() as session:
        yield Act(session, actor, clock.now())


def person_id() -> int:
    """The person behind the signed-in user; 404 when there is none that can be asked."""
    found: int | None = current_user.who.person_id
    if found is None:
        abort(404)
    return found


def allowed(*roles: Role) -> Callable[[View], View]:
    """Declares who may open a page: holders of one of the roles, or anybody signed in."""

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated:
                return redirect(login_url("sign_in.show", next_url=_way_back()))
            if not current_user.may(*roles):
                abort(404)  # whoever may not know of it does not learn that it exists
            return view(*args, **kwargs)

        setattr(guarded, DECLARED, roles)  # read by the test of all routes
        return cast(View, guarded)

    return declare


def _way_back() -> str:
    """Where to go on after signing in: this page, or the one with the form that came too late."""
    if request.method in ("GET", "HEAD"):
        return request.full_path.rstrip("?")
    flash("You were signed out, so this was not saved. Sign in and try again.", "error")
    return safe_next((request.referrer or "").removeprefix(request.host_url.rstrip("/")))


def public(view: View) -> View:
    """Declares a page that needs no sign-in."""
    setattr(view, DECLARED, "public")
    return view


def sign_in(session_id: str, who: people.SignedIn) -> None:
    """The only place that gives a browser an identity."""
    login_user(WebUser(session_id, who))


def sign_out() -> None:
    """Ends the browser's session in the table, so that a copied cookie is dead as well."""
    with database().transaction() as session:
        sessions.close_session(session, current_user.session_id)
    logout_user()


def safe_next(target: str) -> str:
    """Where to go after signing in: a path of this site, else the home page."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else url_for("home.show")


def _load(session_id: str) -> WebUser | None:
    now = clock.now()
    with database().reading() as session:
        who = people.signed_in(session, session_id, now=now)
    if who is None:
        return None
    if who.needs_touch:
        with database().transaction() as session:
            people.touch(session, session_id, now=now)
    return WebUser(session_id, who)


def register(app: Flask) -> None:
    """Sessions and headers for the whole application."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    manager.session_protection = None  # our own table decides

    @app.before_request
    def same_origin() -> None:
        """A form of another site never acts for who is signed in, whatever token it carries."""
        elsewhere = request.headers.get("Sec-Fetch-Site", "") in ("cross-site", "same-site")
        unsafe = request.method not in ("GET", "HEAD", "OPTIONS")
        if elsewhere and unsafe and current_user.is_authenticated:
            abort(400, "This request came from another site. Open Recert and try again.")

    @app.after_request
    def headers(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        if request.endpoint == "static":
            answer.headers["Cache-Control"] = "public, max-age=3600"
        if app.config["SESSION_COOKIE_SECURE"]:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        return answer
