"""Signing in by the company's identity provider (OpenID Connect)."""
