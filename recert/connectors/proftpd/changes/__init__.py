"""Changes of ProFTPD's <Limit> blocks, and telling the daemon."""
