"""Pages of reviewers, and of whoever loses access."""
