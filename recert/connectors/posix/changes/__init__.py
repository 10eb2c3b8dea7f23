"""Changes of ACLs, groups and text files: planned, applied, compared."""
