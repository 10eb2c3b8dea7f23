"""Use cases of decisions. Web, mail and command line call the same ones."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, or_, select, tuple_, update
from sqlalchemy.orm import Session

from recert.campaigns import progress, risk, states, transitions
from recert.campaigns.decisions import left_out, rules
from recert.campaigns.decisions.context import (
    context_column,
    decision_context,
    open_elsewhere,
    with_facts,
)
from recert.campaigns.decisions.models import Decision, DecisionContent, insert_decisions
from recert.campaigns.decisions.rules import Reply
from recert.campaigns.models import Answer, Campaign, CampaignState, Item, ItemState
from recert.campaigns.policy import Policy
from recert.campaigns.reviewer_record import Watch
from recert.campaigns.reviewing import ownership_disputes, reassignment, self_assignment
from recert.campaigns.setup import routing
from recert.campaigns.setup.stages import Stages
from recert.campaigns.setup.subjects.registry import kind_of
from recert.connectors import rights
from recert.foundation import secrets
from recert.foundation.actor import BY_MAIL, Actor
from recert.foundation.errors import BadInput
from recert.foundation.statements import run
from recert.inventory.models import Account
from recert.inventory.owners import purpose_of
from recert.people.queries import IS_ACTIVE, is_active
from recert.trail.act import Act
from recert.trail.actions import Action

TYPE_COUNT_ABOVE = 50
# Built once: they are needed for each answer.
_HELD_ITEM = (
    select(Item)
    .where(Item.id == bindparam("item"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
# What speaks against an answer of this person, in one statement.
_STANDING = (
    select(
        Account.person_id.label("holder"),
        self_assignment.waits_for_agreement().label("waits"),
        reassignment.is_candidate(bindparam("person")).label("may_be_own"),
        IS_ACTIVE.scalar_subquery().label("still_here"),
    )
    .select_from(Item)
    .outerjoin(Account, Account.id == Item.account_id)
    .where(Item.id == bindparam("item"))
)


@dataclass(frozen=True)
class BatchResult:
    """What a bulk answer did."""

    batch: str
    decided: int
    skipped: int
    changed: tuple[str, ...] = ()  # what was skipped, as far as it is still the reviewer's


def record(act: Act, item_id: int, reply: Reply) -> Decision:
    """Records one decision, whether by page, mail link, reply or command. The caller commits."""
    campaign, item = _held(act.session, item_id)
    standing = run(act.session, _STANDING, {"item": item.id, "person": act.actor.person_id}).one()
    rules.check_may_answer(item, campaign, standing.holder, reply.answer, act.actor)
    if not standing.still_here:
        raise rules.NotYours
    if reply.answer is not Answer.NOT_MINE:
        if standing.waits:
            raise self_assignment.NeedsAgreement
        if standing.may_be_own:
            raise rules.MayBeOwnAccess
    if act.actor.channel in BY_MAIL and not may_be_mailed(
        act.session, campaign, item.id, now=act.now
    ):
        raise rules.NeedsSignIn
    rules.check_unchanged(item, reply)
    rules.check_reply(reply, item.rights, now=act.now)
    purpose = (
        purpose_of(act.session, item.account_id) if kind_of(campaign.about).needs_purpose else ""
    )
    rules.check_subject(reply, campaign.about, has_purpose=bool(purpose))
    context = decision_context(act.session, item.id, campaign.about, act.now)
    rules.check_reason(reply, context.red)
    content = DecisionContent(
        reply.answer,
        _remaining(reply, item.rights),
        reply.reason.strip(),
        keep_until=reply.until,
        on_behalf_of=item.from_id,
        context=context.text,
        session=act.actor.session,
        late=is_late(campaign, item.stage, act.now),
    )
    decision = Decision.by(act, item, content)
    passed_on = [item.id] if reply.answer is Answer.NOT_MINE else []
    watch = Watch(act.session, campaign.id, passed_on) if passed_on else None
    _move(act.session, item, decision, reply.successor, act.now)
    details = details_of(decision)
    if watch:
        details["moved"] = watch.moved()
    if reply.successor and reply.answer is Answer.NOT_MINE:
        details["successor"] = reply.successor
    act.record(Action.DECISION_RECORDED, item.ref, details)
    if (
        reply.answer is Answer.NOT_MINE
        and not reply.successor
        and not _own(standing.holder, act.actor)
    ):
        ownership_disputes.note(act, item, reply.reason)
    return decision


def _own(holder_id: int | None, actor: Actor) -> bool:
    """One's own access is passed on because of that, not because the folder is somebody else's."""
    return holder_id is not None and holder_id == actor.person_id


def _check_still_here(session: Session, actor: Actor) -> None:
    """Raises NotYours for somebody who left since they opened the page."""
    if actor.person_id is None or not is_active(session, actor.person_id):
        raise rules.NotYours


def may_be_mailed(session: Session, campaign: Campaign, item_id: int, *, now: datetime) -> bool:
    """Whether the campaign lets this question be answered from a mail."""
    return item_id in mailable(session, campaign, [item_id], now=now)


def mailable(
    session: Session, campaign: Campaign, item_ids: Sequence[int], *, now: datetime
) -> set[int]:
    """Those of some questions that the campaign lets be answered from a mail."""
    policy = Policy.of(campaign.policy)
    risks = risk.risks_of(session, item_ids, now)
    return {item_id for item_id, risk in risks.items() if policy.by_mail(risk)}


def _held(session: Session, item_id: int) -> tuple[Campaign, Item]:
    """The campaign and then the item, as they are now and until this transaction ends: what was
    loaded before somebody else's answer came through must not be trusted."""
    campaign = transitions.hold_of(session, item_id)
    return campaign, session.scalars(_HELD_ITEM, {"item": item_id}).one()


def _move(session: Session, item: Item, decision: Decision, successor: str, now: datetime) -> None:
    reviewer_id = item.reviewer_id
    if decision.answer is Answer.NOT_MINE:
        if item.state is ItemState.DECIDED:
            transitions.take_step(session, item, ItemState.OPEN, **transitions.UNANSWERED)
        session.execute(update(Item).where(Item.id == item.id).values(version=decision.version))
        session.refresh(item)
        if successor:
            reassignment.name_successor(session, item, successor)
        else:
            reassignment.pass_on(session, item)
        progress.recount_folders(session, item.campaign_id, item.folder_id)
        return
    transitions.take_step_of_held(
        session,
        item,
        ItemState.DECIDED,
        answer=decision.answer,
        answer_rights=decision.answer_rights,
        version=decision.version,
        decided_at=now,
        keep_until=decision.keep_until,
    )
    progress.recount_reviewers(session, item.campaign_id, reviewer_id)
    progress.recount_folders(session, item.campaign_id, item.folder_id)


def _remaining(reply: Reply, granted: int) -> int | None:
    if reply.answer is Answer.NOT_MINE:
        return None
    if reply.answer is Answer.KEEP:
        return granted
    return int(reply.rights or 0) if reply.answer is Answer.REDUCE else 0


def details_of(decision: Decision) -> dict[str, object]:
    """The trail details of a decision."""
    return {
        "answer": decision.answer.value,
        "version": decision.version,
        "rights_seen": rights.names(decision.rights),
        "rights_after": None
        if decision.answer_rights is None
        else rights.names(decision.answer_rights),
        "reason": decision.reason,
        "content_hash": decision.content_hash,
        **({"keep_until": decision.keep_until.isoformat()} if decision.keep_until else {}),
        **({"on_behalf_of": decision.on_behalf_of} if decision.on_behalf_of else {}),
        **where_and_when(decision.session, late=decision.late),
    }


def is_late(campaign: Campaign, stage: int, now: datetime) -> bool:
    """Whether the time of a stage is over; that of the last one ends with the campaign's."""
    return now > Stages.of(campaign.stages).ends(stage, campaign.due_at)


def where_and_when(session_number: str, *, late: bool) -> dict[str, object]:
    """In which session it was answered, and that it was late, as far as there is something."""
    return ({"session": session_number} if session_number else {}) | ({"late": 1} if late else {})


def record_many(
    act: Act,
    campaign: Campaign,
    folder_id: int | None,
    ticked: Mapping[int, int] | None,
    reply: Reply,
) -> BatchResult:
    """One answer for several open items of one folder, or of the whole campaign where it is not
    about folders: one transaction, set statements, one trail entry that names them all. `ticked`
    are items with the content hash that the reviewer saw; None means all open ones but those that
    were asked again, which are answered one by one. What is no longer open, was changed since or
    is not the actor's is skipped and counted."""
    if reply.answer not in (Answer.KEEP, Answer.REVOKE):
        raise BadInput("Several items together can only be kept or removed.")
    if not reply.reason.strip():
        raise BadInput("Give a reason when you answer several items together.")
    rules.check_reply(reply, 0, now=act.now)
    rules.check_subject(reply, campaign.about, has_purpose=False)
    if (folder_id is None) is kind_of(campaign.about).is_by_folder:
        raise BadInput("Answer the lines of one folder together.")
    _check_still_here(act.session, act.actor)
    if ticked is not None and not ticked:
        raise BadInput("Choose at least one line.")
    if transitions.hold(act.session, campaign.id, alone=True).state is not CampaignState.ACTIVE:
        raise rules.TooLate
    own = select(Account.id).where(
        or_(Account.person_id == act.actor.person_id, routing.is_candidate(act.actor.person_id))
    )
    where = [
        Item.campaign_id == campaign.id,
        Item.reviewer_id == act.actor.person_id,
        Item.folder_id == folder_id if folder_id is not None else Item.folder_id.is_(None),
        Item.state == ItemState.OPEN,
        or_(Item.account_id.is_(None), Item.account_id.not_in(own)),
        ~self_assignment.waits_for_agreement(),
    ]
    if ticked is None:
        where.append(or_(Item.outcome == "", Item.stage > 1))  # later stages say who was before
    else:
        where.append(tuple_(Item.id, Item.content_hash).in_(list(ticked.items())))
    chosen = act.session.scalars(
        select(Item.id).where(*where).order_by(Item.id).with_for_update()
    ).all()
    batch = secrets.new_number()
    for late, stages in _by_lateness(act.session, campaign, chosen, act.now).items():
        here = [*where, Item.stage.in_(stages)]
        mine = act.session.scalars(select(Item.id).where(*here).order_by(Item.id)).all()
        number = f"{batch}-late" if late else batch
        _record_set(act, campaign, here, mine, number, reply, late)
    if chosen:
        progress.recount_folders(act.session, campaign.id, folder_id)
    asked = len(ticked) if ticked is not None else len(chosen)
    left = sorted(set(ticked or ()) - set(chosen))
    names = left_out.names(act.session, campaign.id, left, ticked or {}, act.actor)
    return BatchResult(batch, len(chosen), asked - len(chosen), names)


def _by_lateness(
    session: Session, campaign: Campaign, chosen: Sequence[int], now: datetime
) -> dict[bool, list[int]]:
    """The stages at which the chosen items are, those whose time is over apart."""
    query = select(Item.stage).where(Item.id.in_(chosen)).distinct() if chosen else None
    found: dict[bool, list[int]] = {}
    for stage in session.scalars(query) if query is not None else ():
        found.setdefault(is_late(campaign, stage, now), []).append(stage)
    return found


def _record_set(
    act: Act,
    campaign: Campaign,
    where: Sequence[ColumnElement[bool]],
    chosen: Sequence[int],
    batch: str,
    reply: Reply,
    late: bool,
) -> None:
    rights_left = Item.rights if reply.answer is Answer.KEEP else 0
    content = DecisionContent(
        reply.answer,
        rights_left,
        reply.reason.strip(),
        keep_until=reply.until,
        on_behalf_of=Item.from_id,
        context=context_column(act.session, act.now),
        session=act.actor.session,
        late=late,
    )
    insert_decisions(act, batch, content, *where, join=with_facts)
    in_batch = select(Decision.item_id).where(Decision.batch == batch)
    transitions.move_items(
        act.session,
        Item.id.in_(in_batch),
        sources=states.ANSWERABLE,
        new=ItemState.DECIDED,
        answer=reply.answer,
        answer_rights=rights_left,
        version=Item.version + 1,
        decided_at=act.now,
        keep_until=reply.until,
    )
    progress.recount_reviewers(act.session, campaign.id, act.actor.person_id)
    ids = ",".join(str(item_id) for item_id in chosen)
    details: dict[str, object] = {
        "answer": reply.answer.value,
        "reason": reply.reason.strip(),
        "batch": batch,
        "items": list(chosen),
        "digest": hashlib.sha256(ids.encode()).hexdigest(),
        **({"keep_until": reply.until.isoformat()} if reply.until else {}),
        **where_and_when(act.actor.session, late=late),
    }
    if elsewhere := open_elsewhere(act.session, chosen):
        details["also_open"] = elsewhere
    subject = f"campaign:{campaign.id}"
    act.record(Action.DECISIONS_RECORDED, subject, details)
