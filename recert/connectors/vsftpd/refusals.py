"""Why vsftpd does not start, or ends every session before anybody has signed in (500 OOPS)."""

from collections.abc import Collection, Iterator

from recert.connectors.hosts import FileMissing, Host
from recert.connectors.vsftpd.options import Options

_VOLATILE = ("/run/", "/var/run/")
_TLS_FILES = (
    ("rsa_cert_file", "rsa_private_key_file"),
    ("dsa_cert_file", "dsa_private_key_file"),
)


def refuses_everybody(host: Host, options: Options, users: Collection[str] | None) -> str:
    """The first reason with its file and line; empty when there is none. `users` is None when
    some of them cannot be listed."""
    return next(_faults(host, options, users), "")


def _faults(host: Host, options: Options, users: Collection[str] | None) -> Iterator[str]:
    for switches, name in (
        (("local_enable", "userlist_enable"), "userlist_file"),
        (("deny_email_enable",), "banned_email_file"),
        (("secure_email_list_enable",), "email_password_file"),
        ((), "banner_file"),
    ):
        path = options.text(name)
        if path and all(map(options.is_on, switches)) and _is_missing(host, path):
            yield f"{path} ({name}, {_at(options, name, *switches)}) is missing"
    for switch, name in (
        ("anonymous_enable", "ftp_username"),
        ("guest_enable", "guest_username"),
        ("chown_uploads", "chown_username"),
        ("", "nopriv_user"),
    ):
        user = options.text(name)
        used = not switch or options.is_on(switch)
        if used and users is not None and user not in users:
            yield f"the system user {user} ({name}, {_at(options, name, switch)}) does not exist"
    if options.is_on("one_process_model") and options.is_on("local_enable"):
        yield f"one_process_model ({options.at('one_process_model')}) is for anonymous logins only"
    if options.is_on("http_enable") and not options.is_on("one_process_model"):
        yield f"http_enable ({options.at('http_enable')}) needs one_process_model"
    if not options.is_on("ftp_enable"):
        yield f"ftp_enable is off ({options.at('ftp_enable')})"

    path = options.text("secure_chroot_dir")
    if fault := _of_the_empty_folder(host, options, path):
        yield f"{path} (secure_chroot_dir, {_at(options, 'secure_chroot_dir')}) {fault}"


def _of_the_empty_folder(host: Host, options: Options, path: str) -> str:
    """A folder below /run is made anew when the daemon starts, so its absence passes."""
    fact = host.stat(path)
    if fact is None:
        passes = "secure_chroot_dir" not in options.defined_at or path.startswith(_VOLATILE)
        return "" if passes else "is missing"
    if not fact.is_folder:
        return "is no folder"
    return "is writable for everybody" if fact.mode & 0o002 else ""


def refused_at_the_start(host: Host, options: Options) -> str:
    """The file of TLS without which the daemon does not start, with its line; empty when there is
    none. Whether it holds what it should is not looked at: it may be a private key."""
    if not options.is_on("ssl_enable"):
        return ""
    needed = [key for cert, key in _TLS_FILES if options.text(cert)]
    needed = [*(cert for cert, _ in _TLS_FILES), *needed]
    needed += ["ca_certs_file"] if options.is_on("ssl_request_cert") else []
    paths = {name: options.text(name) for name in needed if options.text(name)}
    facts = host.stat_many(list(paths.values()))
    return next(
        (
            f"{path} ({name}, {_at(options, name, 'ssl_enable')}) is missing"
            for name, path in paths.items()
            if facts[path] is None
        ),
        "",
    )


def _at(options: Options, *names: str) -> str:
    """Where the first of these options is defined."""
    locations = (options.defined_at[name] for name in names if name in options.defined_at)
    return next(locations, "built-in default")


def _is_missing(host: Host, path: str) -> bool:
    return isinstance(host.read_many([path])[path], FileMissing)
