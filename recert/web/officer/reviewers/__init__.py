"""Pages of officers about reviewers: who stands in, who may decide, how they answer."""
