"""Reads everything that vsftpd consults at a login: options, lists, accounts, PAM."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from recert.connectors.contract import ConnectorError, ServerDataInvalid
from recert.connectors.hosts import FileMissing, Host
from recert.connectors.posix.pam.stack import Login, Pam, refusal, shells_of, strangers
from recert.connectors.posix.permissions.accounts import Passwd, SystemUsers, lines_of
from recert.connectors.vsftpd.builds import build_of
from recert.connectors.vsftpd.options import Options, parse
from recert.connectors.vsftpd.refusals import refused_at_the_start, refuses_everybody

# They look at names as typed or at what is in a file; a client gets around them.
_NO_PROTECTION = ("deny_file", "hide_file")
_SWITCH = "/proc/sys/fs/protected_regular"
_WRAPPERS = "/etc/hosts.allow"
# They let in fewer clients, or not at every time; who, depends on the client.
_WIDENING = {
    "tcp_wrappers": "/etc/hosts.allow and /etc/hosts.deny refuse some clients",
    "require_cert": "a client needs a certificate",
    "validate_cert": "a client needs a certificate",
    "session_support": "PAM's session modules may refuse a session",
}
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
    chroot_list: list[str] | None  # None: the file is missing, which ends every local session
    own_options: dict[str, Options | str] = field(default_factory=dict)  # str: why it is broken
    guests: list[str] = field(default_factory=list)  # names of PAM's own databases
    others: list[str] = field(default_factory=list)  # names that only vsftpd's own files know
    nobody: str = ""  # why every session ends at once
    unclear: list[str] = field(default_factory=list)  # why all grants may say too much
    protects_regular_files: int = 0  # the kernel's switch fs.protected_regular
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def lists_those_let_in(self) -> bool:
        """Whether nobody gets in who does not stand in the user list."""
        return self.options.is_on("userlist_enable") and not self.options.is_on("userlist_deny")

    def of(self, account: str) -> Options | str:
        """The options of one login, or why its own file ends it."""
        return self.own_options.get(account, self.options)


def read(host: Host, settings: Mapping[str, str]) -> Facts:
    """Raises what the host raises when the main file or the name service cannot be read."""
    config = settings["config"]
    main = parse(host.read(config), _short(config), build=build_of(host, settings))
    fact = host.stat(config)
    if fact is not None and fact.uid != 0:
        raise ServerDataInvalid(
            f"{config} does not belong to root; vsftpd would not start with it."
        )
    if why := refused_at_the_start(host, main):
        raise ServerDataInvalid(f"{why}; vsftpd would not start.")
    service = main.text("pam_service_name")
    facts = Facts(
        config=config,
        options=main,
        users=SystemUsers.read(host),
        pam=Pam.read(host, service, settings.get("prefix", ""), settings),
        shells=shells_of(host.read_many(["/etc/shells"])["/etc/shells"]),
        # The daemon loads it for the sake of local logins only; without them it stays empty.
        user_list=_list(host, main, "userlist_enable", "userlist_file")
        if main.is_on("local_enable")
        else [],
        chroot_list=_chroot_list(host, main),
    )
    switch = host.read_many([_SWITCH])[_SWITCH]
    facts.protects_regular_files = 0 if isinstance(switch, ConnectorError) else int(switch or b"0")
    known = None if facts.users.problems else facts.users.passwd
    facts.nobody = refuses_everybody(host, main, known)
    _read_own_options(host, facts)
    names = {name for one in facts.pam.lists.names.values() for name in one or ()}
    facts.guests = sorted({*names, *_other_spellings(facts)})
    listed = set(facts.user_list) if facts.lists_those_let_in else set()
    facts.others = sorted({*facts.own_options, *listed} - {"", *facts.guests})
    if main.is_on("local_enable"):
        facts.problems += _unlisted(facts)
    _note_what_is_not_understood(host, facts)
    return facts


def _short(path: str) -> str:
    return path.rpartition("/")[2]


def _list(host: Host, options: Options, switch: str, name: str) -> list[str]:
    """A list of names; exact lines, as the daemon compares them."""
    if not options.is_on(switch):
        return []
    path = options.text(name)
    return lines_of(host.read_many([path])[path])


def _chroot_list(host: Host, main: Options) -> list[str] | None:
    path = main.text("chroot_list_file")
    is_missing = isinstance(host.read_many([path])[path], FileMissing)
    if main.is_on("chroot_list_enable") and is_missing:
        return None
    return _list(host, main, "chroot_list_enable", "chroot_list_file")


def _read_own_options(host: Host, facts: Facts) -> None:
    folder = facts.options.text("user_config_dir")
    if not folder:
        return
    try:
        names = host.names(folder)
    except FileMissing:
        facts.warnings.append(f"The folder {folder} of user_config_dir does not exist.")
        return
    contents = host.read_many([f"{folder}/{name}" for name in names])
    for name in names:
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


def _other_spellings(facts: Facts) -> Iterator[str]:
    """A database that does not look at capitals lets in names for which the files and lists of
    vsftpd, which does look, do not count. One spelling of each stands for all."""
    narrowed = {*facts.own_options, *facts.user_list, *(facts.chroot_list or ())}
    for name in sorted(narrowed & facts.pam.lists.in_any_case):
        other = next((one for one in (name.upper(), name.lower()) if one not in narrowed), name)
        if other != name:
            facts.warnings.append(
                f"The database lets {name!r} in as {other!r} as well, for whom the files and lists "
                f"of vsftpd with the name {name!r} do not count."
            )
            yield other


def _unlisted(facts: Facts) -> Iterator[str]:
    """Accounts that may sign in and stand in no list that we can read."""
    if not facts.options.is_on("guest_enable") or facts.lists_those_let_in:
        unlisted: list[str] = []
    else:
        unlisted = strangers(facts.pam)
    if unlisted:
        yield (
            f"guest_enable ({facts.options.at('guest_enable')}) lets in names that "
            f"{', '.join(unlisted)} accepts; Recert cannot list them"
        )
        yield from facts.pam.unread
    somebody = Passwd("", 1_000_000, 1_000_000, "", "/", "/bin/sh")
    if not refusal(facts.pam, Login("", somebody, None, facts.shells, date.min)):
        yield from facts.users.problems


def _note_what_is_not_understood(host: Host, facts: Facts) -> None:
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
    for name, what in _WIDENING.items():
        if options.is_on(name):
            facts.unclear.append(f"{name} at {options.at(name)}: {what}")
    facts.warnings += [f"Not understood: {one}." for one in facts.unclear]
    if options.is_on("run_as_launching_user"):
        facts.problems.append(
            f"run_as_launching_user at {options.at('run_as_launching_user')}: sessions have the "
            "rights of whoever started the daemon, which Recert does not show"
        )
    if options.is_on("tcp_wrappers"):
        facts.problems += _other_files(host)
    facts.warnings += [f"Not understood: {one}." for one in facts.pam.not_understood]
    known = {*facts.users.passwd, *facts.guests, "anonymous", "ftp"}
    for name in facts.own_options:
        if name not in known and name != options.text("ftp_username"):
            facts.warnings.append(f"A file in user_config_dir for {name!r}, who has no account.")
    facts.warnings += facts.users.doubts


def _other_files(host: Host) -> Iterator[str]:
    """Lines that load another configuration for some addresses: it may give more."""
    for number, line in enumerate(lines_of(host.read_many([_WRAPPERS])[_WRAPPERS]), 1):
        if "VSFTPD_LOAD_CONF" in line.partition("#")[0]:
            yield (
                f"{_WRAPPERS}:{number} loads another configuration for some client addresses; "
                "what it gives is not shown"
            )
