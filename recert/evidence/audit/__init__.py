"""The audit of a campaign: findings, retention, and uncertified access."""
