#!/bin/sh
# Create a virtual environment and install packages into it: setup.sh FOLDER PIP-ARGUMENTS...
# It looks for a supported Python, unless PYTHON=... names one.
set -eu
folder=$1
shift

fits() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

python=
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
  if fits "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "setup: no Python 3.11, 3.12 or 3.13 with venv found; install one (Debian: apt install python3 python3-venv) or give its path: make PYTHON=/path/to/python3" >&2
  exit 1
fi

[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
echo "setup: installing into $folder (a few minutes the first time)"
"$folder/bin/python" -m pip install -q --disable-pip-version-check "$@"
