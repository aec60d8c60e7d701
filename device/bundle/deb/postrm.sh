#!/bin/sh
# Purge settings, trusted keys and what the service kept, unless a loop that came another way still needs them.
set -e

used() {
    for path in "$DPKG_ROOT/opt/edgevision/current" "$DPKG_ROOT"/etc/systemd/system/edgevision*.service; do
        if [ -e "$path" ] || [ -L "$path" ]; then return 0; fi
    done
    return 1
}

if [ "$1" = purge ] && ! used; then
    rm -rf "$DPKG_ROOT/etc/edgevision" "$DPKG_ROOT/etc/systemd/system/edgevision.service.d" \
        "$DPKG_ROOT/var/lib/edgevision" "$DPKG_ROOT/var/lib/private/edgevision"
fi
