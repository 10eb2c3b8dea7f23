"""The messages of a campaign, shown before its launch."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from recert.campaigns.mailing import Letterhead
from recert.campaigns.models import CampaignState
from recert.campaigns.notifications import preview
from recert.campaigns.setup.launch import campaign_by_id
from recert.campaigns.states import StepRefused
from recert.foundation import clock
from recert.foundation.actor import Role
from recert.web.access import SHOWS_MAILS, allowed, current_actor, database, settings
from recert.web.forms import refused_on

bp = Blueprint("mail_preview", __name__, url_prefix="/campaigns")


@bp.post("/<int:campaign_id>/messages")
@allowed(Role.OFFICER)
@refused_on("campaigns.board")
def show(campaign_id: int) -> ResponseReturnValue:
    """A POST, because it costs as much as a launch; what it writes is taken back."""
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
    if campaign.state is not CampaignState.DRAFT:
        raise StepRefused("Emails can be previewed only before the launch.")
    head = Letterhead.of(settings())
    found = preview.samples(database(), campaign_id, head, actor=current_actor(), now=clock.now())
    html = render_template("officer/mail_preview.html", campaign=campaign, samples=found)
    return html, {"Content-Security-Policy": SHOWS_MAILS}
