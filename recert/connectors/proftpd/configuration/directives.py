"""Which directives decide about rights, which have no bearing on them, and which only take away.

Three answers to a name: it is understood (code of this package evaluates it); it has no bearing
(the reason stands beside it, and a test measures it at the real daemon); it can only take access
away (the grants of its section are widened). A name in none of the tables may add access that
nobody can list, so the reading is partial.
"""

from collections.abc import Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _by_name(reasons: Mapping[str, str]) -> dict[str, str]:
    return {name: reason for reason, names in reasons.items() for name in names.split()}


# Code of this package reads the name; a test looks for it.
UNDERSTOOD = _names(
    """
    allow allowall allowchrootsymlinks allowclass allowfilter allowgroup
    allowoverride allowoverwrite allowstorerestart allowuser anonrequirepassword authaliasonly
    authgroupfile authorder authpam authpamconfig authuserfile copyengine createhome defaultroot
    define deny denyall denyclass denyfilter denygroup denyuser extendedlog group hidefiles
    hidegroup hidenoaccess hideuser ignorehidden loadmodule logformat order pathallowfilter
    pathdenyfilter pidfile port protocols radiusengine requirevalidshell rewritehome rlimitchroot
    rootlogin setenv sftpauthmethods sftpauthorizedhostkeys sftpauthorizeduserkeys sftpengine
    sftplog sitemiscengine sqlauthenticate sqlauthtypes sqlbackend sqlconnectinfo sqldefaultgid
    sqldefaulthomedir sqldefaultuid sqlengine sqlgroupinfo sqlgroupwhereclause sqlminid
    sqlminusergid sqlminuseruid sqlnamedquery sqluserinfo sqluserwhereclause systemlog tlsoptions
    tlsusername transferlog unsetenv useftpusers user useralias userdirroot userpassword
    vrootalias vrootengine vrootoptions ldapusers ldapserver
    """
)

# Measured: with all of them in the file, no cell of any account is another one.
WITHOUT_BEARING = _by_name(
    {
        "texts that are sent to clients": """
            accessdenymsg accessgrantmsg deferwelcome displaychdir displayconnect
            displayfiletransfer displaylogin displayquit displayreadme multilinerfc2228
            serveradmin serverident servername sqlshowinfo wrapallowmsg wrapdenymsg""",
        "logs and traces of the daemon": """
            allowlogsymlinks debuglevel forensiclogbuffersize forensiclogcapture
            forensiclogcriteria forensiclogengine forensiclogfile logoptions sqllog sqllogfile
            sqllogonevent syslogfacility sysloglevel tlslog trace tracelog traceoptions uselastlog
            vrootlog wtmplog""",
        "how listings look; the names in them stay": """
            dirfakegroup dirfakemode dirfakeuser factsadvertise factsdefault factsoptions
            listoptions liststyle showsymlinks sortednlst timesgmt""",
        "numbers of clients, attempts, transfers: who waits gets in": """
            maxclients maxclientsperclass maxclientsperhost maxclientsperuser maxcommandrate
            maxconnectionrate maxconnectionsperhost maxhostsperuser maxinstances maxload
            maxloginattempts maxloginattemptsfromuser maxtransfersperhost maxtransfersperuser""",
        "times and speed": """
            delaycontrolsacls delayengine delayonevent delaytable timeoutidle timeoutlinger
            timeoutlogin timeoutnotransfer timeoutsession timeoutstalled transferoptions
            transferrate usesendfile commandbuffersize""",
        "limits of the process, and how it runs": """
            capabilitiesengine capabilitiesrootrevoke capabilitiesset processtitles rlimitcpu
            rlimitmemory rlimitopenfiles scoreboardfile scoreboardmutex scoreboardscrub servertype
            fscachepolicy fsoptions""",
        "addresses, ports and sockets; the client that is asked about reaches the server": """
            addresscollisioncheck allowforeignaddress defaultaddress defaultserver
            dynmasqcontrolsacls dynmasqrefresh identlookups masqueradeaddress passiveports
            qosoptions serveralias socketbindtight socketoptions tcpbacklog tcpnodelay useipv6
            usenoncompliantactivetransfer usereversedns""",
        "the control socket of administrators": """
            admincontrolsacls admincontrolsengine bancontrolsacls controlsauthfreshness
            controlsengine controlsinterval controlslog controlsmaxclients controlssocket
            controlssocketacl controlssocketowner modulecontrolsacls""",
        "modules and files: the files are read, and each module is judged by itself": """
            include includeoptions loadfile moduleorder modulepath regexoptions""",
        "modes of what is made later; files of others stay as they are": """
            umask hiddenstores deleteabortedstores storeuniqueprefix groupowner
            userowner""",
        "where a session begins inside of its root": "cdpath defaultchdir",
        "restarts and modes of transfers": """
            allowretrieverestart defaulttransfermode ignoreascii deflateengine deflatelog""",
        "letters of names; each file has a name that passes": """
            langdefault langengine langoptions langpath useencoding useglobbing""",
        "sums and caches of files that can be read": """
            digestalgorithms digestcache digestdefaultalgorithm digestenable digestengine
            digestmaxsize digestoptions statcachecapacity statcachecontrolsacls statcacheengine
            statcachemaxage statcachetable""",
        "robots, and the words that clients send as a password, which they choose": """
            allowemptypasswords anonallowrobots anonrejectpasswords authusingalias""",
        "how password files are checked when the daemon starts": "authfileoptions persistentpasswd",
        "the copying of files that can be read; the module itself is evaluated": """
            copyoptions""",
        "kernel permissions hold with and without it": "faclengine",
        "encryption of FTP: a client that can do it gets in": """
            tlscacertificatefile tlscacertificatepath tlscarevocationfile tlscarevocationpath
            tlscertificatechainfile tlsciphersuite tlscontrolsacls tlscryptodevice tlsdhparamfile
            tlsdsacertificatefile tlsdsacertificatekeyfile tlseccertificatefile
            tlseccertificatekeyfile tlsecdhcurve tlsengine tlsmasqueradeaddress tlsnextprotocol
            tlspassphraseprovider tlspkcs12file tlspresharedkey tlsprotocol tlsrandomseed
            tlsrenegotiate tlsrequired tlsrsacertificatefile tlsrsacertificatekeyfile
            tlsservercipherpreference tlsserverinfofile tlssessioncache tlssessionticketkeys
            tlssessiontickets tlsstapling tlsstaplingcache tlsstaplingoptions
            tlsstaplingresponder tlsstaplingtimeout tlstimeouthandshake""",
        "encryption of SFTP: a client that can do it gets in": """
            sftpacceptenv sftpciphers sftpclientalive sftpclientmatch sftpcompression
            sftpcryptodevice sftpdhparamfile sftpdigests sftpdisplaybanner sftphostkey sftphostkeys
            sftpkeyexchanges sftpkeylimits sftplanguages sftpmaxchannels sftppassphraseprovider
            sftprekey sftptrafficpolicy sftppamoptions sftppamservicename""",
        "how passwords of a database are checked; whoever has one gets in": """
            sqlkeepalive sqlnegativecache sqlpasswordargon2 sqlpasswordcost sqlpasswordencoding
            sqlpasswordengine sqlpasswordoptions sqlpasswordpbkdf2 sqlpasswordrounds
            sqlpasswordsaltencoding sqlpasswordsaltfile sqlpasswordscrypt sqlpasswordusersalt
            sqlratios sqlratiostats""",
        "a table of counts, a number for each session": "uniqueidengine",
    }
)

# They keep clients out, names or commands; none of them lets anybody in or shows another folder.
TAKES_AWAY = _names(
    """
    allowsymlinkuploads authotpalgorithm authotpengine authotplog authotpoptions authotptable
    authotptablelock authpamoptions authunixoptions bancache bancacheoptions banengine banlog
    banmessage banonevent banoptions bantable byteratioerrmsg cwdratiomsg dnsbldomain dnsblengine
    dnsbllog dnsblpolicy execbeforecommand execenable execengine execenviron execlog
    execoncommand execonconnect execonerror execonevent execonexit execonrestart execoptions
    exectimeout fileratioerrmsg geoipallowfilter geoipdenyfilter geoipengine geoiplog
    geoippolicy geoiptable groupratio hostratio leechratiomsg maxpasswordsize
    maxretrievefilesize maxstorefilesize memcacheengine memcachelog memcacheoptions
    memcacheservers quotadefault quotadirectorytally quotadisplayunits quotaengine
    quotaexcludefilter quotalimittable quotalock quotalog quotaoptions quotashowquotas
    quotatallytable anonratio ratiofile ratios ratiotempfile redisengine redislog
    redislogoncommand redisserver requirevalidencoding rewritecondition rewriteengine
    rewritelock rewritelog rewritemap rewritemaxreplace rewriterule saveratios satisfy
    sftpextensions sftpkeyblacklist sftpoptions sftppamengine shaperall shaperengine shaperlog
    shapersession shapertable sqloptions tlsverifyclient tlsverifydepth tlsverifyorder
    tlsverifyserver userratio wrapengine wrapgrouptables wraplog wrapoptions wrapservicename
    wraptables wrapusertables vrootserverroot useslink
    """
)

# They describe a source of accounts; whether the source can be read is asked elsewhere, once.
OF_SOURCES = _names(
    """
    radiusacctserver radiusauthserver
    radiusgroupinfo radiuslog radiusnasidentifier radiusoptions radiusquotainfo radiusrealm
    radiususerinfo radiusvendor sqlnamedconnectinfo ldapaliasdereference ldapattr
    ldapauthbinds ldapbinddn ldapconnecttimeout ldapdefaultauthscheme ldapdefaultgid
    ldapdefaultuid ldapforcedefaultgid ldapforcedefaultuid ldapforcegeneratedhomedir
    ldapgeneratehomedir ldapgeneratehomedirprefix ldapgeneratehomedirprefixnousername
    ldapgroups ldaplog ldapprotocolversion ldapquerytimeout ldapsearchscope ldapusetls
    ldapoptions ldaptlscacertificatefile
    """
)

# Sections with a meaning here; any other section may hold anything.
SECTIONS = _names(
    """
    <anonymous> <class> <directory> <global> <ifauthenticated> <ifclass> <ifgroup> <ifuser>
    <limit> <virtualhost>
    """
)

# Parts that hold or do not; they are resolved while the files are read.
CONDITIONS = _names("<ifdefine> <ifmodule> <ifversion>")

# The daemon copies them into the sections below.
INHERITED = _names(
    """
    allowoverride allowoverwrite allowstorerestart hidefiles hidegroup hidenoaccess hideuser
    pathallowfilter pathdenyfilter requirevalidshell useftpusers
    """
)

# Of several in one set all count; others are replaced by the one of an <IfUser> or <IfGroup>.
REPEATED = _names(
    """
    allowoverride defaultroot extendedlog hidefiles hidegroup hideuser logformat pathallowfilter
    pathdenyfilter sqllog useralias userpassword vrootalias
    """
)

# Modules that offer no accounts and no folders: those of Debian's packages.
MODULES = _names(
    """
    mod_auth mod_auth_file mod_auth_otp mod_auth_pam mod_auth_unix mod_ban mod_cap mod_copy
    mod_core mod_ctrls mod_ctrls_admin mod_deflate mod_delay mod_digest mod_dnsbl mod_dso
    mod_dynmasq mod_exec mod_facl mod_facts mod_geoip mod_ident mod_ifsession mod_ifversion
    mod_lang mod_ldap mod_load mod_log mod_log_forensic mod_ls mod_memcache mod_qos mod_quotatab
    mod_quotatab_file mod_quotatab_ldap mod_quotatab_radius mod_quotatab_sql mod_radius mod_ratio
    mod_readme mod_redis mod_rewrite mod_rlimit mod_sftp mod_sftp_pam mod_sftp_sql mod_shaper
    mod_site mod_site_misc mod_snmp mod_sql mod_sql_mysql mod_sql_odbc mod_sql_passwd
    mod_sql_postgres mod_sql_sqlite mod_statcache mod_tls mod_tls_fscache mod_tls_memcache
    mod_tls_redis mod_tls_shmcache mod_unique_id mod_vroot mod_wrap mod_wrap2 mod_wrap2_file
    mod_wrap2_redis mod_wrap2_sql mod_xfer
    """
)


def is_known(name: str) -> bool:
    """True when the directive is understood or has no bearing on rights."""
    return name in UNDERSTOOD or name in WITHOUT_BEARING or name in OF_SOURCES


def is_directive(name: str) -> bool:
    """True for names that can begin a line of the daemon's configuration."""
    plain = f"<{name[2:]}" if name.startswith("</") else name
    return is_known(name) or only_takes_away(name) or plain in SECTIONS or plain in CONDITIONS


def only_takes_away(name: str) -> bool:
    """True when the worst that it does is to keep somebody out."""
    return name in TAKES_AWAY
