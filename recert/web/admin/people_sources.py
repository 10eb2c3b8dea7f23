"""Directories as sources of people: their state, one entry, a preview, and what waits for a
confirmation. Adding one is a command: only there a secret file can be named."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired

from recert.foundation.actor import Role
from recert.people.synchronisation import register, requests
from recert.people.synchronisation.models import RequestKind, SourceState
from recert.web.access import acting, allowed, database
from recert.web.forms import at_most, checked, refused_on

bp = Blueprint("people_sources", __name__, url_prefix="/people/sources")


class EntryForm(FlaskForm):
    entry = StringField(
        "Person",
        [
            DataRequired("Enter a mail address, cn, uid or workforceID."),
            at_most(requests.LONGEST_ARGUMENT, "text"),
        ],
        description="Mail address, cn, uid or workforceID.",
    )


@bp.get("")
@allowed(Role.ADMINISTRATOR)
def overview() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template("admin/people_sources.html", rows=register.all_sources(session))


@bp.get("/<int:source_id>")
@allowed(Role.ADMINISTRATOR)
def show(source_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        source = register.numbered(session, source_id)
        return render_template(
            "admin/people_source.html",
            source=source,
            is_held=source.state is SourceState.HELD,
            asked=requests.newest(session, source_id),
            form=EntryForm(formdata=None),
        )


@bp.post("/<int:source_id>/<any(test, preview):look>")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def ask(source_id: int, look: str) -> ResponseReturnValue:
    """The worker asks the directory: this process opens no connection to any."""
    with acting() as act:
        requests.want(act, register.numbered(act.session, source_id), RequestKind(look))
    return redirect(url_for(".show", source_id=source_id, _anchor=look))


@bp.post("/<int:source_id>/entry")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def entry(source_id: int) -> ResponseReturnValue:
    form = EntryForm()
    checked(form)
    with acting() as act:
        source = register.numbered(act.session, source_id)
        requests.want(act, source, RequestKind.ENTRY, form.entry.data or "")
    return redirect(url_for(".show", source_id=source_id, _anchor="entry"))


@bp.post("/<int:source_id>/run")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def run(source_id: int) -> ResponseReturnValue:
    with acting() as act:
        register.want_run(act, register.numbered(act.session, source_id))
    flash("The synchronisation starts in a few seconds. Reload this page to see its result.")
    return redirect(url_for(".show", source_id=source_id))


@bp.post("/<int:source_id>/confirm")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def confirm(source_id: int) -> ResponseReturnValue:
    with acting() as act:
        lost = register.confirm(act, register.numbered(act.session, source_id))
    flash(f"Confirmed. The next synchronisation may end up to {lost} people.")
    return redirect(url_for(".show", source_id=source_id))


@bp.post("/<int:source_id>/<any(on, off):state>")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def enable(source_id: int, state: str) -> ResponseReturnValue:
    with acting() as act:
        source = register.numbered(act.session, source_id)
        register.enable(act, source, state == "on")
    flash(f"Automatic synchronisation is {state}.")
    return redirect(url_for(".show", source_id=source_id))
