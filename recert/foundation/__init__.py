"""Foundation: database, clock, errors, settings, secrets. Knows no other package."""
