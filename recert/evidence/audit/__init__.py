"""What auditors do with a campaign: findings, retention, access that nobody certified."""
