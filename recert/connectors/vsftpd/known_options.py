"""The options of vsftpd with the defaults of Debian's binary (its manual names other ones), the
options that other builds have besides, and why some have no bearing on anybody's rights."""

_OFF = """
    allow_anon_ssl allow_writeable_chroot anon_mkdir_write_enable anon_other_write_enable
    anon_upload_enable ascii_download_enable ascii_upload_enable async_abor_enable
    chown_uploads chroot_list_enable chroot_local_user connect_from_port_20 debug_ssl
    delete_failed_uploads deny_email_enable dirmessage_enable dual_log_enable
    force_anon_data_ssl force_anon_logins_ssl force_dot_files guest_enable hide_ids
    http_enable implicit_ssl listen listen_ipv6 local_enable log_ftp_protocol
    ls_recurse_enable no_anon_password no_log_lock one_process_model passwd_chroot_enable
    pasv_addr_resolve pasv_promiscuous port_promiscuous ptrace_sandbox require_cert
    run_as_launching_user seccomp_sandbox secure_email_list_enable session_support
    setproctitle_enable ssl_enable ssl_sslv2 ssl_sslv3 strict_ssl_write_shutdown
    syslog_enable tcp_wrappers text_userdb_names tilde_user_enable use_localtime
    userlist_enable utf8_filesystem validate_cert virtual_use_local_privs write_enable
    xferlog_enable xferlog_std_format
"""
_ON = """
    anon_world_readable_only anonymous_enable background check_shell chmod_enable
    dirlist_enable download_enable force_local_data_ssl force_local_logins_ssl ftp_enable
    isolate isolate_network lock_upload_files mdtm_write pasv_enable port_enable
    require_ssl_reuse ssl_request_cert ssl_tlsv1 strict_ssl_read_eof use_sendfile
    userlist_deny
"""
SWITCHES = {**dict.fromkeys(_OFF.split(), False), **dict.fromkeys(_ON.split(), True)}
_NUMBERS = """
    accept_timeout anon_max_rate anon_umask chown_upload_mode connect_timeout
    data_connection_timeout delay_failed_login delay_successful_login file_open_mode
    ftp_data_port idle_session_timeout listen_port local_max_rate local_umask max_clients
    max_login_fails max_per_ip pasv_max_port pasv_min_port trans_chunk_size
"""
NUMBERS = frozenset(_NUMBERS.split())
_NOTHING = """
    anon_root banner_file ca_certs_file cmds_allowed cmds_denied deny_file download_file
    dsa_cert_file dsa_private_key_file ftpd_banner hide_file listen_address listen_address6
    local_root pasv_address rsa_private_key_file upload_file user_config_dir user_sub_token
"""
TEXTS = {
    **dict.fromkeys(_NOTHING.split(), ""),
    "banned_email_file": "/etc/vsftpd.banned_emails",
    "chown_username": "root",
    "chroot_list_file": "/etc/vsftpd.chroot_list",
    "email_password_file": "/etc/vsftpd.email_passwords",
    "ftp_username": "ftp",
    "guest_username": "ftp",
    "message_file": ".message",
    "nopriv_user": "nobody",
    "pam_service_name": "vsftpd",
    "rsa_cert_file": "/usr/share/ssl/certs/vsftpd.pem",
    "secure_chroot_dir": "/var/run/vsftpd/empty",
    "ssl_ciphers": "ECDHE-RSA-AES256-GCM-SHA384",
    "userlist_file": "/etc/vsftpd.user_list",
    "vsftpd_log_file": "/var/log/vsftpd.log",
    "xferlog_file": "/var/log/xferlog",
}

DEBIAN, DEBIAN_3_0_5 = "debian", "debian-3.0.5"
_3_0_5 = ("3.0.5", DEBIAN_3_0_5)
# Builds that know more options: option -> (builds, default). A text has "" as its default.
OTHERS: dict[str, tuple[tuple[str, ...], bool | str]] = {
    "reverse_lookup_enable": (("redhat",), True),
    "userlist_log": (("redhat",), False),
    "wc_logs_enable": (("redhat",), False),
    "better_stou": (("redhat",), False),
    "dh_param_file": (("redhat",), ""),
    "ecdh_param_file": (("redhat",), ""),
    "ssl_tlsv1_1": (("redhat", *_3_0_5), False),
    "ssl_tlsv1_2": (("redhat", *_3_0_5), True),
    "ssl_tlsv1_3": (("redhat", *_3_0_5), True),
    "ssl_sni_hostname": (_3_0_5, ""),
}
OF_RED_HAT_ALONE = "reverse_lookup_enable"
BUILDS = (DEBIAN, DEBIAN_3_0_5, "redhat", "3.0.5")
# Debian changes these; other builds have what the author of vsftpd chose.
_OF_OTHERS = {"pam_service_name": "ftp", "secure_chroot_dir": "/usr/share/empty"}


def default(name: str, build: str) -> bool | str:
    """What holds when the file does not say it."""
    if name in OTHERS:
        return OTHERS[name][1]
    if build not in (DEBIAN, DEBIAN_3_0_5) and name in _OF_OTHERS:
        return _OF_OTHERS[name]
    return SWITCHES[name] if name in SWITCHES else TEXTS[name]


_REASONS = {
    "how a client connects and how fast; no right depends on it": """
        accept_timeout anon_max_rate async_abor_enable connect_from_port_20 connect_timeout
        data_connection_timeout delay_failed_login delay_successful_login ftp_data_port
        idle_session_timeout listen listen_address listen_address6 listen_ipv6 listen_port
        local_max_rate max_clients max_login_fails max_per_ip pasv_addr_resolve pasv_address
        pasv_max_port pasv_min_port pasv_promiscuous port_promiscuous trans_chunk_size
        reverse_lookup_enable
    """,
    "TLS: a client speaks it when it must": """
        allow_anon_ssl debug_ssl
        force_anon_data_ssl force_anon_logins_ssl force_local_data_ssl force_local_logins_ssl
        implicit_ssl require_ssl_reuse ssl_ciphers
        ssl_sslv2 ssl_sslv3 ssl_tlsv1 ssl_tlsv1_1 ssl_tlsv1_2 ssl_tlsv1_3
        ssl_sni_hostname strict_ssl_read_eof strict_ssl_write_shutdown dh_param_file
        ecdh_param_file
    """,
    "what stands in listings, greetings and logs": """
        ascii_download_enable ascii_upload_enable dirmessage_enable force_dot_files
        ftpd_banner hide_ids log_ftp_protocol ls_recurse_enable message_file no_log_lock
        setproctitle_enable text_userdb_names use_localtime utf8_filesystem
        userlist_log wc_logs_enable
    """,
    "how new files look, not who may make them": """
        anon_umask chown_upload_mode delete_failed_uploads file_open_mode local_umask
        lock_upload_files better_stou
    """,
    "how the daemon runs; sessions do the same": """
        background isolate isolate_network ptrace_sandbox seccomp_sandbox use_sendfile
    """,
    "the time of a file, which is no right of ours": "mdtm_write",
    "an anonymous client types any address": "no_anon_password",
    "asked for by builds without PAM only": "check_shell",
    "another way to type a folder that is reachable anyway": "tilde_user_enable",
}
WITHOUT_BEARING = {name: why for why, names in _REASONS.items() for name in names.split()}
