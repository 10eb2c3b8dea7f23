"""Pages of compliance officers: campaigns, approvals, exclusions, schedules."""

from recert.web.officer import (
    approvals,
    board,
    campaigns,
    challenges,
    comments,
    conduct,
    drafts,
    exclusions,
    items,
    keep_confirmation,
    mail_preview,
    ownership_disputes,
    schedules,
)
from recert.web.officer.reviewers import (
    delegations,
    reviewer_quality,
    self_assignments,
    view_as_reviewer,
)

CAMPAIGNS = (
    campaigns,
    drafts,
    items,
    board,
    conduct,
    view_as_reviewer,
    reviewer_quality,
    mail_preview,
    schedules,
    exclusions,
    delegations,
    self_assignments,
    comments,
    challenges,
    ownership_disputes,
    keep_confirmation,
)
PAGES = (*CAMPAIGNS, approvals)
