"""Pages before or without signing in: sign-in, links of mails, the demo's mailbox."""
