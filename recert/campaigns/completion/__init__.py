"""How a campaign ends: non-response policy, approvals, challenges, sign-off."""
