"""The actions that the audit trail records."""

from enum import StrEnum


class Action(StrEnum):
    """One kind of entry. A recorded value never changes: databases, packages and the verifier hold
    it, so some values keep names of an earlier version."""

    # Snapshots and servers.
    SERVER_ADDED = "server.added"
    SERVER_STORAGE_SET = "server.storage_set"
    SERVER_WRITES_ENABLED = "server.writes_enabled"
    SERVER_WRITES_DISABLED = "server.writes_disabled"
    CONNECTION_ASKED = "connection.asked"
    CONNECTION_CHECKED = "connection.checked"
    SNAPSHOT_WANTED = "snapshot.wanted"
    SNAPSHOT_TAKEN = "snapshot.taken"
    RECORDING_EXPORTED = "recording.exported"
    RECORDING_REMOVED = "recording.removed"
    EMERGENCY_ACCOUNT_MARKED = "emergency_account.marked"
    EMERGENCY_ACCOUNT_USED = "emergency_account.used"
    EMERGENCY_ACCOUNT_ENDED = "emergency_account.ended"
    ACTIVITY_LOADED = "activity.loaded"

    # People, their accounts, and who owns what.
    PEOPLE_IMPORTED = "people.imported"
    PERSON_LEFT = "person.left"
    PEOPLE_SOURCE_SAVED = "people_source.saved"
    PEOPLE_SOURCE_REMOVED = "people_source.removed"
    PEOPLE_SOURCE_RUN_ASKED = "people_source.run_asked"
    PEOPLE_SOURCE_LOOKED_AT = "people_source.looked_at"
    PEOPLE_SOURCE_HELD = "people_source.held"
    PEOPLE_SOURCE_CONFIRMED = "people_source.confirmed"
    TRAININGS_IMPORTED = "trainings.imported"
    ACCOUNTS_JOINED = "accounts.joined"
    OWNERS_IMPORTED = "owners.imported"
    OWNER_CHANGED = "owner.changed"
    OWNERSHIP_DOUBTED = "ownership.doubted"
    OWNERSHIP_SETTLED = "ownership.settled"
    SELF_ASSIGNMENT_AGREED = "self_assignment.agreed"
    SEPARATION_ONE_PERSON = "separation.one_person"
    SEPARATION_RULE_CHANGED = "separation.rule_changed"

    # Users of Recert.
    USER_SAVED = "user.saved"
    USER_ENABLED = "user.enabled"
    USER_DISABLED = "user.disabled"
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105  # an action, no password
    USER_SIGNED_IN = "user.signed_in"
    USER_SIGN_IN_REFUSED = "user.sign_in_refused"

    PROVIDER_ADDED = "provider.added"
    PROVIDER_REMOVED = "provider.removed"

    # Programs that use the API, and what they ask for.
    TOKEN_ISSUED = "token.issued"  # noqa: S105  # an action, no token
    TOKEN_ROTATED = "token.rotated"  # noqa: S105  # an action, no token
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  # an action, no token
    ACCOUNT_DESCRIBED = "account.described"
    ACCOUNT_FORGOTTEN = "account.forgotten"
    FULFILMENT_ACCEPTED = "fulfilment.accepted"
    FULFILMENT_REFUSED = "fulfilment.refused"

    # A campaign, from its schedule to its end.
    SCHEDULE_ADDED = "schedule.added"
    SCHEDULE_OFF = "schedule.off"
    SCHEDULE_LAUNCHED = "schedule.launched"
    SCHEDULE_MISSED = "schedule.missed"
    SCHEDULE_REFUSED = "schedule.refused"
    EXCLUSION_ASKED = "exclusion.asked"
    EXCLUSION_APPROVED = "exclusion.approved"
    EXCLUSION_ENDED = "exclusion.ended"
    POLICY_AGREED = "policy.agreed"
    CAMPAIGN_DRAFTED = "campaign.drafted"
    CAMPAIGN_OLD_SNAPSHOTS_ALLOWED = "campaign.old_snapshots_allowed"
    CAMPAIGN_LAUNCHED = "campaign.launched"
    CAMPAIGN_REMINDED = "campaign.reminded"
    CAMPAIGN_EXTENDED = "campaign.extended"
    CAMPAIGN_CLOSE_ASKED = "campaign.close_asked"
    CAMPAIGN_CLOSED = "campaign.closed"
    NON_RESPONSE_DECIDED = "silence.decided"
    CAMPAIGN_HALTED = "campaign.halted"
    CAMPAIGN_RELEASED = "campaign.released"
    CAMPAIGN_SIGNED_OFF = "campaign.signed_off"
    CAMPAIGN_VOIDED = "campaign.voided"
    REMOVALS_ANNOUNCED = "removals.announced"

    # What starts a micro-campaign.
    CHANGES_ASKED_ABOUT = "changes.asked_about"
    ACCESS_CAME_BACK = "access.came_back"
    ACCESS_ASKED_AGAIN = "access.asked_again"

    # Who reviews.
    ITEM_REASSIGNED = "item.reassigned"
    ITEMS_REASSIGNED = "items.reassigned"
    ITEMS_REROUTED = "items.rerouted"
    ITEM_POSTPONED = "item.postponed"
    DELEGATION_MADE = "delegation.made"
    DELEGATION_ENDED = "delegation.ended"
    REVIEW_LOOKED_AT = "review.looked_at"
    INSTRUCTION_WRITTEN = "instruction.written"
    INSTRUCTION_READ = "instruction.read"

    # Items and decisions.
    ITEM_QUESTION = "item.question"
    ITEM_ANSWER = "item.answer"
    DECISION_RECORDED = "decision.recorded"
    DECISIONS_RECORDED = "decisions.recorded"
    KEEP_CONFIRMATION_DECIDED = "decision.second_word"
    DECISIONS_OWN_ACCESS_FOUND = "decisions.own_access_found"
    VOTES_COUNTED = "votes.counted"
    ITEMS_NEXT_STAGE = "items.next_stage"
    ITEMS_REFRESHED = "items.refreshed"
    ITEMS_FINAL = "items.final"
    REVIEW_FINISHED = "review.finished"
    ITEM_OBJECTED = "item.objected"
    ITEM_OBJECTION_SETTLED = "item.objection_settled"
    ITEM_SUPERSEDED = "item.superseded"
    ITEM_COUNTS_AGAIN = "item.counts_again"
    ITEM_FOLLOWED = "item.followed"
    ITEM_CONFIRMED = "item.confirmed"
    ITEM_ENDED = "item.ended"
    ITEM_TAKEN_ON = "item.taken_on"

    # Orders on servers.
    ORDER_WRITTEN = "order.written"
    ORDER_APPROVED = "order.approved"
    ORDER_RETRIED = "order.retried"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_TAKEN_UP = "order.taken_up"
    ORDER_HELD = "order.held"
    ORDER_WAITS = "order.waits"
    ORDER_APPLIED = "order.applied"
    ORDER_WIDER = "order.wider"
    ORDER_MANUAL = "order.manual"
    ORDER_TICKET = "order.ticket"
    ORDER_STOPPED = "order.stopped"
    ORDER_CHECKED = "order.checked"
    ORDER_UNDO_ASKED = "order.undo_asked"

    # Mail.
    MAIL_QUEUED = "mail.queued"
    MAIL_WITHDRAWN = "mail.withdrawn"
    MAIL_STOPPED = "mail.stopped"
    MAIL_BOUNCED = "mail.bounced"
    MAIL_REPLY_READ = "mail.reply"
    MAIL_BOUNCE_READ = "mail.bounce"
    MAIL_AUTOMATIC_READ = "mail.automatic"
    LINK_HELD = "link.held"
    ADDRESS_UNREACHABLE = "address.unreachable"
    ADDRESS_REACHED = "address.reached"

    # Evidence and audit.
    EVIDENCE_SEALED = "evidence.sealed"
    EVIDENCE_EXPORTED = "evidence.exported"
    AUDIT_SAMPLED = "audit.sampled"
    AUDIT_REMARKED = "audit.remarked"
    AUDIT_JUDGED = "audit.judged"
    RETENTION_SET = "retention.set"
    LEGAL_HOLD_LAID = "hold.laid"
    LEGAL_HOLD_LIFTED = "hold.lifted"

    # Checkpoints of the trail.
    CHECKPOINT_SENT = "checkpoint.sent"
    CHECKPOINT_FAILED = "checkpoint.failed"
