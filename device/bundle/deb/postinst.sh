#!/bin/sh
# Install the bundle of this package as the current release; if that fails, the release before keeps running.
# DPKG_ROOT: another root than this machine's, for dpkg --force-script-chrootless (dpkg(1)).
set -e

case "$1" in
configure | abort-remove)
    start=
    # An administrator, or whoever builds an image, may forbid that services are started (policy-rc.d(8)).
    if [ -x "$DPKG_ROOT/usr/sbin/policy-rc.d" ]; then
        status=0
        "$DPKG_ROOT/usr/sbin/policy-rc.d" edgevision restart >/dev/null 2>&1 || status=$?
        if [ "$status" = 101 ]; then start=--no-start; fi
    fi
    # shellcheck disable=SC2086  # nothing, or one word
    /usr/bin/python3 -I "$DPKG_ROOT/usr/lib/edgevision/install.pyz" --root "${DPKG_ROOT:-/}" $start \
        --package "$DPKG_MAINTSCRIPT_PACKAGE" "$DPKG_ROOT/usr/lib/edgevision/bundle.tar.xz"
    ;;
esac
