"""Changes: the only door that writes to servers. Order, plan, apply, verify, undo."""
