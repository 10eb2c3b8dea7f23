"""The administrator's pages: servers, snapshots, differences."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from recert.changes import queries as changes
from recert.connectors import registry
from recert.connectors.registry import KINDS
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RecertError
from recert.inventory import connection_checks, queries, service
from recert.inventory.models import Server, SnapshotState
from recert.inventory.service import NoSuchServer
from recert.people import queries as people
from recert.web.access import acting, allowed, database, settings
from recert.web.admin.forms import NewServerForm, StorageForm
from recert.web.converters import number
from recert.web.errors import code_of
from recert.web.forms import ConfirmForm, refused_on

bp = Blueprint("servers", __name__, url_prefix="/servers")


@bp.get("")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
def overview() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template("admin/servers.html", rows=queries.servers_overview(session))


@bp.get("/new/<kind>")
@allowed(Role.ADMINISTRATOR)
def new(kind: str) -> ResponseReturnValue:
    return _new(kind)


def _new(kind: str, problem: str = "", code: int = 200) -> ResponseReturnValue:
    if kind not in KINDS:
        raise NoSuchServer
    form = NewServerForm()
    html = render_template(
        "admin/new_server.html",
        form=form,
        kind=KINDS[kind],
        kinds=KINDS,
        problem=problem,
        typed=request.form,
    )
    return html, code


@bp.post("/new/<kind>")
@allowed(Role.ADMINISTRATOR)
def create(kind: str) -> ResponseReturnValue:
    if kind not in KINDS:
        raise NoSuchServer
    form = NewServerForm()
    if not form.validate_on_submit():
        return _new(kind, str(next(iter(form.errors.values()))[0]), 422)
    typed = {
        each.key: request.form.get(f"set-{each.key}", "").strip() for each in KINDS[kind].settings
    }
    try:
        registry.check_from_pages(kind, typed, settings().server_paths)
        with acting() as act:
            owner = (
                people.person_by_email(act.session, form.owner.data) if form.owner.data else None
            )
            if form.owner.data and owner is None:
                raise BadInput(f"No person has the email address {form.owner.data!r}.")
            server = service.add_server(
                act,
                form.name.data,
                kind,
                {key: value for key, value in typed.items() if value},
                owner_id=owner.id if owner else None,
                storage=form.storage.data or "",
            )
            server_id = server.id
    except RecertError as error:
        return _new(kind, str(error), code_of(error))
    flash("The server is registered. Check the connection next.")
    return redirect(url_for(".show", server_id=server_id))


def _server(session: Session, server_id: int) -> Server:
    found = session.get(Server, server_id)
    if found is None:
        raise NoSuchServer
    return found


@bp.get("/<int:server_id>")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
def show(server_id: int) -> ResponseReturnValue:
    return _show(server_id)


def _show(server_id: int, problem: str = "", code: int = 200) -> ResponseReturnValue:
    with database().reading() as session:
        server = _server(session, server_id)
        newest = queries.snapshots_of(session, server_id)
        complete = [each.id for each in newest if each.state is SnapshotState.COMPLETE]
        html = render_template(
            "admin/server.html",
            server=server,
            same_storage=service.same_storage(session, server),
            storage=StorageForm() if problem else StorageForm(None, obj=server),
            problem=problem,
            kind=KINDS[server.kind],
            snapshots=newest,
            complete=complete,
            orders=changes.orders(session, server_id=server_id, size=10),
            form=ConfirmForm(),
        )
    return html, code


@bp.get("/<int:server_id>/folders")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
def folders(server_id: int) -> ResponseReturnValue:
    after = request.args.get("after", "")
    with database().reading() as session:
        server = _server(session, server_id)
        rows, more = queries.folders_of(session, server_id, after=after)
        return render_template("admin/server_folders.html", server=server, rows=rows, more=more)


@bp.get("/<int:server_id>/test")
@allowed(Role.ADMINISTRATOR)
def test(server_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        server = _server(session, server_id)
        check = connection_checks.newest(session, server_id)
        form = ConfirmForm()
        return render_template("admin/connection_check.html", server=server, check=check, form=form)


@bp.post("/<int:server_id>/test")
@allowed(Role.ADMINISTRATOR)
@refused_on(".test")
def want_test(server_id: int) -> ResponseReturnValue:
    """The worker asks the server: this process opens no connection to any."""
    with acting() as act:
        server = _server(act.session, server_id)
        connection_checks.want(act, server)
    return redirect(url_for(".test", server_id=server_id))


@bp.post("/<int:server_id>/snapshot")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
@refused_on(".show")
def snapshot(server_id: int) -> ResponseReturnValue:
    with acting() as act:
        server = _server(act.session, server_id)
        service.want_snapshot(act, server)
    flash("A snapshot is being taken. Reload this page in a few seconds.")
    return redirect(url_for(".show", server_id=server_id))


@bp.post("/<int:server_id>/writes")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def writes(server_id: int) -> ResponseReturnValue:
    enabled = request.form.get("enabled") == "yes"
    with acting() as act:
        server = _server(act.session, server_id)
        service.enable_writes(act, server, enabled)
    flash(f"Automatic changes of this server are {'on' if enabled else 'off'}.")
    return redirect(url_for(".show", server_id=server_id))


@bp.post("/<int:server_id>/storage")
@allowed(Role.ADMINISTRATOR)
def storage(server_id: int) -> ResponseReturnValue:
    form = StorageForm()
    if not form.validate_on_submit():
        return _show(server_id, str(next(iter(form.errors.values()))[0]), 422)
    label = form.storage.data or ""
    try:
        with acting() as act:
            found = _server(act.session, server_id)
            service.set_storage(act, found, label)
    except BadInput as error:
        return _show(server_id, str(error), code_of(error))
    flash("Saved.")
    return redirect(url_for(".show", server_id=server_id))


@bp.get("/<int:server_id>/difference")
@allowed(Role.ADMINISTRATOR, Role.OFFICER, Role.AUDITOR)
def difference(server_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        server = _server(session, server_id)
        older, newer = queries.pair(
            session,
            server_id,
            request.args.get("from", type=number),
            request.args.get("to", type=number),
        )
        added, gone = queries.difference(session, older, newer)
        return render_template(
            "admin/snapshot_difference.html",
            server=server,
            older=older,
            newer=newer,
            added=added,
            gone=gone,
        )
