"""How reviewers answered, and the instruction that they are asked to read."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from recert.campaigns.decisions.reviewer_quality import PAUSE, quality
from recert.campaigns.reviewing import instructions, queries
from recert.campaigns.setup.launch import campaign_by_id
from recert.foundation.actor import Role
from recert.web.access import acting, allowed, database
from recert.web.converters import number
from recert.web.forms import checked, refused_on
from recert.web.officer.forms.actions import InstructionForm

bp = Blueprint("reviewer_quality", __name__, url_prefix="/campaigns")
REVIEWERS = 50


@bp.get("/<int:campaign_id>/quality")
@allowed(Role.OFFICER, Role.AUDITOR)
def show(campaign_id: int) -> ResponseReturnValue:
    start = request.args.get("start", 0, type=number)
    with database().reading() as session:
        campaign = campaign_by_id(session, campaign_id)
        rows, more = queries.progress_board(session, campaign_id, start=start, size=REVIEWERS)
        people = [row for row in rows if row.Progress.reviewer_id]
        numbers = [row.Progress.reviewer_id for row in people]
        return render_template(
            "officer/reviewer_quality.html",
            campaign=campaign,
            rows=people,
            how=quality(session, campaign_id, numbers),
            read=instructions.reads_of(session, numbers),
            pause=PAUSE,
            start=start + len(rows) if more else None,
        )


@bp.get("/instruction")
@allowed(Role.OFFICER)
def instruction() -> ResponseReturnValue:
    with database().reading() as session:
        found = instructions.newest(session)
        form = InstructionForm(formdata=None, text=found.text if found else "")
        return render_template("officer/instruction.html", found=found, form=form)


@bp.post("/instruction")
@allowed(Role.OFFICER)
@refused_on(".instruction")
def write_instruction() -> ResponseReturnValue:
    form = InstructionForm()
    checked(form)
    with acting() as act:
        made = instructions.write(act, form.text.data)
    flash(f"Version {made.version} is published. Reviewers are asked to read it.")
    return redirect(url_for(".instruction"))
