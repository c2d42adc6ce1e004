#!/bin/sh
# Checks that the build tools are there, then runs autoreconf. It configures and
# installs nothing: ./configure comes next. (./quickstart does all of it.)
set -eu
cd "$(dirname "$0")"

missing=
need() { # command, Debian package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need autoreconf autoconf
need automake automake
need libtoolize libtool
need pkg-config pkg-config

if [ -n "$missing" ]; then
    echo "autogen.sh: missing tools; on Debian or Ubuntu: apt-get install$missing" >&2
    exit 1
fi

exec autoreconf --install --force "$@"
