#!/bin/sh
# typing_view.sh FOLDER: edgevision as type checkers should see it from outside, convert/ and device/ in their mapped places.
# Checkers cannot follow the import hook of an editable install, and links in the checkout itself would break on Windows.
set -eu
view=$1/edgevision
rm -rf "$view"
mkdir -p "$view"
here=$(pwd)
for one in edgevision/*; do
    case $one in */__pycache__) ;; *) ln -s "$here/$one" "$view/" ;; esac
done
ln -s "$here/convert" "$here/device" "$view/"
