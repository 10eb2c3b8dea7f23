"""Signing in and out."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from recert.foundation import clock
from recert.foundation.actor import Actor, Assurance, Channel
from recert.people import queries, service
from recert.people.service import SignInRefused, TooManyAttempts
from recert.web.forms import SignInForm
from recert.web.security import allowed, database, public, safe_next, sign_in, sign_out

bp = Blueprint("sign_in", __name__)


@bp.get("/sign-in")
@public
def show() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(url_for("home.show"))
    form = SignInForm(next=request.args.get("next", ""))
    return render_template("sign_in.html", form=form)


@bp.post("/sign-in")
@public
def enter() -> ResponseReturnValue:
    form, address, now = SignInForm(), request.remote_addr or "", clock.now()
    if not form.validate_on_submit():
        return render_template("sign_in.html", form=form), 422
    try:
        with database().reading() as session:  # it takes its time, and writers must not wait
            user = service.check_password(
                session, form.email.data, form.password.data, address=address, now=now
            )
        with database().transaction() as session:
            actor = Actor(user.email, Channel.WEB, Assurance.SIGNED_IN, address=address)
            session_id = service.open_session(session, user, address=address, actor=actor, now=now)
    except (SignInRefused, TooManyAttempts) as error:
        with database().transaction() as session:
            service.note_failure(session, form.email.data, address=address, now=now)
        form.password.errors = [str(error)]
        return render_template("sign_in.html", form=form), 422
    with database().reading() as session:
        who = queries.signed_in(session, session_id, now=now)
    if who is not None:
        sign_in(session_id, who)
    return redirect(safe_next(form.next.data or ""))


@bp.post("/sign-out")
@allowed()
def leave() -> ResponseReturnValue:
    sign_out()
    return redirect(url_for("sign_in.show"))
