"""Forms of the officer: actions, campaigns and schedules, policy."""
