"""The fulfilment target: takes change items, one a call."""

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from recert.api.access import acting, database, for_token
from recert.api.errors import json_blueprint
from recert.inventory.service import server_by_name
from recert.lifecycle import fulfilment
from recert.lifecycle.change_items import ItemInvalid
from recert.people.models import TokenScope

bp = json_blueprint("identity_governance_fulfilment", __name__)
PATH = "/api/v1/identity-governance/servers/<server>/fulfilment"


@bp.get(PATH)
@for_token(TokenScope.CHANGE_ACCESS)
def test_connection(server: str) -> ResponseReturnValue:
    """What the suite's connection test asks for."""
    with database().reading() as session:
        return jsonify(status="ok", server=server_by_name(session, server).name)


@bp.post(PATH)
@for_token(TokenScope.CHANGE_ACCESS)
def fulfil(server: str) -> ResponseReturnValue:
    """200 when the orders are written down; 400 with the reason when the item is refused, and the
    suite sends it again. 409 when its number stood for something else."""
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:  # nested without end
        body = None
    if body is None:
        raise ItemInvalid("The body is not JSON.")
    with acting() as act:
        answer = fulfilment.fulfil(act, server_by_name(act.session, server), body)
    code = 400 if answer.refused else 200
    return jsonify(fulfillmentId=answer.fulfilment_id, comment=answer.comment), code
