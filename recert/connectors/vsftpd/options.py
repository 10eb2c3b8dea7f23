"""The configuration language of vsftpd, exactly as the daemon reads it.

Later lines win; "#" starts a comment in the first column only; nothing may stand around "=".
What would stop the daemon (or this user's login) is an error here too.
"""

from dataclasses import dataclass, field

from recert.connectors.contract import ServerDataInvalid

# The defaults of the binary; its manual names other ones for some.
SWITCHES = {
    **dict.fromkeys(
        (
            *("allow_anon_ssl", "allow_writeable_chroot", "anon_mkdir_write_enable"),
            *("anon_other_write_enable", "anon_upload_enable", "ascii_download_enable"),
            *("ascii_upload_enable", "async_abor_enable", "chown_uploads", "chroot_list_enable"),
            *("chroot_local_user", "connect_from_port_20", "debug_ssl", "delete_failed_uploads"),
            *("deny_email_enable", "dirmessage_enable", "dual_log_enable", "force_anon_data_ssl"),
            *(
                "force_anon_logins_ssl",
                "force_dot_files",
                "guest_enable",
                "hide_ids",
                "http_enable",
            ),
            *("implicit_ssl", "listen_ipv6", "local_enable", "log_ftp_protocol"),
            *("ls_recurse_enable", "no_anon_password", "no_log_lock", "one_process_model"),
            *("passwd_chroot_enable", "pasv_addr_resolve", "pasv_promiscuous", "port_promiscuous"),
            *("ptrace_sandbox", "require_cert", "run_as_launching_user"),
            *("secure_email_list_enable", "session_support", "setproctitle_enable", "ssl_enable"),
            *("ssl_request_cert", "ssl_sslv2", "ssl_sslv3", "strict_ssl_read_eof", "syslog_enable"),
            *(
                "strict_ssl_write_shutdown",
                "tcp_wrappers",
                "text_userdb_names",
                "tilde_user_enable",
            ),
            *("use_localtime", "userlist_enable", "userlist_log", "utf8_filesystem"),
            *("validate_cert", "virtual_use_local_privs", "write_enable", "xferlog_enable"),
            *("xferlog_std_format", "listen"),
        ),
        False,
    ),
    **dict.fromkeys(
        (
            *("anonymous_enable", "anon_world_readable_only", "check_shell", "chmod_enable"),
            *("dirlist_enable", "download_enable", "force_local_data_ssl"),
            *("force_local_logins_ssl", "ftp_enable", "isolate_network", "isolate"),
            *("lock_upload_files", "mdtm_write", "pasv_enable", "port_enable"),
            *("require_ssl_reuse", "seccomp_sandbox", "ssl_tlsv1", "ssl_tlsv1_1", "ssl_tlsv1_2"),
            *("use_sendfile", "userlist_deny", "background"),
        ),
        True,
    ),
}
NUMBERS = frozenset(
    {
        *("accept_timeout", "anon_max_rate", "anon_umask", "chown_upload_mode", "connect_timeout"),
        *("data_connection_timeout", "delay_failed_login", "delay_successful_login"),
        *("file_open_mode", "ftp_data_port", "idle_session_timeout", "listen_port"),
        *("local_max_rate", "local_umask", "max_clients", "max_login_fails", "max_per_ip"),
        *("pasv_max_port", "pasv_min_port", "trans_chunk_size"),
    }
)
TEXTS = {
    **dict.fromkeys(
        (
            *("anon_root", "banner_file", "ca_certs_file", "cmds_allowed", "cmds_denied"),
            *("deny_file", "download_file", "dsa_cert_file", "dsa_private_key_file", "ftpd_banner"),
            *("hide_file", "listen_address", "listen_address6", "local_root", "pasv_address"),
            *("rsa_private_key_file", "ssl_ciphers", "upload_file", "user_config_dir"),
            "user_sub_token",
        ),
        "",
    ),
    "banned_email_file": "/etc/vsftpd.banned_emails",
    "chown_username": "root",
    "chroot_list_file": "/etc/vsftpd.chroot_list",
    "email_password_file": "/etc/vsftpd.email_passwords",
    "ftp_username": "ftp",
    "guest_username": "ftp",
    "message_file": ".message",
    "nopriv_user": "nobody",
    "pam_service_name": "ftp",
    "rsa_cert_file": "/usr/share/ssl/certs/vsftpd.pem",
    "secure_chroot_dir": "/usr/share/empty",
    "userlist_file": "/etc/vsftpd.user_list",
    "vsftpd_log_file": "/var/log/vsftpd.log",
    "xferlog_file": "/var/log/xferlog",
}
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass
class Options:
    """What one file says, over what was said before it."""

    values: dict[str, bool | str] = field(default_factory=dict)
    said_at: dict[str, str] = field(default_factory=dict)  # option -> file:line

    def is_on(self, name: str) -> bool:
        value = self.values.get(name, SWITCHES[name])
        return bool(value)

    def text(self, name: str) -> str:
        return str(self.values.get(name, TEXTS[name]))

    def at(self, name: str) -> str:
        """Where it is said, for reasons."""
        return self.said_at.get(name, "built-in default")


def parse(raw: bytes, file: str, before: Options | None = None) -> Options:
    """The options of a file, added to those of the main file. ServerDataInvalid names the first
    line that the daemon would refuse."""
    options = Options(dict(before.values), dict(before.said_at)) if before else Options()
    for number, line in enumerate(raw.decode("utf-8", errors="surrogateescape").split("\n"), 1):
        _line(line, f"{file}:{number}", options)
    return options


def _line(line: str, place: str, options: Options) -> None:
    if line.startswith("#"):
        return
    text = line.lstrip(" \t\r\v\f")
    if not text:
        return
    name, equals, value = text.partition("=")
    if name in SWITCHES:
        word = _WORDS.get(value.lower())
        if word is None:
            raise ServerDataInvalid(f"{place}: {name} must be YES or NO, not {value!r}.")
        options.values[name] = word
    elif name in TEXTS:
        options.values[name] = value.rstrip(" \t\r\v\f")
    elif name not in NUMBERS or not equals:
        raise ServerDataInvalid(f"{place}: {name!r} is no option that vsftpd knows.")
    options.said_at[name] = place
