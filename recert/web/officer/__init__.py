"""Pages of compliance officers: campaigns, approvals, exclusions, schedules."""
