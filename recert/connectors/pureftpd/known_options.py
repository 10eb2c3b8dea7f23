"""The options of Pure-FTPd, their configured values, and why some have no bearing on rights."""

from dataclasses import dataclass, field

SWITCHES = frozenset(
    {
        *("AllowAnonymousFXP", "AllowDotFiles", "AllowUserFXP", "AnonymousCanCreateDirs"),
        *("AnonymousCantUpload", "AnonymousOnly", "AntiWarez", "AutoRename", "Daemonize"),
        *("BrokenClientsCompatibility", "CallUploadScript", "ChrootEveryone", "CreateHomeDir"),
        *("CustomerProof", "DisplayDotFiles", "DontResolve", "IPV4Only", "IPV6Only"),
        *("KeepAllFiles", "LogPID", "NATmode", "NoAnonymous", "NoChmod", "NoRename", "NoTruncate"),
        *("ProhibitDotFilesRead", "ProhibitDotFilesWrite", "VerboseLog"),
    }
)
VALUES = frozenset(
    {
        *("AltLog", "AnonymousBandwidth", "AnonymousRatio", "Bind", "ForcePassiveIP", "TrustedIP"),
        *("FortunesFile", "FSCharset", "ClientCharset", "LimitRecursion", "MaxClientsNumber"),
        *("MaxClientsPerIP", "MaxDiskUsage", "MaxIdleTime", "MaxLoad", "MinUID", "Umask", "TLS"),
        *("PassivePortRange", "PerUserLimits", "Quota", "SyslogFacility", "TLSCipherSuite"),
        *("TrustedGID", "UserBandwidth", "UserRatio"),
    }
)
NUMBERS = frozenset({"MinUID", "TrustedGID", "MaxClientsNumber", "MaxClientsPerIP", "TLS"})
METHODS = {
    "ExtAuth": "extauth",
    "LDAPConfigFile": "ldap",
    "MySQLConfigFile": "mysql",
    "PGSQLConfigFile": "pgsql",
    "PAMAuthentication": "pam",
    "PureDB": "puredb",
    "UnixAuthentication": "unix",
}
_REASONS = {
    "how a client connects, when, and how fast": """
        AllowAnonymousFXP AllowUserFXP AnonymousBandwidth Bind BrokenClientsCompatibility
        Daemonize DontResolve ForcePassiveIP IPV4Only IPV6Only MaxClientsNumber MaxClientsPerIP
        MaxIdleTime MaxLoad NATmode PassivePortRange PerUserLimits TLS TLSCipherSuite TrustedIP
        UserBandwidth CertFile CertFileAndKey ExtCert
    """,
    "what stands in listings, greetings and logs": """
        ClientCharset DisplayDotFiles FortunesFile FSCharset LimitRecursion LogPID
        SyslogFacility VerboseLog
    """,
    "what runs after an upload": "CallUploadScript",
    "how much may be stored or fetched at once, not whether": """
        AnonymousRatio MaxDiskUsage Quota UserRatio
    """,
    "new modes keep the owner's bits; the right to change them stays": "CustomerProof",
}
WITHOUT_BEARING = {name: why for why, names in _REASONS.items() for name in names.split()}


@dataclass(frozen=True)
class Method:
    """One way to sign in, in the order in which they are tried."""

    name: str  # puredb, unix, pam, ...
    value: str = ""
    place: str = ""  # where it is defined


# The default of Debian's build when no way to sign in is configured.
BY_DEFAULT = Method("pam", "", "built-in default")


@dataclass
class Options:
    """The options that the server is started with."""

    folder: str
    switches: frozenset[str] = frozenset()
    values: dict[str, str] = field(default_factory=dict)
    methods: list[Method] = field(default_factory=list)
    defined_at: dict[str, str] = field(default_factory=dict)  # option -> file or file:line

    def at(self, name: str) -> str:
        """Where an option is defined, for explanations."""
        return self.defined_at.get(name, "built-in default")

    def is_on(self, name: str) -> bool:
        return name in self.switches

    def number(self, name: str) -> int | None:
        text = self.values.get(name, "")
        return int(text) if text.isdecimal() else None
