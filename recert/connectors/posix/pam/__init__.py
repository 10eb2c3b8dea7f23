"""What PAM says to a login."""
