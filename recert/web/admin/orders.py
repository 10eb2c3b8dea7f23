"""Pages about changes of servers: list, plan and log, undo, retry, change list."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.changes import plans, queries, residual_access, service
from recert.changes import undo as undoing
from recert.changes.models import OrderState
from recert.changes.rules import RETRYABLE, UNDOABLE
from recert.connectors.csv_export import change_list
from recert.foundation.actor import Role
from recert.inventory.models import Server
from recert.web.access import acting, allowed, current_actor, database
from recert.web.admin.forms import TicketForm, UndoForm
from recert.web.converters import number
from recert.web.forms import ConfirmForm, checked, refused_on

bp = Blueprint("orders", __name__, url_prefix="/orders")
PAGE = 50


@bp.get("")
@allowed(Role.ADMINISTRATOR, Role.OFFICER, Role.AUDITOR)
def overview() -> ResponseReturnValue:
    before = request.args.get("before", type=number)
    with database().reading() as session:
        rows = queries.orders(session, before_id=before, size=PAGE + 1)
        return render_template(
            "admin/orders.html",
            rows=rows[:PAGE],
            more=len(rows) > PAGE,
            waiting=() if before else undoing.waiting(session),
        )


@bp.get("/<int:order_id>")
@allowed(Role.ADMINISTRATOR, Role.OFFICER, Role.AUDITOR)
def show(order_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        order = service.order_by_id(session, order_id)
        asked = undoing.request_of(session, order_id)
        return render_template(
            "admin/order.html",
            order=order,
            server=session.get_one(Server, order.server_id),
            steps=queries.steps(session, order_id),
            elsewhere=residual_access.open_elsewhere(session, order)
            if order.state is OrderState.VERIFIED
            else [],
            undone_by=queries.undo_of(session, order_id),
            asked=asked,
            may_agree=asked and undoing.may_agree(session, order, current_actor()),
            may_have_ticket=order.state not in service.OVER,
            can_undo=order.state in UNDOABLE and order.plan is not None,
            can_retry=order.state in RETRYABLE,
            can_approve=order.state is OrderState.NEEDS_APPROVAL,
            form=ConfirmForm(),
        )


@bp.post("/<int:order_id>/undo")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
@refused_on(".show")
def ask_undo(order_id: int) -> ResponseReturnValue:
    form = UndoForm()
    checked(form)
    with acting() as act:
        order = service.order_by_id(act.session, order_id)
        undoing.ask(act, order, form.reason.data)
    flash("Undo requested. A second person finds the request at the top of the list of changes.")
    return redirect(url_for(".show", order_id=order_id))


@bp.post("/<int:order_id>/ticket")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
@refused_on(".show")
def ticket(order_id: int) -> ResponseReturnValue:
    form = TicketForm()
    checked(form)
    with acting() as act:
        order = service.order_by_id(act.session, order_id)
        service.set_ticket(act, order, form.ticket.data)
    flash("The ticket is saved. The change closes when the next snapshot confirms it.")
    return redirect(url_for(".show", order_id=order_id))


@bp.post("/<int:order_id>/undo/approve")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
@refused_on(".show")
def undo(order_id: int) -> ResponseReturnValue:
    with acting() as act:
        order = service.order_by_id(act.session, order_id)
        made_id = undoing.approve(act, order).id
    flash("The undo is approved. It is verified like every change.")
    return redirect(url_for(".show", order_id=made_id))


@bp.post("/<int:order_id>/approve")
@allowed(Role.ADMINISTRATOR, Role.OFFICER)
@refused_on(".show")
def approve(order_id: int) -> ResponseReturnValue:
    with acting() as act:
        order = service.order_by_id(act.session, order_id)
        service.approve(act, order)
    flash("The change is approved and will be applied.")
    return redirect(url_for(".show", order_id=order_id))


@bp.post("/<int:order_id>/retry")
@allowed(Role.ADMINISTRATOR)
@refused_on(".show")
def retry(order_id: int) -> ResponseReturnValue:
    with acting() as act:
        order = service.order_by_id(act.session, order_id)
        service.retry(act, order)
    flash("The change is queued again.")
    return redirect(url_for(".show", order_id=order_id))


@bp.get("/changes/<int:server_id>.csv")
@allowed(Role.ADMINISTRATOR)
def changes(server_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        rows = queries.orders(
            session, server_id=server_id, states=[OrderState.MANUAL], size=100_000
        )
        tasks = plans.by_hand(session, [row.Order for row in rows])
    answer = Response(change_list(tasks), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="changes-{server_id}.csv"'
    return answer
