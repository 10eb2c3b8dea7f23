"""Reads everything that sshd consults at a login: configuration, accounts, key files."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts import Host, commands
from recert.connectors.hosts.contract import FileFact
from recert.connectors.openssh import config_test, keys, syntax
from recert.connectors.openssh.syntax import Config, Line
from recert.connectors.posix.pam.stack import Pam
from recert.connectors.posix.permissions.accounts import Passwd, SystemUsers
from recert.connectors.posix.permissions.acl import Listed, parse_listing

_DEFAULT_KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
# Every other criterion of a Match is about the client, which Recert does not know.
_KNOWN = frozenset({"all", "user", "group", "localport"})
_MOST_ALTERNATIVES = 24
_UNJUDGED = ("authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand")


@dataclass
class Facts:
    """Configuration, accounts and keys of one sshd."""

    config: Config
    users: SystemUsers
    pam: Pam
    values: dict[str, dict[str, list[Line]]] = field(default_factory=dict)  # by account
    # Values for other clients: those whom every Match about the client fits, or one of them.
    alternatives: list[dict[str, dict[str, list[Line]]]] = field(default_factory=list)
    files: dict[str, FileFact | None] = field(default_factory=dict)
    contents: dict[str, bytes | ConnectorError] = field(default_factory=dict)
    key_acls: dict[str, Listed] = field(default_factory=dict)  # of those that have one
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def elsewhere(self) -> Iterator["Facts"]:
        """These facts with the values for other sorts of clients."""
        return (replace(self, values=values) for values in self.alternatives)

    def arguments(self, account: str, keyword: str) -> tuple[str, ...]:
        """The arguments of a keyword for one account; empty when the keyword is not set."""
        lines = self.values[account].get(keyword, [])
        return lines[0].values if lines else ()

    def is_on(self, account: str, keyword: str, default: bool) -> bool:
        arguments = self.arguments(account, keyword)
        return arguments[0].lower() in ("yes", "true") if arguments else default

    def line(self, account: str, keyword: str) -> Line | None:
        lines = self.values[account].get(keyword, [])
        return lines[0] if lines else None

    def key_files(self, user: Passwd) -> list[str]:
        return keys.paths_for(
            self.arguments(user.name, "authorizedkeysfile") or _DEFAULT_KEYS, user
        )


def read(host: Host, settings: Mapping[str, str]) -> Facts:
    """Raises what the host raises when the main file or the name service cannot be read, and
    ServerDataInvalid for a configuration that sshd refuses."""
    unchecked = config_test.check_accepted(host, settings.get("prefix", ""), settings["config"])
    config = syntax.read(host, settings["config"])
    users = SystemUsers.read(host)
    facts = Facts(
        config, users, Pam.read(host, "sshd"), problems=[*config.problems, *users.problems]
    )
    ports = set(_ports(config))
    choices = _choices(config, ports)
    facts.alternatives = [{} for _ in choices[1:]]
    for user in users.passwd.values():
        names = [users.group_name(gid) for gid in users.groups_of(user.name, user.gid)]
        for values, blocks in zip((facts.values, *facts.alternatives), choices, strict=True):
            connection = _Connection(user.name, names, ports, blocks)
            values[user.name] = syntax.values_for(config, connection.fits)
    _read_keys(host, facts)
    facts.warnings += filter(None, (unchecked,))
    _note_what_is_not_understood(facts)
    return facts


Block = tuple[str, ...]


def _ports(config: Config) -> Iterator[str]:
    """The ports of Port, and of ListenAddress where it has one."""
    for line in config.lines:
        if line.keyword == "port" and line.values:
            yield line.values[0]
        elif line.keyword == "listenaddress" and line.values:
            _, colon, port = line.values[0].rpartition(":")
            is_port = port.isdecimal() and (colon and line.values[0].count(":") == 1)
            if is_port or (port.isdecimal() and line.values[0].startswith("[")):
                yield port


def _choices(config: Config, ports: set[str]) -> list[frozenset[Block]]:
    """Which Match blocks about the client may fit together: none, each alone, and all. Any other
    mixture gives no account more than one of these, unless blocks undo each other; what differs
    is marked in any case."""
    blocks = {
        block for line in config.lines for block in line.blocks if _asks_about_client(block, ports)
    }
    singles = [frozenset({block}) for block in sorted(blocks)][:_MOST_ALTERNATIVES]
    return list(dict.fromkeys([frozenset(), frozenset(blocks), *singles]))


def _criteria(block: Block) -> Iterator[tuple[str, str]]:
    remaining = list(block)
    while remaining:
        kind, _, value = remaining.pop(0).partition("=")
        kind = kind.lower()
        if kind != "all" and not value:
            value = remaining.pop(0) if remaining else ""
        yield kind, value


def _asks_about_client(block: Block, ports: set[str]) -> bool:
    kinds = {kind for kind, _ in _criteria(block)}
    return bool(kinds - _KNOWN) or ("localport" in kinds and len(ports) > 1)


@dataclass(frozen=True)
class _Connection:
    """The facts of a login that Match lines test. Whether a criterion about the client fits is
    not known: it is assumed to fit in the blocks of `fitting`."""

    user: str
    groups: list[str]
    ports: set[str]
    fitting: frozenset[Block]

    def fits(self, block: Block) -> bool:
        """Whether all criteria of one Match line fit."""
        return all(self._fits(kind, value, block) for kind, value in _criteria(block))

    def _fits(self, kind: str, value: str, block: Block) -> bool:
        if kind == "all":
            return True
        if kind == "user":
            return syntax.matches(value, self.user)
        if kind == "group":
            return syntax.matches(value, *self.groups)
        if kind == "localport" and len(self.ports) <= 1:
            return value in (self.ports or {"22"})
        return block in self.fitting


def _read_keys(host: Host, facts: Facts) -> None:
    """All key files and the folders above them, each once."""
    paths: dict[str, None] = {}
    around: dict[str, None] = {}
    every = (facts, *facts.elsewhere())
    for user in facts.users.passwd.values():
        for path in dict.fromkeys(path for one in every for path in one.key_files(user)):
            paths[path] = None
            around.update(dict.fromkeys(keys.folders_above(path, user.home)))
    shells = dict.fromkeys(user.shell or "/bin/sh" for user in facts.users.passwd.values())
    shells |= dict.fromkeys(_shells_in_jails(facts))
    for path, fact in host.stat_many(list({**paths, **around, **shells})).items():
        if isinstance(fact, ConnectorError):
            facts.problems.append(f"{path}: {fact.message}")
        else:
            facts.files[path] = fact
    existing = [path for path in paths if facts.files.get(path) is not None]
    listed = host.run(commands.ACL_THESE, b"".join(os.fsencode(path) + b"\0" for path in existing))
    facts.key_acls = {os.fsdecode(one.path): one for one in parse_listing(iter([listed.out]))}
    facts.contents = host.read_many(existing)
    for path, content in facts.contents.items():
        if isinstance(content, ConnectorError):
            facts.problems.append(f"{path}: {content.message}")


def _shells_in_jails(facts: Facts) -> Iterator[str]:
    """A program inside of a jail is started by the shell that lies there."""
    for user in facts.users.passwd.values():
        for values in (facts.values, *facts.alternatives):
            for line in values.get(user.name, {}).get("chrootdirectory", [])[:1]:
                jail = keys.expand(line.values[0], user) if line.values else ""
                if jail.startswith("/"):
                    yield f"{jail.rstrip('/')}{user.shell or '/bin/sh'}"


def _note_what_is_not_understood(facts: Facts) -> None:
    for line in facts.config.lines:
        if line.keyword in _UNJUDGED and line.values[:1] != ("none",):
            facts.warnings.append(
                f"Not understood: {line.keyword} at {line.place} may let accounts in that have no "
                "key file."
            )
    noted = set()
    for line in facts.config.lines:
        for block in line.blocks:
            if _asks_about_client(block, set(_ports(facts.config))) and block not in noted:
                noted.add(block)
                facts.warnings.append(
                    f"Match {' '.join(block)} (before {line.place}) depends on the client; the "
                    "rights shown are those that clients from anywhere have together."
                )
    facts.warnings += [f"Not understood: {construct}." for construct in facts.pam.not_understood]
    facts.warnings += facts.users.doubts
