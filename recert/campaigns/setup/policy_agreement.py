"""A policy that protects less than the installation's usual one: whoever drafted it cannot launch
with it before another officer agreed."""

from datetime import datetime

from sqlalchemy.orm import Session

from recert.campaigns.models import Campaign
from recert.campaigns.policy import Policy
from recert.campaigns.states import LaunchRefused
from recert.foundation.actor import Role
from recert.foundation.errors import BadInput
from recert.foundation.separation import Step
from recert.people import separation
from recert.trail.act import Act
from recert.trail.actions import Action

USUAL = Policy()
MOST_TEXT = 1000


def weaker(policy: Policy, undo_minutes: int, usual_undo_minutes: int) -> list[str]:
    """The rules that protect less than usual, as texts."""
    found = policy.weaker_than(USUAL)
    if undo_minutes < usual_undo_minutes:
        found.append(f"{undo_minutes} minutes to change an answer instead of {usual_undo_minutes}")
    return found


def agree(act: Act, ref: str, rules: list[str], reason: str) -> None:
    """Another officer agrees to the weaker rules of a campaign or a schedule."""
    act.actor.require(Role.OFFICER)
    if not rules:
        raise BadInput("Its rules are not weaker than usual: nobody needs to agree.")
    if not 0 < len(reason.strip()) <= MOST_TEXT:
        raise BadInput(f"Say why, in at most {MOST_TEXT} characters.")
    separation.check_and_note(act, Step.AGREED_POLICY, ref)
    details = {"rules": rules, "reason": reason.strip()}
    act.record(Action.POLICY_AGREED, ref, details)


def is_agreed(session: Session, ref: str) -> bool:
    """Whether another officer has agreed."""
    return any(step is Step.AGREED_POLICY for step, _ in separation.steps_about(session, ref))


def check(session: Session, ref: str, rules: list[str]) -> None:
    """Raises LaunchRefused when rules are weaker and nobody has agreed."""
    if rules and not is_agreed(session, ref):
        raise LaunchRefused(
            f"Its rules protect less than usual ({'; '.join(rules)}). Another officer must agree "
            "first: on this page, or with `recert --as EMAIL campaign agree-policy`."
        )


def hand_on(session: Session, schedule_ref: str, campaign: Campaign, *, now: datetime) -> None:
    """What was agreed for a schedule counts for the campaigns that it launches."""
    for step, party in separation.steps_about(session, schedule_ref):
        if step is Step.AGREED_POLICY:
            separation.note_party(session, campaign.ref, step, party, now=now)
