"""Pages of auditors: campaigns as evidence, samples and verdicts, the trail."""

from recert.web.auditor import campaigns, findings, uncertified

PAGES = (campaigns, findings, uncertified)
