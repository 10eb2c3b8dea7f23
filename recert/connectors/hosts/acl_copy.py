"""Carrying the ACL of a file over to the one that takes its place, where only commands can."""

from recert.connectors.hosts.commands import ACL_THESE, SET_ACL
from recert.connectors.hosts.contract import Host

SET = SET_ACL


def extended(host: Host, path: str) -> bytes | None:
    """getfacl's text of a file that has more than mode bits; None for others."""
    answer = host.run(ACL_THESE, path.encode(errors="surrogateescape") + b"\0")
    return answer.out if answer.out.strip() else None


def for_path(text: bytes, path: bytes) -> bytes:
    """The ACL for another path, without owner and group, which are set before."""
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\012")
    entries = [line for line in text.splitlines() if line and not line.startswith(b"#")]
    return b"\n".join([b"# file: " + escaped, *entries, b"", b""])
