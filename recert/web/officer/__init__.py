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
    reviewer_quality,
    schedules,
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
    comments,
    challenges,
    ownership_disputes,
    keep_confirmation,
)
PAGES = (*CAMPAIGNS, approvals)
