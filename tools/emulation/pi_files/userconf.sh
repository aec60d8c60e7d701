#!/bin/sh
# Rename the first account (uid 1000) and set its password hash.
set -e
old=$(getent passwd 1000 | cut -d: -f1)
if [ "$old" != "$1" ]; then
    usermod -l "$1" "$old"
    usermod -m -d "/home/$1" "$1"
    groupmod -n "$1" "$old"
    [ ! -f /etc/sudoers.d/010_pi-nopasswd ] || sed -i "s/^$old /$1 /" /etc/sudoers.d/010_pi-nopasswd
fi
[ -z "$2" ] || echo "$1:$2" | chpasswd -e
