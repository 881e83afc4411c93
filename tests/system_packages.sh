#!/usr/bin/env bash
# Makes sure that the programs which the tests start are installed.
#
# As root on a machine with apt-get: installs what is missing (and asks for the package lists only then).
# Otherwise: names what is missing; the tests that need it report themselves as skipped.  Never fails.
set -u

# program or file -> Debian package
missing=()
need() { # need PACKAGE TEST...
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1"; }

need mariadb-server have mariadbd
need mariadb-client have mariadb-dump
if [ "${1:-test}" = bench ]; then
  need sysbench have sysbench
else
  need default-libmysqlclient-dev eval 'have mariadb_config || have mysql_config'
  need pkg-config have pkg-config
  need gcc have gcc
  need nodejs have node
  need npm have npm
  python=${PYTHON:-python3}
  need python3-dev "$python" -c 'import os, sysconfig; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")'
fi

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A package must not start servers of its own; the tests start private ones.
  install() { apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
  install || { apt-get update -q >/dev/null 2>&1; install; } || echo "could not install all of: ${missing[*]}"
else
  echo "not installed, the tests that need them are skipped: ${missing[*]}"
fi
exit 0
