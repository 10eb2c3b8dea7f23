"""Signing in and out, and the user's own password."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user

from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel, Role
from recert.foundation.errors import BadInput
from recert.people import queries, sessions, users
from recert.people.models import User
from recert.people.sessions import SignInRefused, TooManyAttempts
from recert.people.single_sign_on import service as single_sign_on
from recert.trail.act import Act
from recert.web.access import (
    allowed,
    current_actor,
    database,
    public,
    safe_next,
    sign_in,
    sign_out,
)
from recert.web.public.forms import PasswordForm, SignInForm
from recert.web.public.single_sign_on import logout_url

bp = Blueprint("sign_in", __name__)


class PasswordsAreOff(SignInRefused):
    """Passwords are for administrators here. Use the sign-in of your company."""


@bp.get("/sign-in")
@public
def show() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(url_for("home.show"))
    form = SignInForm(next=request.args.get("next", ""))
    return _page(form)


def _page(form: SignInForm, code: int = 200) -> ResponseReturnValue:
    with database().reading() as session:
        html = render_template(
            "public/sign_in.html",
            form=form,
            providers=single_sign_on.providers(session),
            only_providers=single_sign_on.passwords_are_for_administrators(session)
            and "password" not in request.args,
        )
    return html, code


@bp.post("/sign-in")
@public
def enter() -> ResponseReturnValue:
    form = SignInForm()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        session_id = _enter(form.email.data, form.password.data)
    except (SignInRefused, TooManyAttempts) as error:
        _note_refusal(form.email.data, error)
        form.password.errors = [str(error)]
        return _page(form, 422)
    with database().reading() as session:
        who = queries.signed_in(session, session_id, now=clock.now())
    if who is not None:
        cookie.clear()  # nothing that was handed out before the sign-in counts after it
        sign_in(session_id, who)
    return redirect(safe_next(form.next.data or ""))


def _enter(email: str, password: str) -> str:
    """A new session, or the refusal. The password is looked at without a write transaction,
    because it takes its time and writers must not wait."""
    address, now = request.remote_addr or "", clock.now()
    with database().transaction() as session:
        attempt = sessions.begin_attempt(session, email, address=address, now=now)
    with database().reading() as session:
        user = sessions.check_password(session, email, password)
        only_providers = single_sign_on.passwords_are_for_administrators(session)
        if only_providers and Role.ADMINISTRATOR not in user.roles:
            raise PasswordsAreOff
    with database().transaction() as session:
        sessions.succeed(session, attempt)
        actor = Actor(
            user.email,
            Channel.WEB,
            Assurance.SIGNED_IN,
            person_id=user.person_id,
            user_id=user.id,
            address=address,
        )
        return sessions.open_session(Act(session, actor, now), user, address=address)


def _note_refusal(email: str, error: BadInput) -> None:
    address, now = request.remote_addr or "", clock.now()
    with database().transaction() as session:
        sessions.note_refusal(session, email, str(error), address=address, now=now)


@bp.post("/sign-out")
@allowed()
def leave() -> ResponseReturnValue:
    vouched = _vouched_for()
    sign_out()
    there = logout_url(*vouched)
    return redirect(there or url_for("sign_in.show"))


def _vouched_for() -> tuple[int | None, str]:
    """The provider of this browser's session, and its ID token."""
    with database().reading() as session:
        opened = sessions.session_of(session, current_user.session_id)
        return (opened.provider_id, opened.id_token) if opened else (None, "")


@bp.get("/account/password")
@allowed()
def password() -> ResponseReturnValue:
    return render_template("public/password.html", form=PasswordForm(formdata=None))


@bp.post("/account/password")
@allowed()
def change_password() -> ResponseReturnValue:
    form, user_id = PasswordForm(), current_user.who.user_id
    if not form.validate_on_submit():
        return render_template("public/password.html", form=form), 422
    present, new, now = form.present.data, form.new.data, clock.now()
    try:
        with database().transaction() as session:
            users.change_password(Act(session, current_actor(), now), user_id, present, new)
            user, address = session.get_one(User, user_id), request.remote_addr or ""
            session_id = sessions.open_session(
                Act(session, current_actor(), now), user, address=address
            )
    except BadInput as error:
        wrong = form.present if isinstance(error, users.WrongPassword) else form.new
        wrong.errors = [str(error)]
        return render_template("public/password.html", form=form), 422
    with database().reading() as session:
        who = queries.signed_in(session, session_id, now=now)
    if who is not None:
        sign_in(session_id, who)
    flash("Your password was changed. Other browsers were signed out.")
    return redirect(url_for("home.show"))
