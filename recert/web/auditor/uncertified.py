"""The list of access that nobody certified, as a page and as a file."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms.fields.choices import SelectChoice

from recert.connectors import rights
from recert.evidence.audit import uncertified as query
from recert.evidence.package.csv_safety import neutral
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.foundation.db import AnyRow, Database
from recert.foundation.errors import BadInput
from recert.inventory import queries as inventory
from recert.web.access import allowed, database, settings
from recert.web.auditor.forms import UncertifiedForm

bp = Blueprint("uncertified", __name__, url_prefix="/audit/uncertified")
CHUNK = 64 * 1024
DEFAULT_DAYS = 90
CSV_COLUMNS = (
    *("server", "folder", "account", "account_kind", "person", "rights"),
    *("there_since", "certified_last"),
)


@bp.get("")
@allowed(Role.AUDITOR, Role.OFFICER)
def show() -> ResponseReturnValue:
    with database().reading() as session:
        form = _uncertified_form(session)
        if not form.validate():
            return render_template("auditor/uncertified.html", form=form, blind=[], found=None), 422
        wanted = _wanted(form)
        blind = [view.server for view in query.views(session, wanted) if not view.snapshot_id]
        after = query.Place.parse(request.args.get("after", ""))
        return render_template(
            "auditor/uncertified.html",
            form=form,
            wanted=wanted,
            blind=blind,
            found=query.page(session, wanted, after),
            asked=_asked(form),
        )


@bp.get("/csv")
@allowed(Role.AUDITOR, Role.OFFICER)
def download() -> ResponseReturnValue:
    with database().reading() as session:
        form = _uncertified_form(session)
        if not form.validate():
            raise BadInput(next(iter(form.errors.values()))[0])
    db, wanted = database(), _wanted(form)
    answer = Response(_csv(db, wanted), mimetype="text/csv")
    name = f"not-certified-{wanted.at:%Y-%m-%d}-{wanted.days}-days.csv"
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    return answer


def _uncertified_form(session: Session) -> UncertifiedForm:
    form = UncertifiedForm(request.args)
    rows = inventory.servers_overview(session)
    choices = [SelectChoice(row.Server.id, row.Server.name) for row in rows]
    form.server.choices = [SelectChoice(0, "All servers"), *choices]
    form.server.data = form.server.data or 0
    if form.days.data is None:
        form.days.data = DEFAULT_DAYS
    form.at.data = form.at.data or clock.now().astimezone(settings().zone).date()
    return form


def _wanted(form: UncertifiedForm) -> query.Wanted:
    """The end of the day that was asked for, or now when it is not over yet."""
    end = clock.end_of_day(form.at.data, settings().zone)
    return query.Wanted(form.days.data, min(end, clock.now()), form.server.data or None)


def _asked(form: UncertifiedForm) -> dict[str, Any]:
    return {"days": form.days.data, "at": form.at.data.isoformat(), "server": form.server.data}


def _csv(db: Database, wanted: query.Wanted) -> Iterator[str]:
    """The lines of the file, some at a time; nothing in them is run by a spreadsheet."""
    line = io.StringIO(newline="")
    writer = csv.writer(line)
    writer.writerow(CSV_COLUMNS)
    with db.reading() as session:
        for row in query.everything(session, wanted):
            writer.writerow([neutral(cell) for cell in _cells(row)])
            if line.tell() > CHUNK:
                yield line.getvalue()
                line.seek(0)
                line.truncate()
    yield line.getvalue()


def _cells(row: AnyRow) -> tuple[str, ...]:
    return (
        *(row.server, row.folder, row.account, row.account_kind.value, row.person or ""),
        ", ".join(rights.phrases(row.rights)),
        row.granted_since.isoformat(),
        row.last_certified.isoformat() if row.last_certified else "",
    )
