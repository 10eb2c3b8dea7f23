"""The evidence package: what goes into it, and how it is written."""
