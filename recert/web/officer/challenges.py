"""Objections that an officer settles after the close."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.campaigns.completion import challenge_outcomes, challenges
from recert.campaigns.models import Item
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Role
from recert.web.access import acting, allowed, database
from recert.web.forms import refused_on

bp = Blueprint("officer_challenges", __name__)


def _page_of(item_id: int) -> tuple[str, dict[str, Any]]:
    """The page on which an item's objection is settled."""
    with database().reading() as session:
        item = session.get(Item, item_id)
        return ".waiting", {"campaign_id": item.campaign_id if item else 0}


@bp.get("/campaigns/<int:campaign_id>/objections")
@allowed(Role.OFFICER)
def waiting(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        rows = challenges.to_settle(session, campaign_id)
        return render_template("officer/challenges.html", campaign=campaign, rows=rows)


@bp.post("/campaigns/items/<int:item_id>/objection")
@allowed(Role.OFFICER)
@refused_on(_page_of)
def settle(item_id: int) -> ResponseReturnValue:
    keep, reason = request.form.get("keep") == "yes", request.form.get("reason", "")
    with acting() as act:
        item = act.session.get(Item, item_id)
        if item is None:
            raise NoSuchItem
        challenge_outcomes.settle(act, item_id, keep=keep, reason=reason)
        campaign_id = item.campaign_id
    flash("The access is kept." if keep else "The access will be removed.")
    return redirect(url_for(".waiting", campaign_id=campaign_id))
