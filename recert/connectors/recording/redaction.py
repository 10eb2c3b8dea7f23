"""Removes password hashes, private keys and configured passwords from every recorded file. Kinds
clean files that need more knowledge themselves (`Host.withhold`)."""

import re

REMOVED = b"(removed)"
# $6$salt$hash and its relatives, wherever they stand.
_HASH = re.compile(
    rb"(?<!\w)\$(?:[0-9][a-z]?|y|gy|apr1|md5|sha1|argon2\w*|scrypt|pbkdf2[\w-]*)\$[^\s:,\"']+"
)
_PRIVATE = re.compile(
    rb"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(?:(?!-----END)[\s\S])*(-----END [A-Z0-9 ]*KEY-----)?"
)
# Directives of ProFTPD with secrets; the first argument of each decides something and is kept.
_DIRECTIVE = re.compile(
    rb"(?im)^([ \t]*(?:UserPassword|GroupPassword|SQLConnectInfo|SQLNamedConnectInfo|LDAPBindDN"
    rb"|RadiusAcctServer|RadiusAuthServer)"
    rb'[ \t]+(?:"[^"\n]*"|\S+))[ \t]+(?:\\\n|[^\n])+'
)
_OPTION = re.compile(rb"(?i)\b((?:passw(?:or)?d|bindpw|secret)[ \t]*=[ \t]*)[^\s#]+")
_SECRET_NAMES = re.compile(rb"(?i)passw|bindpw|secret|ConnectInfo|BindDN|Radius")


def without_secrets(content: bytes) -> bytes:
    """The content as it may be kept."""
    if b"$" in content:
        content = _HASH.sub(REMOVED, content)
    if b"PRIVATE KEY" in content:
        content = _PRIVATE.sub(rb"\1\n" + REMOVED + rb"\n\2", content)
    if _SECRET_NAMES.search(content):
        content = _DIRECTIVE.sub(rb"\1 " + REMOVED, content)
        content = _OPTION.sub(rb"\1" + REMOVED, content)
    return content
