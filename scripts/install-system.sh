#!/bin/sh
# Installs the Debian packages that are missing, with sudo when not root.
#   install-system.sh run    what the product needs (building python-ldap, printing summaries)
#   install-system.sh test   also PostgreSQL, MariaDB, Chromium, Dovecot and Node, and the tools and libraries of the
#                            servers that unpack-daemons.sh lays out, for the tests
set -eu

run="gcc libc6-dev libldap2-dev libsasl2-dev python3-dev python3-venv
libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 libfontconfig1 fonts-dejavu-core"
test="postgresql-15 chromium dovecot-imapd
mariadb-server-core mariadb-client-core libmariadb3
acl libargon2-1 libhiredis0.14 libltdl7 libmemcached11 libmemcachedutil2 libodbc2 libpam-modules
libpam0g libpcre2-posix3 libsodium23 libsqlite3-0 libsystemd0 libwrap0 netbase passwd"

# Node may come from elsewhere; Debian's is used where there is none.
command -v npm >/dev/null 2>&1 || test="$test nodejs npm"

case "${1:-run}" in
    run) wanted="$run" ;;
    test) wanted="$run $test" ;;
    *) echo "usage: $0 run|test" >&2; exit 3 ;;
esac

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "These Debian packages are missing, and there is no sudo to install them:$missing" >&2
        echo "Ask an administrator for: apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo"
fi
echo "Installing Debian packages:$missing"

# PostgreSQL's package would start a server of its own; the tests start theirs.
if [ "${1:-run}" = test ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi

# Dovecot's package would start its server as well: for this one call nothing may be started. Who
# runs a Dovecot of his own keeps it as it is.
policy=/usr/sbin/policy-rc.d
case "$missing" in
    *dovecot*)
        if [ ! -e "$policy" ] && [ ! -e /usr/sbin/dovecot ]; then
            printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
            $as_root chmod 755 "$policy"
            trap '$as_root rm -f "$policy"; $as_root systemctl disable dovecot >/dev/null 2>&1 || true' EXIT
        fi
        ;;
esac

install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold install"
$install $missing >/dev/null 2>&1 || {
    $as_root apt-get -qq update
    $install $missing >/dev/null
} || {
    echo "apt-get could not install:$missing" >&2
    exit 1
}
