"""The number of the ticket under which a person makes a change that Recert cannot make itself."""

from recert.changes.models import Order, OrderState
from recert.changes.service import log, note
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput, RefusedByPolicy
from recert.trail.act import Act
from recert.trail.actions import Action

LONGEST = 200
OVER = (OrderState.VERIFIED, OrderState.CANCELLED)


class TicketRefused(RefusedByPolicy):
    """This change is over. Its ticket stays as it is."""


def set_ticket(act: Act, order: Order, text: str) -> None:
    """Notes the ticket of a change. It proves nothing: only the next reading closes the change."""
    act.actor.require(Role.ADMINISTRATOR, Role.OFFICER)
    ticket = text.strip()
    if not ticket or len(ticket) > LONGEST or not ticket.isprintable():
        raise BadInput(f"Enter the ticket in one line of at most {LONGEST} characters.")
    if order.state in OVER:
        raise TicketRefused
    details = {"ticket": ticket, "before": order.ticket}
    order.ticket = ticket
    log(act.session, order, f"Ticket {ticket}, noted by {act.actor.name}.", now=act.now)
    note(act, Action.ORDER_TICKET, order, details)
