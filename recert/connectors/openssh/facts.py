"""Everything that sshd consults at a login, read in one go."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from recert.connectors.contract import ConnectorError
from recert.connectors.hosts import Host, commands
from recert.connectors.hosts.contract import FileFact
from recert.connectors.openssh import keys, syntax, trial
from recert.connectors.openssh.syntax import Config, Line
from recert.connectors.posix.accounts import Passwd, SystemUsers
from recert.connectors.posix.acl import Listed, parse_listing
from recert.connectors.posix.pam import Pam

_DEFAULT_KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")
# What a client's address decides is not known to us.
_BY_CLIENT = frozenset({"host", "address", "localaddress", "rdomain"})
_UNJUDGED = ("authorizedkeyscommand", "trustedusercakeys", "authorizedprincipalscommand")


@dataclass
class Facts:
    """Configuration, accounts and keys of one sshd."""

    config: Config
    users: SystemUsers
    pam: Pam
    values: dict[str, dict[str, list[Line]]] = field(default_factory=dict)  # by account
    # The same for clients whom every Match by address fits; empty when there is none.
    values_elsewhere: dict[str, dict[str, list[Line]]] = field(default_factory=dict)
    files: dict[str, FileFact | None] = field(default_factory=dict)
    contents: dict[str, bytes | ConnectorError] = field(default_factory=dict)
    key_acls: dict[str, Listed] = field(default_factory=dict)  # of those that have one
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def elsewhere(self) -> "Facts":
        """The same facts for clients whom every Match by address fits."""
        return replace(self, values=self.values_elsewhere)

    def words(self, account: str, keyword: str) -> tuple[str, ...]:
        """The values of a keyword for one account; nothing when it is not said."""
        lines = self.values[account].get(keyword, [])
        return lines[0].values if lines else ()

    def is_on(self, account: str, keyword: str, default: bool) -> bool:
        words = self.words(account, keyword)
        return words[0].lower() in ("yes", "true") if words else default

    def line(self, account: str, keyword: str) -> Line | None:
        lines = self.values[account].get(keyword, [])
        return lines[0] if lines else None

    def key_files(self, user: Passwd) -> list[str]:
        return keys.paths_for(self.words(user.name, "authorizedkeysfile") or _DEFAULT_KEYS, user)


def read(host: Host, settings: Mapping[str, str]) -> Facts:
    """Raises what the host raises when the main file or the name service cannot be read, and
    ServerDataInvalid for a configuration that sshd refuses."""
    unchecked = trial.check_accepted(host, settings.get("prefix", ""), settings["config"])
    config = syntax.read(host, settings["config"])
    users = SystemUsers.read(host)
    facts = Facts(config, users, Pam.read(host, "sshd"), problems=list(config.problems))
    ports = {line.values[0] for line in config.lines if line.keyword == "port" and line.values}
    by_client = any(_names_client(block) for line in config.lines for block in line.blocks)
    for user in users.passwd.values():
        names = [users.group_name(gid) for gid in users.groups_of(user.name, user.gid)]
        one = _Connection(user.name, names, ports)
        facts.values[user.name] = syntax.values_for(config, one.fits)
        if by_client:
            one = _Connection(user.name, names, ports, from_somewhere=True)
            facts.values_elsewhere[user.name] = syntax.values_for(config, one.fits)
    _read_keys(host, facts)
    facts.warnings += filter(None, (unchecked,))
    _note_what_is_not_understood(facts)
    return facts


@dataclass(frozen=True)
class _Connection:
    """A login as Match lines see it. Whether a criterion about the client fits is not known to
    us: it is taken never to fit, or (`from_somewhere`) always."""

    user: str
    groups: list[str]
    ports: set[str]
    from_somewhere: bool = False

    def fits(self, block: tuple[str, ...]) -> bool:
        """Whether all criteria of one Match line fit."""
        words = list(block)
        while words:
            kind, _, value = words.pop(0).partition("=")
            kind = kind.lower()
            if kind == "all":
                continue
            value = value or (words.pop(0) if words else "")
            if not self._fits(kind, value):
                return False
        return True

    def _fits(self, kind: str, value: str) -> bool:
        if kind == "user":
            return syntax.matches(value, self.user)
        if kind == "group":
            return syntax.matches(value, *self.groups)
        if kind == "localport" and len(self.ports) <= 1:
            return value in (self.ports or {"22"})
        return self.from_somewhere


def _names_client(block: tuple[str, ...]) -> bool:
    return bool({word.partition("=")[0].lower() for word in block} & _BY_CLIENT)


def _read_keys(host: Host, facts: Facts) -> None:
    """All key files and the folders above them, each once."""
    paths: dict[str, None] = {}
    around: dict[str, None] = {}
    for user in facts.users.passwd.values():
        for path in facts.key_files(user):
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
        for values in (facts.values, facts.values_elsewhere):
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
    seen = set()
    for line in facts.config.lines:
        for block in line.blocks:
            if _names_client(block) and block not in seen:
                seen.add(block)
                facts.warnings.append(
                    f"Match {' '.join(block)} (before {line.place}) depends on the client; the "
                    "rights shown are those that clients from anywhere have together."
                )
    facts.warnings += [f"Not understood: {one}." for one in facts.pam.not_understood]
    facts.warnings += facts.users.doubts
