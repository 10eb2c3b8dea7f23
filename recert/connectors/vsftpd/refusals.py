"""Why vsftpd ends every session before anybody has signed in (500 OOPS)."""

from collections.abc import Collection, Iterator

from recert.connectors.hosts import FileMissing, Host
from recert.connectors.vsftpd.options import Options


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


def _at(options: Options, *names: str) -> str:
    """The first of these that the file says."""
    said = (options.said_at[name] for name in names if name in options.said_at)
    return next(said, "built-in default")


def _is_missing(host: Host, path: str) -> bool:
    return isinstance(host.read_many([path])[path], FileMissing)
