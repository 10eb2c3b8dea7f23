"""SCIM 2.0 (RFC 7643, 7644): `servers` has the accounts and entitlements of one server."""
