"""The kinds of questions: access, membership, ownership, service accounts."""
