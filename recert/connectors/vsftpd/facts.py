"""Everything that vsftpd consults at a login, read in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recert.connectors.contract import ConnectorError, ServerDataInvalid
from recert.connectors.hosts import FileMissing, Host, commands
from recert.connectors.posix.accounts import SystemUsers, lines_of
from recert.connectors.posix.pam import Pam, shells_of
from recert.connectors.posix.secrets import second_field
from recert.connectors.vsftpd.options import Options, parse

# They look at names as typed or at what is in a file; a client gets around them.
_NO_PROTECTION = ("deny_file", "hide_file")
_SWITCH = "/proc/sys/fs/protected_regular"
_UNKNOWN_EFFECT = ("upload_file", "download_file")


@dataclass
class Facts:
    """Configuration, accounts and lists of one vsftpd."""

    config: str
    options: Options
    users: SystemUsers
    pam: Pam
    shells: frozenset[str]
    user_list: list[str]
    chroot_list: list[str]
    own_options: dict[str, Options | str] = field(default_factory=dict)  # str: why it is broken
    guests: list[str] = field(default_factory=list)  # names that no system user has
    protects_regular_files: int = 0  # the kernel's switch fs.protected_regular
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def of(self, account: str) -> Options | str:
        """The options of one login, or why its own file ends it."""
        return self.own_options.get(account, self.options)


def read(host: Host, settings: Mapping[str, str]) -> Facts:
    """Raises what the host raises when the main file or the name service cannot be read."""
    config = settings["config"]
    main = parse(host.read(config), _short(config))
    fact = host.stat(config)
    if fact is not None and fact.uid != 0:
        raise ServerDataInvalid(
            f"{config} does not belong to root; vsftpd would not start with it."
        )
    service = main.text("pam_service_name")
    facts = Facts(
        config=config,
        options=main,
        users=SystemUsers.read(host),
        pam=Pam.read(host, service),
        shells=shells_of(host.read_many(["/etc/shells"])["/etc/shells"]),
        # The daemon loads it for the sake of local logins only; without them it stays empty.
        user_list=_list(host, main, "userlist_enable", "userlist_file")
        if main.is_on("local_enable")
        else [],
        chroot_list=_list(host, main, "chroot_list_enable", "chroot_list_file"),
    )
    switch = host.read_many([_SWITCH])[_SWITCH]
    facts.protects_regular_files = 0 if isinstance(switch, ConnectorError) else int(switch or b"0")
    facts.guests = _virtual_users(host, facts)
    _read_own_options(host, facts)
    _note_what_is_not_understood(facts)
    return facts


def _short(path: str) -> str:
    return path.rpartition("/")[2]


def _list(host: Host, options: Options, switch: str, name: str) -> list[str]:
    """A list of names; exact lines, as the daemon compares them."""
    if not options.is_on(switch):
        return []
    path = options.text(name)
    return lines_of(host.read_many([path])[path])


def _read_own_options(host: Host, facts: Facts) -> None:
    folder = facts.options.text("user_config_dir")
    if not folder:
        return
    try:
        found = host.names(folder)
    except FileMissing:
        facts.warnings.append(f"The folder {folder} of user_config_dir does not exist.")
        return
    contents = host.read_many([f"{folder}/{name}" for name in found])
    for name in found:
        content = contents[f"{folder}/{name}"]
        fact = host.stat(f"{folder}/{name}")
        if fact is None or not fact.is_file:
            continue
        place = f"{_short(folder)}/{name}"
        facts.own_options[name] = _own(content, place, fact.uid, facts.options)
        if isinstance(content, ConnectorError):
            facts.problems.append(f"{folder}/{name}: {content.message}")


def _own(content: bytes | ConnectorError, place: str, uid: int, main: Options) -> Options | str:
    """An own file that the daemon refuses ends the login of its user."""
    if isinstance(content, ConnectorError):
        return f"{place} cannot be read"
    if uid != 0:
        return f"{place} does not belong to root"
    try:
        return parse(content, place, main)
    except ServerDataInvalid as error:
        return error.message.rpartition("Nothing was changed. ")[2]


def _virtual_users(host: Host, facts: Facts) -> list[str]:
    """Names of pam_userdb and pam_pwdfile. A database needs db_dump on the machine."""
    found: set[str] = set()
    for rule in facts.pam.stacks.get("auth", ()):
        options = rule.options
        if rule.module == "pam_userdb.so" and "db" in options:
            dumping = commands.program("", "db_dump", "-p", options["db"] + ".db")
            host.withhold(dumping, _without_values)
            dump = host.run(dumping)
            if not dump.ok:
                facts.problems.append(
                    f"The accounts of {options['db']}.db are not known: {dump.errors.strip()} "
                    "(the package db-util has db_dump)"
                )
            found.update(_keys_of_dump(dump.out))
        elif rule.module == "pam_pwdfile.so":
            path = options.get("pwdfile") or (rule.arguments[0] if rule.arguments else "")
            host.withhold(path, second_field())
            lines = lines_of(host.read_many([path])[path]) if path.startswith("/") else []
            found.update(line.partition(":")[0] for line in lines if ":" in line)
    return sorted(found)


def _without_values(raw: bytes) -> bytes:
    """A dump as it may be kept: keys are names, values are passwords."""
    lines = raw.splitlines()
    start = lines.index(b"HEADER=END") + 1 if b"HEADER=END" in lines else len(lines)
    is_value = [number >= start and (number - start) % 2 == 1 for number in range(len(lines))]
    kept = [
        b" removed" if hidden and line.startswith(b" ") else line
        for line, hidden in zip(lines, is_value, strict=True)
    ]
    return b"".join(line + b"\n" for line in kept)


def _keys_of_dump(raw: bytes) -> list[str]:
    lines = raw.decode(errors="replace").splitlines()
    body = lines[lines.index("HEADER=END") + 1 :] if "HEADER=END" in lines else []
    return [line[1:] for line in body[::2] if line.startswith(" ")]


def _note_what_is_not_understood(facts: Facts) -> None:
    options = facts.options
    for name in _NO_PROTECTION:
        if options.text(name):
            facts.warnings.append(
                f"{name} at {options.at(name)} is no access control: a client gets around it, so "
                "the rights shown do not regard it."
            )
    for name in _UNKNOWN_EFFECT:
        if options.text(name):
            facts.warnings.append(f"Not understood: {name} at {options.at(name)}.")
    if options.is_on("tcp_wrappers"):
        facts.warnings.append(
            "tcp_wrappers is on: /etc/hosts.allow may load another file for some client addresses, "
            "which is not regarded."
        )
    facts.warnings += [f"Not understood: {one}." for one in facts.pam.not_understood]
    known = {*facts.users.passwd, *facts.guests, "anonymous", "ftp"}
    for name in facts.own_options:
        if name not in known and name != options.text("ftp_username"):
            facts.warnings.append(f"A file in user_config_dir for {name!r}, who has no account.")
    facts.warnings += facts.users.doubts
