"""Which directives decide about rights, and which have no bearing on them.

A directive that stands in neither list is reported as not understood and widens the grants of its
section: silence would be a guess.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Read and taken into account somewhere in this package.
UNDERSTOOD = _names(
    """
    allow allowall allowchrootsymlinks allowclass allowfilter allowgroup allowoverride
    allowoverwrite allowstorerestart allowuser anonrequirepassword authaliasonly authfileoptions
    authgroupfile authorder authpam authpamconfig authuserfile copyengine defaultroot define
    deny denyall denyclass denyfilter denygroup denyuser extendedlog group hidefiles hidegroup
    hidenoaccess hideuser ignorehidden loadfile loadmodule logformat order pathallowfilter
    pathdenyfilter persistentpasswd pidfile port requirevalidshell rootlogin serveraddress
    servername setenv sftpauthmethods sftpauthorizeduserkeys sftpengine sftplog sitemiscengine
    sqlauthenticate sqlauthtypes sqlbackend sqlconnectinfo sqldefaultgid sqldefaulthomedir
    sqldefaultuid sqlengine sqlgroupinfo sqlgroupwhereclause sqllog sqlminid sqlminusergid
    sqlminuseruid sqluserinfo sqluserwhereclause systemlog transferlog unsetenv useftpusers
    uselastlog user useralias userdirroot userpassword wtmplog
    """
)

# Texts, logs, speed, connections, encryption, numbers of clients, looks of listings.
WITHOUT_BEARING = _names(
    """
    accessdenymsg accessgrantmsg addresscollisioncheck admincontrolsacls admincontrolsengine
    allowemptypasswords allowforeignaddress allowlogsymlinks allowretrieverestart
    allowsymlinkuploads anonallowrobots authpamoptions authunixoptions authusingalias bancache
    bancacheoptions bancontrolsacls banengine banlog banmessage bantable capabilitiesengine
    capabilitiesrootrevoke capabilitiesset cdpath commandbuffersize controlsauthfreshness
    controlsengine controlsinterval controlslog controlsmaxclients controlssocket
    controlssocketacl controlssocketowner copyoptions createhome debuglevel defaultaddress
    defaultchdir defaultserver defaulttransfermode deferwelcome deflateengine deflatelog
    delaycontrolsacls delayengine delayonevent delaytable deleteabortedstores digestalgorithms
    digestcache digestdefaultalgorithm digestenable digestengine digestmaxsize digestoptions
    dirfakegroup dirfakemode dirfakeuser dirumask displaychdir displayconnect
    displayfiletransfer displaylogin displayquit displayreadme dynmasqcontrolsacls
    dynmasqrefresh faclengine factsadvertise factsdefault factsoptions forensiclogbuffersize
    forensiclogcapture forensiclogcriteria forensiclogengine forensiclogfile fscachepolicy
    fsoptions hiddenstores identlookups ignoreascii include includeoptions langdefault
    langengine langoptions langpath listoptions liststyle logoptions masqueradeaddress
    maxclients maxclientsperclass maxclientsperhost maxclientsperuser maxcommandrate
    maxconnectionrate maxconnectionsperhost maxhostsperuser maxinstances maxload
    maxloginattempts maxloginattemptsfromuser maxpasswordsize maxretrievefilesize
    maxstorefilesize maxtransfersperhost maxtransfersperuser modulecontrolsacls moduleorder
    modulepath multilinerfc2228 passiveports processtitles protocols qosoptions regexoptions
    requirevalidencoding rlimitchroot rlimitcpu rlimitmemory rlimitopenfiles satisfy
    scoreboardfile scoreboardmutex scoreboardscrub serveradmin serveralias serverident
    servertype setumask sftpacceptenv sftpauthorizedhostkeys sftpciphers sftpclientalive
    sftpclientmatch sftpcompression sftpcryptodevice sftpdhparamfile sftpdigests
    sftpdisplaybanner sftpextensions sftphostkey sftphostkeys sftpkeyblacklist sftpkeyexchanges
    sftpkeylimits sftplanguages sftpmaxchannels sftpoptions sftppamengine sftppamoptions
    sftppamservicename sftppassphraseprovider sftprekey sftptrafficpolicy showsymlinks
    socketbindtight socketoptions sortednlst sqlkeepalive sqllogfile sqllogonevent sqlnamedquery
    sqlnegativecache sqloptions sqlpasswordargon2 sqlpasswordcost sqlpasswordencoding
    sqlpasswordengine sqlpasswordoptions sqlpasswordpbkdf2 sqlpasswordrounds
    sqlpasswordsaltencoding sqlpasswordsaltfile sqlpasswordscrypt sqlpasswordusersalt sqlratios
    sqlratiostats sqlshowinfo statcachecapacity statcachecontrolsacls statcacheengine
    statcachemaxage statcachetable storeuniqueprefix syslogfacility sysloglevel tcpbacklog
    tcpnodelay timeoutidle timeoutlinger timeoutlogin timeoutnotransfer timeoutsession
    timeoutstalled timesgmt tlscacertificatefile tlscacertificatepath tlscarevocationfile
    tlscarevocationpath tlscertificatechainfile tlsciphersuite tlscontrolsacls tlscryptodevice
    tlsdhparamfile tlsdsacertificatefile tlsdsacertificatekeyfile tlseccertificatefile
    tlseccertificatekeyfile tlsecdhcurve tlsengine tlslog tlsmasqueradeaddress tlsnextprotocol
    tlsoptions tlspassphraseprovider tlspkcs12file tlspresharedkey tlsprotocol tlsrandomseed
    tlsrenegotiate tlsrequired tlsrsacertificatefile tlsrsacertificatekeyfile
    tlsservercipherpreference tlsserverinfofile tlssessioncache tlssessionticketkeys
    tlssessiontickets tlsstapling tlsstaplingcache tlsstaplingoptions tlsstaplingresponder
    tlsstaplingtimeout tlstimeouthandshake tlsverifyclient tlsverifydepth tlsverifyorder
    tlsverifyserver trace tracelog traceoptions transferoptions transferpriority transferrate
    umask uniqueidengine useencoding useglobbing useipv6 usenoncompliantactivetransfer
    usereversedns usesendfile useslink
    """
)

# Sections with a meaning here; any other section is not understood.
SECTIONS = _names(
    """
    <anonymous> <class> <directory> <global> <ifauthenticated> <ifclass> <ifgroup> <ifuser>
    <limit> <virtualhost>
    """
)

# They name users, groups or addresses for a decision; they stand in <Limit>.
DECIDING = _names(
    """
    allow allowall allowclass allowfilter allowgroup allowuser deny denyall denyclass denyfilter
    denygroup denyuser ignorehidden order
    """
)

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
    pathdenyfilter sqllog useralias userpassword
    """
)


def is_known(name: str) -> bool:
    """True when the directive is understood or has no bearing on rights."""
    return name in UNDERSTOOD or name in WITHOUT_BEARING
