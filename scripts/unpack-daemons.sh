#!/bin/sh
# Unpacks Debian's own FTP, SFTP and LDAP servers side by side into .cache/daemons, for the tests that
# ask the real daemons. Nothing is installed: the packages conflict with each other and would start
# servers. Needs no root. Does nothing when the same packages have been unpacked before.
set -eu

kinds="vsftpd proftpd pureftpd openssh slapd"

packages_of() {
    case "$1" in
        vsftpd) echo vsftpd db-util db5.3-util libpam-pwdfile libpam-mysql ;;
        proftpd) echo proftpd-core proftpd-mod-crypto proftpd-mod-sqlite proftpd-mod-mysql proftpd-mod-pgsql proftpd-mod-vroot ;;
        pureftpd) echo pure-ftpd pure-ftpd-common pure-ftpd-mysql pure-ftpd-postgresql pure-ftpd-ldap ;;
        openssh) echo openssh-server openssh-sftp-server ;;
        slapd) echo slapd ;;
    esac
}

is_unpacked() {
    [ "$(cat "$cache/$1/.packages" 2>/dev/null)" = "$(packages_of "$1")" ]
}

cache=$(cd "$(dirname "$0")/.." && pwd)/.cache/daemons
missing=""
for kind in $kinds; do
    is_unpacked "$kind" || missing="$missing $kind"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "$0 needs apt-get and dpkg: the daemons come from Debian's packages" >&2
    exit 1
fi
echo "Unpacking Debian's servers:$missing"
mkdir -p "$cache"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

# Package lists of our own, because only root may renew those of the system.
own_lists="-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/apt"

# The download runs as whoever we are: apt's own user may not write into our folder.
download="apt-get -qq -o APT::Sandbox::User=root download"

fetch() {
    (cd "$work/$1" && $download $(packages_of "$1") >/dev/null 2>&1) && return
    if [ ! -e "$work/renewed" ]; then
        mkdir -p "$work/lists/partial" "$work/apt/archives/partial"
        apt-get -qq -o APT::Sandbox::User=root $own_lists update >/dev/null
        touch "$work/renewed"
    fi
    rm -f "$work/$1"/*.deb
    (cd "$work/$1" && $download $own_lists $(packages_of "$1") >/dev/null)
}

for kind in $missing; do
    mkdir "$work/$kind"
    fetch "$kind" || {
        echo "apt-get could not download: $(packages_of "$kind")" >&2
        exit 1
    }
    mkdir "$work/$kind/tree"
    for package in "$work/$kind"/*.deb; do
        dpkg -x "$package" "$work/$kind/tree"
    done
    packages_of "$kind" >"$work/$kind/tree/.packages"
    # dpkg -x leaves the mode of the package's own top folder; ours must let every user in, because
    # a daemon may run its programs as the account that signed in.
    chmod 755 "$work/$kind/tree"
    rm -rf "${cache:?}/$kind"
    mv "$work/$kind/tree" "$cache/$kind"
done
