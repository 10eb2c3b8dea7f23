"""Accounts of ProFTPD: files, databases, and expressions over their names."""
