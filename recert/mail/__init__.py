"""Mail: the outbox, its sender, and one-click tokens."""
