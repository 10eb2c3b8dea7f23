"""Changes: the only package that writes to servers. Order, plan, apply, verify, undo."""
