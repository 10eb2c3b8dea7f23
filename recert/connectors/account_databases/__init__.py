"""Accounts that servers keep in databases and directories, read by an account that only reads."""
