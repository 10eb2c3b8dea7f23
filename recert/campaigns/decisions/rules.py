"""Rules of decisions, pure: what an answer may be, and who may give it."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from recert.campaigns import states
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, Subject
from recert.campaigns.setup.subjects.registry import kind_of
from recert.connectors.rights import Rights
from recert.foundation.actor import Actor
from recert.foundation.errors import BadInput, MovedMeanwhile, NotAllowed, RefusedByPolicy

MAX_REASON = 1000
LONGEST_KEEP = timedelta(days=731)
ANSWERS_OF_PEOPLE = (Answer.KEEP, Answer.REDUCE, Answer.REVOKE, Answer.NOT_MINE)


class NotYours(NotAllowed):
    """This question was not asked of you, or it went to somebody else in the meantime."""


class OwnAccess(NotAllowed):
    """This is your own access. Somebody else must answer for it: choose "not mine"."""


class MayBeOwnAccess(NotAllowed):
    """You hold a login of the same name, so this may be your own access. Choose "not mine", or ask
    an officer to state whose account it is."""


class TooLate(RefusedByPolicy):
    """This question can no longer be answered, because its review is over or the answer is
    final. Ask the compliance officer if something must change."""


class NeedsSignIn(RefusedByPolicy):
    """This access is too important to be answered from a mail: its review asks for a sign-in.
    Sign in and answer it there."""


class AnsweredMeanwhile(MovedMeanwhile):
    """This question was answered or changed since you opened the page. Nothing was changed: look
    at it again and answer it then."""


@dataclass(frozen=True)
class Reply:
    """A reviewer's answer. `version` and `content_hash` name what they saw."""

    answer: Answer
    rights: Rights | None = None  # what remains, for reduce
    reason: str = ""
    until: datetime | None = None  # a keep that ends by itself
    successor: str = ""  # with "not mine": the mail address of who answers for it instead
    version: int | None = None
    content_hash: int | None = None


def check_reply(reply: Reply, granted: int, *, now: datetime) -> None:
    """Raises BadInput when the answer makes no sense for these rights."""
    if reply.until and reply.answer is not Answer.KEEP:
        raise BadInput("Only access that is kept can end on a date.")
    if reply.until and not now < reply.until <= now + LONGEST_KEEP:
        raise BadInput("The date on which it ends must lie in the next two years.")
    if reply.answer not in ANSWERS_OF_PEOPLE:
        raise BadInput("Answer keep, reduce, revoke or not mine.")
    if len(reply.reason) > MAX_REASON:
        raise BadInput(f"The reason is longer than {MAX_REASON} characters.")
    if not all(map(_may_stand_in_a_reason, reply.reason)):
        raise BadInput("The reason contains control characters.")
    if reply.answer is Answer.NOT_MINE and not reply.reason.strip():
        raise BadInput(
            "Say in a few words why the question is not yours, so that it finds its way."
        )
    if reply.answer is not Answer.REDUCE:
        return
    if not reply.rights:
        raise BadInput("Choose at least one right that remains, or remove the access.")
    if int(reply.rights) & ~granted:
        raise BadInput("Only rights that the account has now can remain.")
    if int(reply.rights) == granted:
        raise BadInput("These are all the rights it has now: choose keep, or leave some out.")


def check_subject(reply: Reply, about: Subject, *, has_purpose: bool) -> None:
    """Raises BadInput for an answer that makes no sense for what is asked about."""
    kind = kind_of(about)
    if reply.answer is Answer.REDUCE and not kind.can_reduce:
        raise BadInput("Only rights in a folder can be reduced. Keep or remove it.")
    if reply.answer is Answer.REVOKE and not kind.can_remove:
        raise BadInput("Ownership is passed on, not removed: say who answers for it instead.")
    if reply.until and not kind.can_end:
        raise BadInput("Ownership has no last day. Pass it on when it ends.")
    has_purpose = has_purpose or bool(reply.reason.strip())
    if kind.needs_purpose and reply.answer is Answer.KEEP and not has_purpose:
        raise BadInput("Say what the account is for: nobody has written it down yet.")
    if reply.successor and not kind.names_successor:
        raise BadInput("Say in the reason who may know better; the question goes up the chain.")


def check_reason(reply: Reply, red: str) -> None:
    """Raises BadInput for a keep without a reason where a red sign stands against it."""
    if red and reply.answer is Answer.KEEP and not reply.reason.strip():
        raise BadInput(f"{red} Say why the access shall stay all the same.")


def _may_stand_in_a_reason(character: str) -> bool:
    """Text programs write non-breaking blanks; they are no control characters."""
    blank = unicodedata.category(character) == "Zs"
    return blank or character.isprintable() or character in "\r\n\t"


def check_may_answer(
    item: Item, campaign: Campaign, holder_id: int | None, answer: Answer, actor: Actor
) -> None:
    """Raises NotYours, OwnAccess or TooLate. One's own access can only be passed on."""
    if actor.person_id is None or item.reviewer_id != actor.person_id:
        raise NotYours
    if holder_id is not None and holder_id == actor.person_id and answer is not Answer.NOT_MINE:
        raise OwnAccess
    if campaign.state is not CampaignState.ACTIVE or item.state not in states.ANSWERABLE:
        raise TooLate


def check_unchanged(item: Item, reply: Reply) -> None:
    """Raises AnsweredMeanwhile when the reviewer looked at something older."""
    if reply.version is not None and reply.version != item.version:
        raise AnsweredMeanwhile
    if reply.content_hash is not None and reply.content_hash != item.content_hash:
        raise AnsweredMeanwhile
