"""The configuration of ProFTPD: files, directives, sections, listeners."""
