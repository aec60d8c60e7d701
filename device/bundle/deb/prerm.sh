#!/bin/sh
# Remove the releases before the package goes; an upgrade, or another model's package, installs its release over them.
set -e

if [ "$1" = remove ] && [ "${2:-}" != in-favour ]; then
    /usr/bin/python3 -I "$DPKG_ROOT/usr/lib/edgevision/install.pyz" --root "${DPKG_ROOT:-/}" \
        --package "$DPKG_MAINTSCRIPT_PACKAGE" --remove
fi
