"""Questions about items: the reviewer asks, an officer answers."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import DataRequired

from recert.campaigns.models import Item
from recert.campaigns.reviewing import comments
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.transitions import NoSuchItem
from recert.foundation.actor import Role
from recert.web.access import acting, allowed, database, person_id
from recert.web.forms import at_most, checked, refused_on

bp = Blueprint("comments", __name__)


class MessageForm(FlaskForm):
    text = TextAreaField(
        validators=[
            DataRequired("Enter a text."),
            at_most(2000, "text"),
        ]
    )


def _folder_of(item_id: int) -> tuple[str, dict[str, Any]]:
    """The page on which the reviewer sees an item."""
    with database().reading() as session:
        item = session.get(Item, item_id)
        if item is None:
            raise NoSuchItem
        values = {"campaign_id": item.campaign_id, "folder_id": item.folder_id}
        return "reviews.listed" if item.folder_id is None else "reviews.folder", values


def _campaign_of(item_id: int) -> tuple[str, dict[str, Any]]:
    """The page on which officers answer questions about an item."""
    return ".waiting", _folder_of(item_id)[1]


def _text() -> str:
    form = MessageForm()
    checked(form)
    return str(form.text.data)


@bp.post("/reviews/items/<int:item_id>/question")
@allowed()
@refused_on(_folder_of)
def ask(item_id: int) -> ResponseReturnValue:
    text = _text()
    with acting() as act:
        item = act.session.get(Item, item_id)
        if item is None or item.reviewer_id != person_id():
            raise NoSuchItem
        comments.ask(act, item, text)
        campaign_id, folder_id = item.campaign_id, item.folder_id
    flash("Your question was sent to the compliance officers. The answer will appear here.")
    place: dict[str, Any] = {"after": request.args.get("after", type=int)}
    place["_anchor"] = f"item-{item_id}"
    if folder_id is None:
        return redirect(url_for("reviews.listed", campaign_id=campaign_id, **place))
    where = url_for("reviews.folder", campaign_id=campaign_id, folder_id=folder_id, **place)
    return redirect(where)


@bp.get("/campaigns/<int:campaign_id>/questions")
@allowed(Role.OFFICER)
def waiting(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        rows = comments.waiting(session, campaign_id)
        return render_template(
            "officer/comments.html",
            campaign=campaign,
            rows=rows,
            conversations=comments.messages_of(session, [row.item_id for row in rows]),
        )


@bp.post("/campaigns/items/<int:item_id>/answer")
@allowed(Role.OFFICER)
@refused_on(_campaign_of)
def answer(item_id: int) -> ResponseReturnValue:
    text = _text()
    with acting() as act:
        item = act.session.get(Item, item_id)
        if item is None:
            raise NoSuchItem
        comments.answer(act, item, text)
        campaign_id = item.campaign_id
    flash("Answer sent.")
    return redirect(url_for(".waiting", campaign_id=campaign_id))
