"""The rights that vsftpd's own configuration leaves, whatever the kernel permits."""

from collections.abc import Iterator

from recert.connectors.rights import Rights
from recert.connectors.vsftpd.options import Options

_STORES = Rights.UPLOAD | Rights.OVERWRITE
_CHANGES = _STORES | Rights.DELETE | Rights.RENAME | Rights.MKDIR | Rights.RMDIR | Rights.CHMOD


def _commands(text: str) -> frozenset[str]:
    """The commands of a list, which only commas separate; a name in lower case or with a blank
    matches no command."""
    return frozenset(part for part in text.split(",") if part)


def can_sign_in(options: Options) -> bool:
    """Whether the commands of a login are left; the main file's lists count for them."""
    return _passes(options, "USER") and _passes(options, "PASS")


def _passes(options: Options, *commands: str) -> bool:
    """Whether any of these commands is allowed."""
    allowed, denied = (_commands(options.text(name)) for name in ("cmds_allowed", "cmds_denied"))
    return any(
        command not in denied and (not options.text("cmds_allowed") or command in allowed)
        for command in commands
    )


def _has_data_connection(options: Options) -> bool:
    passive = options.is_on("pasv_enable") and _passes(options, "PASV", "EPSV")
    active = options.is_on("port_enable") and _passes(options, "PORT", "EPRT")
    return passive or active


def allowed(options: Options, *, as_anonymous: bool) -> Rights:
    """The rights that the configuration leaves. `as_anonymous` is true for the anonymous account
    and for guests without the privileges of local users."""
    data, writes = _has_data_connection(options), options.is_on("write_enable")
    upload, make, other = (
        not as_anonymous or options.is_on(f"anon_{name}_enable")
        for name in ("upload", "mkdir_write", "other_write")
    )
    lists = options.is_on("dirlist_enable")
    holding = {
        Rights.LIST: lists
        and ((data and _passes(options, "LIST", "NLST")) or _passes(options, "STAT")),
        Rights.DOWNLOAD: data and options.is_on("download_enable") and _passes(options, "RETR"),
        Rights.UPLOAD: data
        and ((upload and _passes(options, "STOR", "STOU")) or (other and _passes(options, "APPE"))),
        Rights.OVERWRITE: data
        and other
        and ((upload and _passes(options, "STOR")) or _passes(options, "APPE")),
        Rights.DELETE: other and _passes(options, "DELE"),
        Rights.RENAME: other and _passes(options, "RNFR") and _passes(options, "RNTO"),
        Rights.MKDIR: make and _passes(options, "MKD", "XMKD"),
        Rights.RMDIR: other and _passes(options, "RMD", "XRMD"),
        Rights.CHMOD: not as_anonymous
        and options.is_on("chmod_enable")
        and _passes(options, "SITE"),
    }
    rights = Rights.NONE
    for right, holds in holding.items():
        if holds and (writes or not right & _CHANGES):
            rights |= right
    return rights


def can_name_only(options: Options) -> bool:
    """Whether NLST is left: it shows the names of a folder that cannot be entered, which LIST
    (it looks at every entry) does not."""
    return _has_data_connection(options) and _passes(options, "NLST")


def reasons(options: Options, *, as_anonymous: bool) -> Iterator[str]:
    """Text with file and line for each switch and command list that removes rights."""
    for name, what in (
        ("write_enable", "all changes"),
        ("download_enable", "downloads"),
        ("dirlist_enable", "listings"),
        ("chmod_enable", "changing modes"),
    ):
        if not options.is_on(name):
            yield f"{what} switched off by {name} ({options.at(name)})"
    if options.text("cmds_allowed"):
        yield f"only the commands {options.text('cmds_allowed')} ({options.at('cmds_allowed')})"
    if options.text("cmds_denied"):
        yield f"commands {options.text('cmds_denied')} denied ({options.at('cmds_denied')})"
    if as_anonymous:
        yield "limited as an anonymous login"
