"""Who signs in to ProFTPD, and what the daemon lets through in each folder."""
