"""Every mail of a campaign."""
