"""Pages of auditors: campaigns as evidence, samples and verdicts, the trail."""
