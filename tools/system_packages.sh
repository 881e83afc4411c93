#!/usr/bin/env bash
# Makes sure that programs which are not Python's are installed: `compile` for tools/compile.py, `test`, `bench`.
#
# As root on a machine with apt-get: installs what is missing (and asks for the package lists only then).
# Otherwise: names what is missing; what needs it is done without or reported as skipped.  Never fails.
set -u

# program or file -> Debian package
missing=()
need() { # need PACKAGE TEST...
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1"; }

purpose=${1:-test}
if [ "$purpose" != bench ]; then
  need gcc have gcc
  need libc6-dev test -e /usr/include/stdlib.h
  python=${PYTHON:-python3}
  need python3-dev "$python" -c 'import os, sysconfig; assert os.path.exists(sysconfig.get_path("include") + "/Python.h")'
fi
if [ "$purpose" != compile ]; then
  need mariadb-server have mariadbd
  need mariadb-client have mariadb-dump
fi
if [ "$purpose" = bench ]; then
  need sysbench have sysbench
  need mariadb-plugin-spider eval 'ls /usr/lib*/mysql/plugin/ha_spider.so /usr/lib/*/*/plugin/ha_spider.so 2>/dev/null | grep -q .'
fi
if [ "$purpose" = test ]; then
  need default-libmysqlclient-dev eval 'have mariadb_config || have mysql_config'
  need pkg-config have pkg-config
  need nodejs have node
  need npm have npm
fi

[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing to $purpose: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A package must not start servers of its own; the tests start private ones.
  install() { apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
  install || { apt-get update -q >/dev/null 2>&1; install; } || echo "could not install all of: ${missing[*]}"
else
  echo "not installed, done without: ${missing[*]}"
fi
exit 0
