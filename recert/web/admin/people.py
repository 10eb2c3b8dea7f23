"""Importing people and owners by hand."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.errors import RecertError
from recert.inventory import account_persons, owners
from recert.inventory import service as inventory
from recert.people import csv_rows, queries, service, trainings
from recert.people.csv_rows import CsvRejected
from recert.trail.act import Act
from recert.web.access import acting, allowed, current_actor, database
from recert.web.admin.forms import UploadForm
from recert.web.errors import code_of

bp = Blueprint("people", __name__, url_prefix="/people")
IMPORTS = {
    "people": service.import_people,
    "owners": inventory.import_owners,
    "groups": owners.import_group_owners,
    "services": owners.import_service_accounts,
    "trainings": trainings.import_trainings,
    "accounts": account_persons.import_joins,
}


@bp.get("")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
def overview() -> ResponseReturnValue:
    return _overview()


def _overview(
    problems: CsvRejected | None = None, what: str = "", code: int = 200, problem: str = ""
) -> ResponseReturnValue:
    with database().reading() as session:
        count = queries.people_count(session)
        unresolved = account_persons.unresolved(session)
        suggested = queries.suggested(session)
    html = render_template(
        "admin/people.html",
        count=count,
        unresolved=unresolved,
        people=suggested,
        typed=request.form,
        form=UploadForm(formdata=None),
        problems=problems,
        what=what,
        problem=problem,
    )
    return html, code


@bp.post("/import/<any(people, owners, groups, services, trainings, accounts):what>")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
def upload(what: str) -> ResponseReturnValue:
    form = UploadForm()
    if not form.validate_on_submit():
        flash("Choose a file.", "error")
        return redirect(url_for(".overview"))
    try:
        text = csv_rows.decode(form.file.data.read())
        with acting() as act:
            count = IMPORTS[what](act, text)
    except CsvRejected as error:
        return _overview(error, what, 422)
    flash(f"{count} rows imported.")
    return redirect(url_for(".overview"))


@bp.post("/accounts")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
def join_account() -> ResponseReturnValue:
    """Joins an account to the person with this address; without one, to nobody."""
    typed, now = request.form, clock.now()
    named = (typed.get("server", ""), typed.get("account", ""), typed.get("email", ""))
    try:
        with database().transaction() as session:
            account_persons.join(Act(session, current_actor(), now), *named)
    except RecertError as error:
        return _overview(code=code_of(error), problem=str(error))
    flash(f"{named[1]} on {named[0]} belongs to {named[2] or 'nobody Recert knows'}.")
    return redirect(url_for(".overview"))
