"""Evidence: the package for the auditor and its stand-alone verifier."""
