"""Parses the file that configures how Pure-FTPd queries a database or a directory."""

from dataclasses import dataclass

from recert.connectors.contract import ServerDataInvalid
from recert.connectors.hosts import Host

_SQL = """
    Server Port {more}User Password Database Crypt {transactions}GetPW GetUID DefaultUID GetGID
    DefaultGID GetDir {tilde}GetQTAFS GetQTASZ GetRatioUL GetRatioDL GetBandwidthUL GetBandwidthDL
"""
_MYSQL = _SQL.format(more="Socket ", transactions="Transactions ", tilde="ForceTildeExpansion ")
_PGSQL = _SQL.format(more="", transactions="", tilde="")
_LDAP = """
    Scheme Server Port BindDN BindPW BaseDN Filter HomeDir Version DefaultUID ForceDefaultUID
    DefaultGID ForceDefaultGID UseTLS AuthMethod DefaultHomeDirectory
"""
# In the order in which the daemon compares them: the first that a line begins with is meant.
KEYWORDS = {
    method: tuple(f"{start}{name}" for name in names.split())
    for method, start, names in (
        ("mysql", "MYSQL", _MYSQL),
        ("pgsql", "PGSQL", _PGSQL),
        ("ldap", "LDAP", _LDAP),
    )
}
_SECRETS = ("mysqlpassword", "pgsqlpassword", "ldapbindpw")
_REASONS = {
    "where the daemon finds the database; Recert has an address of its own": """
        Server Port Socket User Password BindDN BindPW Scheme Version UseTLS
    """,
    "how much may be stored or fetched at once, not whether": """
        GetQTAFS GetQTASZ GetRatioUL GetRatioDL GetBandwidthUL GetBandwidthDL
    """,
    "the answers are the same": "Transactions",
    "CWD ~NAME leads to where another path leads as well": "ForceTildeExpansion",
}
WITHOUT_BEARING = {name: why for why, names in _REASONS.items() for name in names.split()}
_LINE_MAX = 2047  # longer lines are two to the daemon
_BLANK = b" \t\n\v\f\r"


@dataclass(frozen=True)
class Value:
    text: str
    place: str  # file:line


@dataclass(frozen=True)
class SourceFile:
    """What one such file says. Of several lines with one keyword the last counts."""

    path: str
    method: str
    values: dict[str, Value]

    def value(self, name: str) -> str:
        """By the keyword without the name of the kind: "GetPW". Empty when it is missing."""
        value = self._line(name)
        return value.text if value else ""

    def at(self, name: str) -> str:
        """File and line, or the file when the line is missing."""
        value = self._line(name)
        return value.place if value else self.path

    def keyword(self, name: str) -> str:
        return next(one for one in KEYWORDS[self.method] if one.endswith(name))

    def _line(self, name: str) -> Value | None:
        return self.values.get(f"{_PREFIXES[self.method]}{name}")


_PREFIXES = {"mysql": "MYSQL", "pgsql": "PGSQL", "ldap": "LDAP"}
# Without one of each group the daemon does not start.
_NEEDED = {"mysql": (("Server", "Socket"),), "pgsql": (("Server",),), "ldap": (("BaseDN",),)}


def read(host: Host, path: str, method: str) -> SourceFile:
    """Raises what the host raises, or ServerDataInvalid with the line that the daemon refuses; the
    text of the line is never shown."""
    host.withhold(path, without_secrets)
    values = {}
    for number, line in enumerate(host.read(path).split(b"\n"), 1):
        for at in range(0, max(len(line), 1), _LINE_MAX):
            pair = _pair(line[at : at + _LINE_MAX], method)
            if pair is None:
                raise ServerDataInvalid(f"{path}:{number}: no setting that Pure-FTPd knows here.")
            if pair[0]:
                values[pair[0]] = Value(pair[1], f"{path}:{number}")
    source = SourceFile(path, method, values)
    for names in _NEEDED[method]:
        if not any(map(source.value, names)):
            keywords = " or ".join(map(source.keyword, names))
            raise ServerDataInvalid(f"{path} does not say {keywords}; Pure-FTPd would not start.")
    return source


def _pair(line: bytes, method: str) -> tuple[str, str] | None:
    """Keyword and value, two empty texts for a remark, None for what the daemon refuses. Between
    them need not be anything: "MYSQLPort3306" is understood."""
    bare = line.lstrip(_BLANK)
    if not bare or bare[0] < 32 or bare[0] == 127 or bare.startswith(b"#"):
        return "", ""
    for keyword in KEYWORDS[method]:
        if bare[: len(keyword)].lower() == keyword.lower().encode():
            value = bare[len(keyword) :].strip(_BLANK + bytes(range(32)) + b"\x7f")
            return (keyword, value.decode(errors="surrogateescape")) if value else None
    return None


def without_secrets(raw: bytes) -> bytes:
    """The file as it may be kept."""
    kept = []
    for line in raw.split(b"\n"):
        bare = line.lstrip(_BLANK)
        secret = next((one for one in _SECRETS if bare.lower().startswith(one.encode())), "")
        kept.append(bare[: len(secret)] + b" removed" if secret else line)
    return b"\n".join(kept)
