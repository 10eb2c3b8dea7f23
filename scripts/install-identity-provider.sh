#!/bin/sh
# Installs the identity provider of the tests into .cache/oidc: exactly the packages of the lock file,
# whose hashes npm checks. Does nothing when they are there.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
from="$root/tests/support/oidc"
to="$root/.cache/oidc"
if cmp -s "$from/package-lock.json" "$to/installed.json"; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is missing: run scripts/install-system.sh test first" >&2
    exit 1
fi
echo "Installing the identity provider of the tests"
mkdir -p "$to"
cp "$from/package.json" "$from/package-lock.json" "$to/"
(cd "$to" && npm ci --silent --no-audit --no-fund --ignore-scripts)
cp "$from/package-lock.json" "$to/installed.json"
