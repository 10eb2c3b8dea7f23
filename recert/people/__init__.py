"""People: persons, organisations, application users and their sessions."""
