"""The page of keeps that a second person must confirm."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, StringField
from wtforms.validators import DataRequired, InputRequired

from recert.campaigns.completion import keep_confirmation
from recert.campaigns.setup.launch import campaign_by_id
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.web.access import acting, allowed, database
from recert.web.forms import REASON_LENGTH, checked, refused_on

bp = Blueprint("keep_confirmation", __name__, url_prefix="/campaigns")


class JudgeForm(FlaskForm):
    """A second person confirms one keep, or has it asked again."""

    choice = RadioField(
        choices=["confirm", "again"],
        validators=[InputRequired("Choose a button.")],
        name="word",
    )
    version = IntegerField(validators=[InputRequired("Reload the page and try again.")])
    reason = StringField("Reason", [DataRequired("Say why."), REASON_LENGTH])


@bp.get("/<int:campaign_id>/to-confirm")
@allowed(Role.OFFICER)
def waiting(campaign_id: int) -> ResponseReturnValue:
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        rows = keep_confirmation.waiting(session, campaign, now=clock.now())
        return render_template(
            "officer/keep_confirmation.html",
            campaign=campaign,
            rows=rows,
            reasons=keep_confirmation.reasons(session, [row.id for row in rows]),
            form=JudgeForm(formdata=None),
        )


@bp.post("/<int:campaign_id>/to-confirm/<int:item_id>")
@allowed(Role.OFFICER)
@refused_on(".waiting")
def judge(campaign_id: int, item_id: int) -> ResponseReturnValue:
    form = JudgeForm()
    checked(form)
    confirmed = form.choice.data == "confirm"
    with acting() as act:
        keep_confirmation.judge(
            act,
            item_id,
            confirmed=confirmed,
            reason=form.reason.data,
            version=form.version.data,
        )
    flash("The answer is confirmed." if confirmed else "The reviewer is asked again.")
    return redirect(url_for(".waiting", campaign_id=campaign_id))
