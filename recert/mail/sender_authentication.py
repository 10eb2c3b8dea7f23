"""Verifies the sender of a mail by the results of the organisation's own mail server (RFC 8601).

Only the topmost Authentication-Results counts, and only when our own server wrote it: everything
below came with the mail, and its sender may have written it.
"""

import re

_RESULT = re.compile(r"^\s*([a-z0-9-]+)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(smtp|header|body|policy)\.([a-z0-9-]+)\s*=\s*([^\s;]+)", re.IGNORECASE)


def why_not(results: list[str], authserv_id: str, sender: str) -> str:
    """Why the sender is not proved, or "". `results` are all headers, the topmost first."""
    if not authserv_id:
        return "no mail server is trusted to say who a mail is from"
    if not results:
        return "the mail server did not say who the mail is from"
    identity, _, rest = _plain(results[0]).partition(";")
    if [server.lower() for server in identity.split()[:1]] != [authserv_id.lower()]:
        return "another mail server says who the mail is from"
    domain = sender.rpartition("@")[2].lower()
    verdicts = [_verdict(part) for part in rest.split(";")]
    dmarc = [(result, properties) for method, result, properties in verdicts if method == "dmarc"]
    if any(result != "pass" for result, _ in dmarc):
        return "the mail server could not confirm the sender"
    named = {properties.get("header.from", domain).lower() for _, properties in dmarc}
    if dmarc and named == {domain}:
        return ""
    signed = any(
        method == "dkim" and result == "pass" and _signer(properties) == domain
        for method, result, properties in verdicts
    )
    return "" if signed and not dmarc else "the mail server could not confirm the sender"


def _plain(text: str) -> str:
    """The text without comments, and with quoted strings that can be taken for nothing else:
    both may hold anything, also what looks like a result. "" when one of them does not end."""
    plain, depth, quoted, characters = [], 0, False, iter(text)
    for character in characters:
        if character == "\\" and (depth or quoted):
            next(characters, "")
        elif character == '"' and not depth:
            quoted = not quoted
        elif character in "()" and not quoted:
            depth = max(0, depth + (1 if character == "(" else -1))
        elif quoted:
            plain.append(character if character.isalnum() or character in ".@-" else "_")
        elif not depth:
            plain.append(character)
    return "" if quoted or depth else " ".join("".join(plain).split())


def _verdict(part: str) -> tuple[str, str, dict[str, str]]:
    match = _RESULT.match(part)
    if not match:
        return "", "", {}
    after = part[match.end() :]
    properties = {f"{kind}.{name}".lower(): value for kind, name, value in _PROPERTY.findall(after)}
    return match[1].lower(), match[2].lower(), properties


def _signer(properties: dict[str, str]) -> str:
    """The domain that signed: header.d, or the one of header.i."""
    return (properties.get("header.d") or properties.get("header.i", "").rpartition("@")[2]).lower()
